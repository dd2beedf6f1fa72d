"""What intake tells, and is told: a submission arrived, what it means, or why nobody can tell; a mapping changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from shared.events.base import Event, Part
from shared.ids import CohortId, ConnectionName, EvidenceId, ParticipantId, RaterId, RereadingId, SubmissionId
from shared.words import Instrument, Relationship


class SubmissionReceived(Event):
    """A submission is stored, raw. Published once when it arrives and once for each `quarantine retry`."""

    name: ClassVar[str] = "intake.submission_received.v1"

    submission: SubmissionId
    cohort: CohortId


class BackfillDue(Event):
    """A time slot has begun in which survey tools are asked for what is new."""

    name: ClassVar[str] = "intake.backfill_due.v1"

    slot: datetime


class PageDue(Event):
    """The next page of a form's responses is to be asked of the connection's survey tool."""

    name: ClassVar[str] = "intake.page_due.v1"

    cohort: CohortId
    connection: ConnectionName
    form: str
    turn: int | None = None
    """Where in a run it belongs; None: a run is to begin, or to go on from where it is."""


class RenewalDue(Event):
    """A webhook that its survey tool would end by itself is to be renewed before."""

    name: ClassVar[str] = "intake.renewal_due.v1"

    cohort: CohortId
    connection: ConnectionName
    form: str
    address: str
    """The webhook's address as it was registered, without a secret in it."""


class MappingChanged(Event):
    """What arrived on these connections is to be read again, because what it means has changed.

    Published when the mapping changes, and again by whoever has read some, for those that come `after` a submission.
    """

    name: ClassVar[str] = "intake.mapping_changed.v1"

    cohort: CohortId
    rereading: RereadingId
    """The same from the first to the last event of one change."""
    connections: tuple[str, ...]
    after: SubmissionId | None = None
    """Submissions up to this one are read; None: none are."""


class Piece(Part):
    """One piece of evidence: what one person said about one participant with one instrument.

    Its key is (participant, instrument, element, by). Of two pieces with the same key the one with the greater
    (as_of, evidence) counts, whichever arrives first.
    """

    evidence: EvidenceId
    instrument: Instrument
    by: RaterId
    """Rater, assessor or marker."""
    relationship: Relationship | None = None
    """Set for the 360 appraisal only."""
    element: str = ""
    """The exercise (development day) or criterion (written assessment); empty for the 360 appraisal."""
    ratings: Mapping[str, float | None]
    """Item (360) or competency (day) → rating on the cohort's scale; criterion (written) → mark, 0 to its maximum.
    None is "not observed": never zero. What was not answered at all is absent."""
    moderating: bool = False
    """Written assessment: the sender says that this mark moderates the others."""
    as_of: datetime
    """When it was submitted; for undated sheets and marks, when they arrived."""
    late: bool = False
    """Submitted after the cohort closed: flagged, never refused."""


class EvidenceRecorded(Event):
    """All evidence that one submission holds about one participant."""

    name: ClassVar[str] = "intake.evidence_recorded.v1"

    submission: SubmissionId
    cohort: CohortId
    participant: ParticipantId
    pieces: tuple[Piece, ...]


class SubmissionQuarantined(Event):
    """A stored submission can't be understood yet. The reason in words is kept with the submission."""

    name: ClassVar[str] = "intake.submission_quarantined.v1"

    submission: SubmissionId
    cohort: CohortId
    reason: str
    """A code such as `unknown_participant`; holds no personal data."""
