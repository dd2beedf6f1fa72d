"""Reading for people: which plans there are and what they wait for, what was printed and mailed, who is in the pool."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

import sqlalchemy as sa

from services.reporting.core.disclosure import exposes
from services.reporting.core.documents import PlanDocument
from services.reporting.core.mail import known, to_do
from services.reporting.core.message import attachment_of
from services.reporting.core.release import MessageState, PlanState, waits_for
from services.reporting.store.messages import message_about
from services.reporting.store.plans import plan_about
from services.reporting.tables import messages, plans, pool_entries, pool_records
from shared.cohort.definition import CohortDefinition
from shared.cohort.store import definition_of
from shared.errors import PermanentError
from shared.ids import CohortId, ParticipantId


class NoSuchPlan(PermanentError):
    """There is no such plan, or nothing was printed of it yet."""

    def __init__(self, cohort: CohortId, participant: ParticipantId, what: str) -> None:
        super().__init__(f"{cohort}/{participant}: {what}; `talentline plan list {cohort}` shows what there is")


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One revision of one participant's plan. `waiting` says in words why it is not sent; None once it is."""

    participant: ParticipantId
    revision: int
    state: str
    sent: bool
    message_id: str | None
    drafted_at: datetime
    released_at: datetime | None
    sent_at: datetime | None
    waiting: str | None


@dataclass(frozen=True, slots=True)
class PoolRecord:
    """How a participant's pool record stands. Readiness is proposed by our rule; `basis` says why, in words."""

    cohort: CohortId
    participant: ParticipantId
    level: str
    readiness: str
    status: str
    basis: str
    by: str
    reason: str
    review_on: date
    expires_on: date

    def shown(self) -> dict[str, str]:
        """The record with plain values, as `--json` shows it."""
        return {name: str(getattr(self, name)) for name in self.__slots__}


def plans_of(connection: sa.Connection, cohort: CohortId) -> list[PlanRow]:
    """Every plan of a cohort, by participant and revision."""
    p, m = plans.c, messages.c
    same = sa.and_(m.cohort == p.cohort, m.participant == p.participant, m.revision == p.revision)
    columns = (p.cohort, p.participant, p.revision, p.state, p.shown, p.drafted_at, p.released_at, p.sent_at)
    mail = (m.message_id, m.state.label("mail"), m.words)
    query = sa.select(*columns, *mail).select_from(plans.outerjoin(messages, same)).where(p.cohort == cohort)
    rows = connection.execute(query.order_by(p.participant, p.revision)).mappings().all()
    definition = definition_of(connection, cohort) if rows else None
    found: list[PlanRow] = []
    for _, group in groupby(rows, key=lambda row: row["participant"]):
        revisions = list(group)
        found += [_plan_row(row, _waiting(row, revisions, definition)) for row in revisions]
    return found


def _plan_row(row: sa.RowMapping, waiting: str | None) -> PlanRow:
    return PlanRow(
        participant=row["participant"],
        revision=row["revision"],
        state=row["state"],
        sent=row["state"] == PlanState.SENT,
        message_id=row["message_id"],
        drafted_at=row["drafted_at"],
        released_at=row["released_at"],
        sent_at=row["sent_at"],
        waiting=waiting,
    )


def _waiting(row: sa.RowMapping, revisions: Sequence[sa.RowMapping], definition: CohortDefinition | None) -> str | None:
    if row["state"] == PlanState.SENT or definition is None:
        return None
    if row["state"] == PlanState.RELEASED:
        return _under_way(row)
    out = [other["shown"] for other in revisions if other["state"] != PlanState.DRAFT]
    reason = exposes(out, row["shown"], definition.disclosure.group_minimum) if out else None
    return reason or waits_for(row["revision"], definition.release.policy)


def _under_way(row: sa.RowMapping) -> str:
    """What a released plan waits for."""
    if row["mail"] is None:
        return "on its way"
    state = MessageState(row["mail"])
    cure = to_do(state, row["cohort"], row["participant"])
    return f"{known(state, row['words'])}; {cure}" if cure else known(state, row["words"])


def plan_document(
    connection: sa.Connection, cohort: CohortId, participant: ParticipantId, revision: int | None = None
) -> PlanDocument:
    """What a plan says; the latest revision unless one is named. Raises NoSuchPlan."""
    plan = plan_about(connection, cohort, participant, revision or latest_revision(connection, cohort, participant))
    if plan is None:
        raise NoSuchPlan(cohort, participant, "there is no such plan")
    return plan.document


def latest_revision(connection: sa.Connection, cohort: CohortId, participant: ParticipantId) -> int:
    """The number of a participant's latest plan; 0 without one."""
    p = plans.c
    query = sa.select(sa.func.max(p.revision)).where(p.cohort == cohort, p.participant == participant)
    return connection.execute(query).scalar_one() or 0


def message_bytes(
    connection: sa.Connection, cohort: CohortId, participant: ParticipantId, revision: int | None = None
) -> bytes:
    """A plan's mail as it goes over the wire; of the latest revision unless one is named. Raises NoSuchPlan."""
    number = revision or latest_revision(connection, cohort, participant)
    message = message_about(connection, cohort, participant, number)
    if message is None:
        raise NoSuchPlan(cohort, participant, "no mail was made for this plan yet")
    return message.content


def plan_pdf_bytes(
    connection: sa.Connection, cohort: CohortId, participant: ParticipantId, revision: int | None = None
) -> bytes:
    """A plan's PDF exactly as it was attached. Raises NoSuchPlan for a draft: `commands.plan_pdf` prints those."""
    return attachment_of(message_bytes(connection, cohort, participant, revision))


def pool_of(connection: sa.Connection, level: str | None = None, cohort: CohortId | None = None) -> list[PoolRecord]:
    """The talent pool's records, by cohort, participant and level; of one level or cohort if these are given."""
    r = pool_records.c
    wanted = [r.level == level] if level is not None else []
    wanted += [r.cohort == cohort] if cohort is not None else []
    query = sa.select(pool_entries).join(pool_records, r.entry == pool_entries.c.id).where(*wanted)
    rows = connection.execute(query.order_by(r.cohort, r.participant, r.level)).mappings()
    return [PoolRecord(**{name: row[name] for name in PoolRecord.__slots__}) for row in rows]
