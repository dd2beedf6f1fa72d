"""THE CONTRACT between the services: what happened, in the past tense, versioned, and who listens.

`EVENTS` maps the newest wire names to classes, `ROUTES` them to listening services, `UPCASTERS` older wire names to the
way to the next version. `read` makes a value of any stored event. Recorded schemas are in `recorded/`: a released field
is never removed or retyped, only optional ones are added; anything else is a new version (docs/evolution.md).
"""

from shared.events.base import Event
from shared.events.bus import InvariantsDue
from shared.events.intake import (
    BackfillDue,
    EvidenceRecorded,
    MappingChanged,
    PageDue,
    Piece,
    RenewalDue,
    SubmissionQuarantined,
    SubmissionReceived,
)
from shared.events.reading import UnreadableEvent, newest_form
from shared.events.reporting import (
    CohortReported,
    MailProofDue,
    PlanReleased,
    PlanSent,
    PoolExpiryDue,
    TalentPoolUpdated,
)
from shared.events.scoring import (
    CalibratedPart,
    CohortCalibrated,
    CohortRunRequested,
    CohortScored,
    EvidenceRef,
    Figure,
    Gap,
    GroupFigure,
    ParticipantScored,
    ReconciliationDue,
    RequirementWaived,
    ScoredResult,
    SourceFigure,
    Waiting,
    Waived,
    WaiverWithdrawn,
)
from shared.events.upcasters import UPCASTERS, Payload
from shared.words import Service

EVENTS: dict[str, type[Event]] = {
    event.name: event
    for event in (
        MappingChanged,
        SubmissionReceived,
        EvidenceRecorded,
        SubmissionQuarantined,
        BackfillDue,
        PageDue,
        RenewalDue,
        CohortRunRequested,
        ReconciliationDue,
        RequirementWaived,
        WaiverWithdrawn,
        CohortCalibrated,
        ParticipantScored,
        CohortScored,
        PlanReleased,
        PlanSent,
        MailProofDue,
        TalentPoolUpdated,
        PoolExpiryDue,
        CohortReported,
        InvariantsDue,
    )
}

ROUTES: dict[str, tuple[Service, ...]] = {
    MappingChanged.name: (Service.INTAKE,),
    SubmissionReceived.name: (Service.INTAKE,),
    EvidenceRecorded.name: (Service.SCORING,),
    SubmissionQuarantined.name: (),
    BackfillDue.name: (Service.INTAKE,),
    PageDue.name: (Service.INTAKE,),
    RenewalDue.name: (Service.INTAKE,),
    CohortRunRequested.name: (Service.SCORING,),
    ReconciliationDue.name: (Service.SCORING,),
    RequirementWaived.name: (Service.SCORING,),
    WaiverWithdrawn.name: (Service.SCORING,),
    CohortCalibrated.name: (),
    ParticipantScored.name: (Service.REPORTING,),
    CohortScored.name: (Service.REPORTING,),
    PlanReleased.name: (Service.REPORTING,),
    PlanSent.name: (),
    MailProofDue.name: (Service.REPORTING,),
    TalentPoolUpdated.name: (),
    PoolExpiryDue.name: (Service.REPORTING,),
    CohortReported.name: (),
    InvariantsDue.name: (Service.INTAKE, Service.SCORING, Service.REPORTING),
}


def read(name: str, payload: Payload) -> Event:
    """A stored event of any version that was ever released, in its newest form.

    Raises:
        UnknownEvent: nobody here knows this name: a newer release wrote it.
        UnreadableEvent: the payload does not fit the schema of its version.
    """
    return newest_form(name, payload, EVENTS, UPCASTERS)


def readable() -> tuple[str, ...]:
    """The wire names that `read` knows."""
    return (*EVENTS, *UPCASTERS)


__all__ = [
    "EVENTS",
    "ROUTES",
    "UPCASTERS",
    "BackfillDue",
    "CalibratedPart",
    "CohortCalibrated",
    "CohortReported",
    "CohortRunRequested",
    "CohortScored",
    "Event",
    "EvidenceRecorded",
    "EvidenceRef",
    "Figure",
    "Gap",
    "GroupFigure",
    "InvariantsDue",
    "MailProofDue",
    "MappingChanged",
    "PageDue",
    "ParticipantScored",
    "Piece",
    "PlanReleased",
    "PlanSent",
    "PoolExpiryDue",
    "ReconciliationDue",
    "RenewalDue",
    "RequirementWaived",
    "ScoredResult",
    "SourceFigure",
    "SubmissionQuarantined",
    "SubmissionReceived",
    "TalentPoolUpdated",
    "UnreadableEvent",
    "Waiting",
    "Waived",
    "WaiverWithdrawn",
    "read",
    "readable",
]
