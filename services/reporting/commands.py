"""What people ask reporting for: release a plan, decide on a pool record, print a plan."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from services.reporting.core.disclosure import exposes
from services.reporting.core.documents import PlanDocument
from services.reporting.core.pool import Decision, PoolEntry, PoolStatus, decided
from services.reporting.core.release import PlanState, day_of, releasable, waits_for
from services.reporting.library import pool_rule
from services.reporting.rendering import plan_pdf as rendered_plan
from services.reporting.store import (
    Connection,
    NoSuchPlan,
    PoolRecord,
    latest_revision,
    plan_document,
    plan_pdf_bytes,
    plans,
    pool,
    pool_of,
)
from services.reporting.store.plans import Plan
from shared import clock
from shared.cohort.definition import CohortDefinition
from shared.cohort.store import definition_of
from shared.db import UnitOfWork
from shared.errors import PermanentError
from shared.events import PlanReleased, TalentPoolUpdated
from shared.ids import CohortId, ParticipantId
from shared.outbox import audited, publish


@dataclass(frozen=True, slots=True)
class ReleaseOutcome:
    """What became of asking for one participant's plan; `words` say it to a coordinator."""

    participant: ParticipantId
    revision: int | None
    released: bool
    words: str


class NoSuchRecord(PermanentError):
    """A decision was made on a pool record that does not exist."""


class UnclearDecision(PermanentError):
    """A decision lacks a name or a reason, or could be about more than one record."""


def release(
    uow: UnitOfWork,
    cohort: CohortId,
    participants: Iterable[ParticipantId] | None,
    actor: str,
) -> list[ReleaseOutcome]:
    """Let plans go out that wait for a person: first plans after the debrief, and revisions. None: all that wait.

    A revision that would expose raters by its difference from an earlier plan is not released. What was released before
    is sent again by `services.reporting.mail` only. Raises UnknownCohort.
    """
    definition = definition_of(uow.connection, cohort)
    chosen = _waiting(uow, cohort) if participants is None else sorted(set(participants))
    return [_released(uow, definition, each, actor) for each in chosen]


def _waiting(uow: UnitOfWork, cohort: CohortId) -> list[ParticipantId]:
    return [plan.participant for plan in plans.drafts_of(uow.connection, cohort)]


def _released(uow: UnitOfWork, definition: CohortDefinition, participant: ParticipantId, actor: str) -> ReleaseOutcome:
    cohort = CohortId(definition.cohort)
    if not latest_revision(uow.connection, cohort, participant):
        return ReleaseOutcome(participant, None, released=False, words="there is no plan yet: plans follow scores")
    plans.lock_case(uow, cohort, participant)
    known = plans.plans_about(uow.connection, cohort, participant)
    plan = known[-1]
    reason = _not_releasable(definition, known)
    if reason:
        return ReleaseOutcome(participant, plan.revision, released=False, words=reason)
    plans.release(uow, plan, by=actor, at=clock.now())
    audited(uow, actor=actor, action="plan.release", subject=plan.document.reference)
    publish(uow, PlanReleased(cohort=cohort, participant=participant, revision=plan.revision))
    return ReleaseOutcome(participant, plan.revision, released=True, words=f"plan {plan.revision} is on its way")


def _out(known: Sequence[Plan]) -> list[Plan]:
    """The plans that went out, or are about to."""
    return [plan for plan in known if plan.state is not PlanState.DRAFT]


def _not_releasable(definition: CohortDefinition, known: Sequence[Plan]) -> str | None:
    plan, policy = known[-1], definition.release.policy
    if plan.state is PlanState.SENT:
        return "its plan was sent already; a new result makes a revision"
    if plan.state is PlanState.RELEASED:
        return "it was released already; `talentline plan list` shows what it waits for"
    if not releasable(plan.revision, policy):
        return waits_for(plan.revision, policy)
    earlier = [other.shown for other in _out(known)]
    return exposes(earlier, plan.shown, definition.disclosure.group_minimum) if earlier else None


def decide(
    uow: UnitOfWork,
    participant: ParticipantId,
    level: str,
    decision: Decision,
    *,
    by: str,
    reason: str,
    cohort: CohortId | None = None,
) -> PoolRecord:
    """Note a named person's decision on a pool record. The cohort is needed where several have this participant.

    Raises NoSuchRecord or UnclearDecision, with what there is and what is missing.
    """
    if not by.strip() or not reason.strip():
        raise UnclearDecision("a decision needs the name of the person who decides and a reason")
    record = _one_record(uow, participant, level, cohort)
    plans.lock_case(uow, record.cohort, participant)
    definition, now = definition_of(uow.connection, record.cohort), clock.now()
    entry = decided(
        _standing(uow, record),
        decision,
        by=by.strip(),
        reason=reason.strip(),
        rule=pool_rule(),
        on=day_of(definition, now),
    )
    until = definition.end_of(entry.expires_on)
    pool.append(uow, record.cohort, participant, entry, result=None, at=now, until=until)
    subject = f"{record.cohort}/{participant}/{level}"
    audited(uow, actor=entry.by, action=f"pool.{decision.value}", subject=subject, detail={"reason": entry.reason})
    changed = {"level": level, "readiness": entry.readiness, "status": entry.status.value}
    publish(uow, TalentPoolUpdated(cohort=record.cohort, participant=participant, **changed))
    return _one_record(uow, participant, level, record.cohort)


def _standing(uow: UnitOfWork, record: PoolRecord) -> PoolEntry:
    """How the record stands now that its case is locked."""
    entries = pool.standing(uow.connection, record.cohort, record.participant)
    entry = next(entry for entry in entries if entry.level == record.level)
    if entry.status is PoolStatus.WITHDRAWN:
        raise NoSuchRecord(f"the record of {record.participant} for {record.level} was withdrawn: {entry.reason}")
    return entry


def _one_record(uow: UnitOfWork, participant: ParticipantId, level: str, cohort: CohortId | None) -> PoolRecord:
    everything = pool_of(uow.connection, cohort=cohort)
    theirs = [record for record in everything if record.participant == participant]
    found = [record for record in theirs if record.level == level]
    if not found:
        there = ", ".join(f"{record.level} ({record.cohort})" for record in theirs) or "none"
        raise NoSuchRecord(f"{participant} has no pool record for the level {level}; there is: {there}")
    if len(found) > 1:
        cohorts = ", ".join(record.cohort for record in found)
        raise UnclearDecision(f"several cohorts have a participant {participant}: {cohorts}; say which one is meant")
    return found[0]


def plan_pdf(
    connection: Connection,
    cohort: CohortId,
    participant: ParticipantId,
    revision: int | None = None,
    render: Callable[[PlanDocument], bytes] = rendered_plan,
) -> bytes:
    """A plan as PDF: the very bytes that were mailed, or a draft printed now. Raises NoSuchPlan."""
    document = plan_document(connection, cohort, participant, revision)
    try:
        return plan_pdf_bytes(connection, cohort, participant, document.revision)
    except NoSuchPlan:
        return render(document)
