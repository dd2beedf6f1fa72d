"""THE CONTRACT between the services: what happened, in the past tense, versioned, and who listens.

`EVENTS` maps wire names to classes, `ROUTES` wire names to listening services. Recorded schemas are in `recorded/`: a
released field is never removed or retyped, only optional ones are added; anything else is a new version.
"""

from shared.events.base import Event
from shared.events.intake import EvidenceRecorded, Piece, SubmissionQuarantined, SubmissionReceived
from shared.events.reporting import CohortReported, PlanReleased, PlanSent, TalentPoolUpdated
from shared.events.scoring import (
    CohortRunRequested,
    CohortScored,
    EvidenceRef,
    Figure,
    Gap,
    GroupFigure,
    ParticipantScored,
    ReconciliationDue,
    ScoredResult,
    SourceFigure,
    Waiting,
)
from shared.words import Service

EVENTS: dict[str, type[Event]] = {
    event.name: event
    for event in (
        SubmissionReceived,
        EvidenceRecorded,
        SubmissionQuarantined,
        CohortRunRequested,
        ReconciliationDue,
        ParticipantScored,
        CohortScored,
        PlanReleased,
        PlanSent,
        TalentPoolUpdated,
        CohortReported,
    )
}

ROUTES: dict[str, tuple[Service, ...]] = {
    SubmissionReceived.name: (Service.INTAKE,),
    EvidenceRecorded.name: (Service.SCORING,),
    SubmissionQuarantined.name: (),
    CohortRunRequested.name: (Service.SCORING,),
    ReconciliationDue.name: (Service.SCORING,),
    ParticipantScored.name: (Service.REPORTING,),
    CohortScored.name: (Service.REPORTING,),
    PlanReleased.name: (Service.REPORTING,),
    PlanSent.name: (),
    TalentPoolUpdated.name: (),
    CohortReported.name: (),
}

__all__ = [
    "EVENTS",
    "ROUTES",
    "CohortReported",
    "CohortRunRequested",
    "CohortScored",
    "Event",
    "EvidenceRecorded",
    "EvidenceRef",
    "Figure",
    "Gap",
    "GroupFigure",
    "ParticipantScored",
    "Piece",
    "PlanReleased",
    "PlanSent",
    "ReconciliationDue",
    "ScoredResult",
    "SourceFigure",
    "SubmissionQuarantined",
    "SubmissionReceived",
    "TalentPoolUpdated",
    "Waiting",
]
