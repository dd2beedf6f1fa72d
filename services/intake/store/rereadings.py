"""What became of submissions that were read again, for whoever changed a mapping."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from services.intake.core.rereading import Amount
from services.intake.tables import rereadings
from shared.bulk import insert_many
from shared.db import UnitOfWork
from shared.ids import CohortId, RereadingId, SubmissionId

SAME, CHANGED, UNREAD = "same", "changed", "unread"
ITSELF = ""


@dataclass(frozen=True, slots=True)
class Reread:
    """One submission that was read again: `before` and `after` are by participant, those that differ."""

    submission: SubmissionId
    outcome: str
    before: Mapping[str, Amount]
    after: Mapping[str, Amount]


@dataclass(frozen=True, slots=True)
class ParticipantChange:
    """What changed about one participant: in how many submissions, and how much they say, before and after."""

    participant: str
    submissions: int
    before: Amount
    after: Amount


@dataclass(frozen=True, slots=True)
class RereadingSummary:
    """What a change of the mapping led to so far. `outcomes` counts submissions."""

    rereading: RereadingId
    begun_at: datetime
    outcomes: Mapping[str, int]
    changes: tuple[ParticipantChange, ...]


def note_reread(
    uow: UnitOfWork, cohort: CohortId, rereading: RereadingId, some: Iterable[Reread], at: datetime
) -> None:
    """Note what became of submissions; noted once, in the transaction that reads them."""
    rows = [row for each in some for row in _rows(each)]
    same = {"cohort": cohort, "rereading": rereading, "read_at": at}
    insert_many(uow.connection, rereadings, [row | same for row in rows])


def _rows(each: Reread) -> Iterable[dict[str, object]]:
    of_all = {ITSELF: (Amount(), Amount())}
    of_each = {
        who: (each.before.get(who, Amount()), each.after.get(who, Amount())) for who in {*each.before, *each.after}
    }
    for participant, (before, after) in (of_all | of_each).items():
        yield {
            "submission": each.submission,
            "participant": participant,
            "outcome": each.outcome,
            "given_before": before.given,
            "given_after": after.given,
            "not_observed_before": before.not_observed,
            "not_observed_after": after.not_observed,
        }


def latest_rereading(connection: sa.Connection, cohort: CohortId) -> RereadingSummary | None:
    """The last change of the cohort's mapping that had anything to read again; None: there was none."""
    r = rereadings.c
    query = sa.select(r.rereading).where(r.cohort == cohort).order_by(r.read_at.desc(), r.rereading.desc()).limit(1)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else rereading_summary(connection, RereadingId(found))


def rereading_summary(connection: sa.Connection, rereading: RereadingId) -> RereadingSummary | None:
    """What one change led to so far; None: nothing was read for it."""
    r = rereadings.c
    mine = r.rereading == rereading
    counts = sa.select(r.outcome, sa.func.count().label("n"), sa.func.min(r.read_at).label("first"))
    outcomes = connection.execute(counts.where(mine, r.participant == ITSELF).group_by(r.outcome)).all()
    if not outcomes:
        return None
    sums = ("given_before", "not_observed_before", "given_after", "not_observed_after")
    each = sa.select(r.participant, sa.func.count().label("n"), *(sa.func.sum(r[name]).label(name) for name in sums))
    rows = connection.execute(
        each.where(mine, r.participant != ITSELF).group_by(r.participant).order_by(r.participant)
    ).mappings()
    return RereadingSummary(
        rereading,
        min(row.first for row in outcomes),
        {row.outcome: row.n for row in outcomes},
        tuple(_change(row) for row in rows),
    )


def _change(row: sa.RowMapping) -> ParticipantChange:
    before = Amount(int(row["given_before"]), int(row["not_observed_before"]))
    after = Amount(int(row["given_after"]), int(row["not_observed_after"]))
    return ParticipantChange(row["participant"], row["n"], before, after)
