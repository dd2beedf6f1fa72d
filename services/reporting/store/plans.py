"""Cases and plans: the row to lock, drafts that a newer result replaces, releases, authorisations by a run."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from services.reporting.core.disclosure import Answer
from services.reporting.core.documents import PlanDocument
from services.reporting.core.release import PlanState
from services.reporting.tables import authorisations, cases, plans
from shared.db import UnitOfWork
from shared.errors import PermanentError
from shared.ids import CohortId, ParticipantId, ResultId, RunId

_DOCUMENT = TypeAdapter(PlanDocument)


@dataclass(frozen=True, slots=True)
class Plan:
    """One revision of a participant's plan. `shown`: whose answers it shows averages of."""

    cohort: CohortId
    participant: ParticipantId
    revision: int
    result: ResultId
    version: int
    state: PlanState
    document: PlanDocument
    shown: list[list[Answer]]
    released_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReleasedPlan:
    """What goes out, and since when it may."""

    document: PlanDocument
    released_at: datetime


class PlanNotReleased(PermanentError):
    """A plan was to be sent that nobody has released."""

    def __init__(self, cohort: CohortId, participant: ParticipantId, revision: int) -> None:
        super().__init__(f"revision {revision} of the plan of {cohort}/{participant} is not released")


def lock_case(uow: UnitOfWork, cohort: CohortId, participant: ParticipantId) -> int:
    """Lock a participant's case until the end of the transaction. The latest result's version known, 0 if none."""
    uow.insert_once(cases, {"cohort": cohort, "participant": participant})
    query = sa.select(cases.c.version).where(cases.c.cohort == cohort, cases.c.participant == participant)
    return int(uow.execute(query.with_for_update()).scalar_one())


def lock_cases(uow: UnitOfWork, cohort: CohortId, participants: Iterable[ParticipantId]) -> None:
    """Lock many cases of a cohort at once, in one order, so that no two transactions wait for each other."""
    rows = [{"cohort": cohort, "participant": participant} for participant in sorted(participants)]
    if rows:
        uow.execute(uow.insert(cases).on_conflict_do_nothing(), rows)
    query = sa.select(cases.c.participant).where(cases.c.cohort == cohort).order_by(cases.c.participant)
    uow.execute(query.with_for_update()).all()


def note_version(uow: UnitOfWork, cohort: CohortId, participant: ParticipantId, version: int) -> None:
    """Remember the latest result's version, so that an older one arriving late changes nothing."""
    case = sa.update(cases).where(cases.c.cohort == cohort, cases.c.participant == participant)
    uow.execute(case.values(version=version))


def plans_about(connection: sa.Connection, cohort: CohortId, participant: ParticipantId) -> list[Plan]:
    """All revisions of a participant's plan, the first one first."""
    query = sa.select(plans).where(plans.c.cohort == cohort, plans.c.participant == participant)
    return [plan_of(row) for row in connection.execute(query.order_by(plans.c.revision)).mappings()]


def plan_about(connection: sa.Connection, cohort: CohortId, participant: ParticipantId, revision: int) -> Plan | None:
    """One revision of a participant's plan, or None."""
    found = (plan for plan in plans_about(connection, cohort, participant) if plan.revision == revision)
    return next(found, None)


def drafts_of(connection: sa.Connection, cohort: CohortId) -> list[Plan]:
    """The plans of a cohort that wait, by participant."""
    query = sa.select(plans).where(plans.c.cohort == cohort, plans.c.state == PlanState.DRAFT)
    return [plan_of(row) for row in connection.execute(query.order_by(plans.c.participant)).mappings()]


def keep_draft(uow: UnitOfWork, plan: Plan, drafted_at: datetime) -> None:
    """Write a draft, in place of an earlier draft of the same revision."""
    values: dict[str, Any] = {
        "result": plan.result,
        "version": plan.version,
        "state": PlanState.DRAFT.value,
        "document": _DOCUMENT.dump_python(plan.document, mode="json"),
        "shown": plan.shown,
        "drafted_at": drafted_at,
    }
    key = {"cohort": plan.cohort, "participant": plan.participant, "revision": plan.revision}
    draft = uow.insert(plans).values(**key, **values)
    uow.execute(draft.on_conflict_do_update(index_elements=list(key), set_=values))


def release(uow: UnitOfWork, plan: Plan, *, by: str, at: datetime) -> None:
    """Mark a draft as released. The caller holds the case's lock and publishes PlanReleased."""
    key = _key(plan.cohort, plan.participant, plan.revision)
    state = {"state": PlanState.RELEASED.value, "released_at": at, "released_by": by}
    uow.execute(sa.update(plans).where(key, plans.c.state == PlanState.DRAFT).values(state))


def authorise(
    uow: UnitOfWork, cohort: CohortId, participants: Iterable[ParticipantId], run: RunId, at: datetime
) -> None:
    """Note that a run has released these participants' first plans, drafted or not."""
    rows = [{"cohort": cohort, "participant": each, "run": run, "at": at} for each in sorted(participants)]
    if rows:
        uow.execute(uow.insert(authorisations).on_conflict_do_nothing(), rows)


def is_authorised(connection: sa.Connection, cohort: CohortId, participant: ParticipantId) -> bool:
    """Whether a run has released the participant's first plan."""
    a = authorisations.c
    query = sa.select(a.run).where(a.cohort == cohort, a.participant == participant)
    return connection.execute(query).one_or_none() is not None


def release_authorised(uow: UnitOfWork, cohort: CohortId, *, by: str, at: datetime) -> list[ParticipantId]:
    """Release every first plan that is drafted and authorised; by participant. The caller publishes PlanReleased."""
    p, a = plans.c, authorisations.c
    authorised = sa.select(a.participant).where(a.cohort == cohort)
    ready = sa.and_(p.cohort == cohort, p.revision == 1, p.state == PlanState.DRAFT, p.participant.in_(authorised))
    found = uow.execute(sa.select(p.participant).where(ready).order_by(p.participant)).scalars().all()
    state = {"state": PlanState.RELEASED.value, "released_at": at, "released_by": by}
    uow.execute(sa.update(plans).where(ready).values(state))
    return list(found)


def released(connection: sa.Connection, cohort: CohortId, participant: ParticipantId, revision: int) -> ReleasedPlan:
    """A plan that may go out. Raises PlanNotReleased if it is a draft, or unknown."""
    plan = plan_about(connection, cohort, participant, revision)
    if plan is None or plan.released_at is None:
        raise PlanNotReleased(cohort, participant, revision)
    return ReleasedPlan(plan.document, plan.released_at)


def keep_issued(
    uow: UnitOfWork, cohort: CohortId, participant: ParticipantId, revision: int, document: PlanDocument
) -> None:
    """Store the plan as it goes out, with the dates of its release."""
    issued = sa.update(plans).where(_key(cohort, participant, revision))
    uow.execute(issued.values(document=_DOCUMENT.dump_python(document, mode="json")))


def note_sent(uow: UnitOfWork, cohort: CohortId, participant: ParticipantId, revision: int, at: datetime) -> None:
    """Mark a plan as sent."""
    sent = sa.update(plans).where(_key(cohort, participant, revision))
    uow.execute(sent.values(state=PlanState.SENT.value, sent_at=at))


def _key(cohort: CohortId, participant: ParticipantId, revision: int) -> sa.ColumnElement[bool]:
    p = plans.c
    return sa.and_(p.cohort == cohort, p.participant == participant, p.revision == revision)


def plan_of(row: sa.RowMapping) -> Plan:
    """A row as a plan."""
    return Plan(
        cohort=row["cohort"],
        participant=row["participant"],
        revision=row["revision"],
        result=row["result"],
        version=row["version"],
        state=PlanState(row["state"]),
        document=_DOCUMENT.validate_python(row["document"]),
        shown=[[(rater, evidence) for rater, evidence in answers] for answers in row["shown"]],
        released_at=row["released_at"],
    )
