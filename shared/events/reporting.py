"""What reporting tells: a plan was released and sent, a pool record changed, a cohort report is ready."""

from typing import ClassVar

from shared.events.base import Event
from shared.ids import CohortId, ParticipantId, RunId


class PlanReleased(Event):
    """A plan may go out now; reporting itself listens and sends it."""

    name: ClassVar[str] = "reporting.plan_released.v1"

    cohort: CohortId
    participant: ParticipantId
    revision: int


class PlanSent(Event):
    """The mail channel took the plan and gave a receipt."""

    name: ClassVar[str] = "reporting.plan_sent.v1"

    cohort: CohortId
    participant: ParticipantId
    revision: int
    message_id: str


class MailProofDue(Event):
    """A mail may or may not have arrived: its channel is to be asked for its proof. Published by the timer of that
    hand-over; if another one began since, it means nothing any more.
    """

    name: ClassVar[str] = "reporting.mail_proof_due.v1"

    cohort: CohortId
    participant: ParticipantId
    revision: int
    hand_over: str


class TalentPoolUpdated(Event):
    """An entry was added to a pool record's history."""

    name: ClassVar[str] = "reporting.talent_pool_updated.v1"

    cohort: CohortId
    participant: ParticipantId
    level: str
    readiness: str
    status: str


class PoolExpiryDue(Event):
    """A pool record is over if nobody has renewed it since. Published by the timer that its entry set."""

    name: ClassVar[str] = "reporting.pool_expiry_due.v1"

    cohort: CohortId
    participant: ParticipantId
    level: str


class CohortReported(Event):
    """The cohort's report of one run is ready."""

    name: ClassVar[str] = "reporting.cohort_reported.v1"

    run: RunId
    cohort: CohortId
