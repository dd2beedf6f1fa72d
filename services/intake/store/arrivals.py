"""Storing what arrives, many submissions in one transaction; what is refused is only counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from services.intake.core.submission import RawRequest, SubmissionKind, SubmissionState
from services.intake.store.bodies import packed
from services.intake.tables import refusals, submissions
from shared.bulk import among, insert_many
from shared.db import Cause, UnitOfWork
from shared.ids import CohortId, SubmissionId

EVERY_UNKNOWN = "*"
"""The connection under which refusals of unknown connections are counted, so that they can't grow without end."""

Key = tuple[str, str, str, str]
"""Cohort, connection, delivery key and SHA-256: what makes a submission the same again."""


Repeats = Mapping[SubmissionId, tuple[int, datetime]]
"""How often each submission came again, and when last."""

Refusals = Mapping[tuple[str, str, date], tuple[int, datetime]]
"""How many requests each connection turned away for a reason on a day, and when last."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A submission about to be stored; `cause` starts the chain of whatever follows from it."""

    id: SubmissionId
    cohort: CohortId
    connection: str
    kind: SubmissionKind
    delivery_key: str
    request: RawRequest = field(repr=False)
    sha256: str
    received_at: datetime
    cause: Cause
    name: str | None = None

    @property
    def key(self) -> Key:
        """What makes it the same again."""
        return (self.cohort, self.connection, self.delivery_key, self.sha256)


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of an arrival: the submission that has it, and whether it is new."""

    submission: SubmissionId
    new: bool


PATIENCE = sa.select(
    sa.func.set_config("lock_timeout", "2s", True), sa.func.set_config("plan_cache_mode", "force_custom_plan", True)
)
BLOCKED = frozenset({"40P01", "55P03"})
"""What PostgreSQL calls a deadlock, and a lock that was not free in time."""


def limit_patience(uow: UnitOfWork) -> None:
    """For this transaction: wait no longer for a lock. And plan each statement for the size that the tables have now:
    a door's connection lives long, and a plan from when they were empty would read all of them.
    """
    if uow.connection.dialect.name == "postgresql":
        uow.execute(PATIENCE)


def was_blocked(error: BaseException) -> bool:
    """Whether somebody else's lock was in the way: the rows that nobody holds can be stored without it."""
    return getattr(getattr(error.__cause__, "orig", None), "sqlstate", None) in BLOCKED


def add_submissions(uow: UnitOfWork, arrivals: Sequence[Arrival]) -> list[Stored]:
    """Store submissions that are not there yet, as if one came after the other in the order given. Those that are there
    are not counted: see `count_repeats`.
    """
    first = {arrival.key: arrival for arrival in reversed(arrivals)}
    # In the order of their keys: two doors that store the same deliveries must not wait for each other in a circle.
    rows = [_row(first[key]) for key in sorted(first)]
    new = {row.id for row in insert_many(uow.connection, submissions, rows, once=True, returning=("id",))}
    there = {arrival.key: arrival.id for arrival in first.values() if arrival.id in new}
    if len(there) < len(first):
        there |= _known(uow.connection, [key for key in first if key not in there])
    _flag_conflicts(uow, [arrival for arrival in arrivals if arrival.id in new])
    return [Stored(there[arrival.key], arrival.id in new) for arrival in arrivals]


def _row(arrival: Arrival) -> dict[str, Any]:
    request = arrival.request
    body, encoding = packed(request.body)
    return {
        "id": arrival.id,
        "cohort": arrival.cohort,
        "connection": arrival.connection,
        "kind": arrival.kind,
        "name": arrival.name,
        "delivery_key": arrival.delivery_key,
        "sha256": arrival.sha256,
        "headers": request.kept_headers,
        "body": body,
        "encoding": encoding,
        "size": len(request.body),
        "received_at": arrival.received_at,
        "state": SubmissionState.RECEIVED,
    }


def _known(connection: sa.Connection, keys: Sequence[Key]) -> dict[Key, SubmissionId]:
    """The submissions that are there under these keys."""
    s = submissions.c
    columns = (s.cohort, s.connection, s.delivery_key, s.sha256)
    query = sa.select(s.id, *columns).where(sa.tuple_(*columns).in_(keys))
    return {(row.cohort, row.connection, row.delivery_key, row.sha256): row.id for row in connection.execute(query)}


def _flag_conflicts(uow: UnitOfWork, new: Sequence[Arrival]) -> None:
    """Flag each new submission whose delivery key an earlier one has for other content."""
    if not new:
        return
    order = {arrival.id: place for place, arrival in enumerate(new)}
    pairs = uow.execute(_conflicts(uow.connection.dialect.name), {"ids": list(order)})
    late = {row.id for row in pairs if order.get(row.other, -1) < order[row.id]}
    if late:
        uow.execute(sa.update(submissions).where(submissions.c.id.in_(late)).values(conflict=True))


@cache
def _conflicts(dialect: str) -> sa.Select[Any]:
    """Submissions among `ids`, with others that have their delivery key and other content."""
    mine, other = submissions.alias("mine"), submissions.alias("other")
    same = [mine.c[name] == other.c[name] for name in ("cohort", "connection", "delivery_key")]
    these = among(dialect, mine.c.id, "ids")
    return sa.select(mine.c.id, other.c.id.label("other")).where(these, *same, other.c.sha256 != mine.c.sha256)


def count_repeats(uow: UnitOfWork, repeats: Repeats, *, patient: bool = True) -> Repeats:
    """Note how often submissions came again. Gives what could not be noted, if not `patient`: somebody, such as the
    worker that reads it, holds the row, and a sender must not wait for that.
    """
    s, ids = submissions.c, list(repeats)
    if not ids:
        return {}
    query = sa.select(s.id).where(s.id.in_(ids)).order_by(s.id)
    free = set(uow.execute(query.with_for_update(skip_locked=not patient)).scalars())
    for submission in sorted(free):
        times, last_at = repeats[submission]
        one_more = sa.update(submissions).where(s.id == submission)
        uow.execute(one_more.values(duplicates=s.duplicates + times, last_duplicate_at=last_at))
    there = set(uow.execute(query).scalars()) if len(free) < len(ids) else free
    return {submission: repeats[submission] for submission in there - free}


def count_refusals(uow: UnitOfWork, counts: Refusals) -> None:
    """Count requests that were turned away: one row a connection, reason and day, however many there are."""
    for (connection, reason, day), (count, last_at) in sorted(counts.items()):
        row = uow.insert(refusals).values(connection=connection, reason=reason, day=day, count=count, last_at=last_at)
        more = {"count": refusals.c.count + count, "last_at": last_at}
        uow.execute(row.on_conflict_do_update(index_elements=["connection", "reason", "day"], set_=more))
