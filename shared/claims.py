"""Taking deliveries: who may work on which, for how long, and how that right is lost.

A claim is a conditional UPDATE under a lease on the database's clock. Each claim raises the row's fence, and only the
holder of the present fence may finish: work that outlives its lease can't commit.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from shared.bus import deliveries, events, in_state, is_fresh
from shared.db import Cause, Database, UnitOfWork, database_now
from shared.errors import FenceLost
from shared.ids import CorrelationId, DeliveryId, EventId
from shared.observing import Attempted, Outcome, Step, tell
from shared.words import Service

Due = tuple[DeliveryId, Service]

OLDEST = 100
"""Deliveries that are looked at for a batch."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery in our hands until the lease runs out."""

    id: DeliveryId
    service: Service
    fence: int
    attempts: int
    crashes: int
    event_id: EventId
    event_name: str
    payload: dict[str, Any]
    correlation: CorrelationId
    taken_at: float = field(default_factory=time.monotonic)

    @property
    def step(self) -> Step:
        """What this attempt is, for whoever watches."""
        return Step(self.event_name, self.event_id, self.correlation, self.service, self.attempts, self.fence)

    @property
    def cause(self) -> Cause:
        """What its work is caused by: the event, in the event's chain."""
        return Cause(self.correlation, self.event_id)


def deaths_of(db: Database, delivery: DeliveryId) -> int | None:
    """How many workers a delivery has cost, if it is due or its holder's lease is over. None if it is neither.

    Cheaper than a claim that finds nothing: under load most rings come too late.
    """
    d = deliveries.c
    deaths = d.crashes + sa.case((d.state == "running", 1), else_=0)
    with db.read() as connection:
        return connection.execute(sa.select(deaths).where(d.id == delivery, _free())).scalar_one_or_none()


def claim(db: Database, delivery: DeliveryId, lease: timedelta) -> Claim | None:
    """Take a delivery that is due, or whose holder's lease is over. None if it is neither, or somebody is about to
    commit what was done with it.
    """
    d = deliveries.c
    unlocked = sa.select(d.id).where(d.id == delivery, _free()).with_for_update(skip_locked=True)
    with db.write() as uow:
        taken = _taken(uow, d.id == unlocked.scalar_subquery(), lease)
    return taken[0] if taken else None


def claim_fresh(
    db: Database,
    service: Service,
    names: Iterable[str],
    rung: Sequence[DeliveryId],
    *,
    lease: timedelta,
    limit: int,
) -> list[Claim]:
    """Take up to `limit` due deliveries of events of these names, those that were `rung` for first.

    Only such as were never tried: one that failed, or whose worker died, is tried alone, where it harms no other.
    Beside those rung for only the oldest are looked at, so that it costs the same however much waits.
    """
    d = deliveries.c
    ready = sa.and_(d.service == service, is_fresh(), d.due_at <= database_now())
    named = events.c.name.in_(list(names))
    with db.read() as connection:
        told = sa.select(d.id).join(events, events.c.id == d.event)
        first = connection.execute(told.where(_still_fresh(rung), named).limit(limit)).scalars().all()
        oldest = sa.select(d.id, d.event, d.due_at).where(ready, d.id.not_in(first)).order_by(d.due_at).limit(OLDEST)
        old = oldest.subquery()
        query = sa.select(old.c.id).join(events, events.c.id == old.c.event).where(named).order_by(old.c.due_at)
        found = [*first, *connection.execute(query.limit(limit - len(first))).scalars()]
    if not found:
        return []
    unlocked = sa.select(d.id).where(_still_fresh(found)).with_for_update(skip_locked=True)
    with db.write() as uow:
        return _taken(uow, d.id.in_(uow.execute(unlocked).scalars().all()), lease)


def _still_fresh(ids: Sequence[DeliveryId]) -> sa.ColumnElement[bool]:
    """Those of these that wait and were never tried: looked up by id, whatever the planner thinks of other indexes."""
    d = deliveries.c
    is_pending, is_untried = sa.func.coalesce(d.state, "") == "pending", sa.func.coalesce(d.attempts, 0) == 0
    return sa.and_(d.id.in_(list(ids)), is_pending, is_untried, d.due_at <= database_now())


def _taken(uow: UnitOfWork, which: sa.ColumnElement[bool], lease: timedelta) -> list[Claim]:
    d = deliveries.c
    take = (
        sa.update(deliveries)
        .where(which)
        .values(
            state="running",
            attempts=d.attempts + 1,
            fence=d.fence + 1,
            crashes=d.crashes + sa.case((d.state == "running", 1), else_=0),
            lease_until=database_now(lease),
            lane=None,
        )
        .returning(d.id, d.service, d.event, d.fence, d.attempts, d.crashes)
    )
    rows = uow.execute(take).all()
    query = sa.select(events).where(events.c.id.in_([row.event for row in rows]))
    told = {event["id"]: event for event in uow.execute(query).mappings()} if rows else {}
    return [
        Claim(
            id=row.id,
            service=Service(row.service),
            fence=row.fence,
            attempts=row.attempts,
            crashes=row.crashes,
            event_id=row.event,
            event_name=told[row.event]["name"],
            payload=told[row.event]["payload"],
            correlation=told[row.event]["correlation"],
        )
        for row in rows
    ]


def tell_end(held: Claim, outcome: Outcome, reason: str | None = None) -> None:
    """Tell whoever watches how an attempt ended, once that is certain."""
    tell(Attempted(held.step, outcome, time.monotonic() - held.taken_at, reason))


def ours(held: Claim) -> sa.ColumnElement[bool]:
    """Whether a delivery is still in our hands: the condition of everything that is done with it."""
    d = deliveries.c
    return sa.and_(d.id == held.id, d.fence == held.fence, d.state == "running")


def held_on(uow: UnitOfWork, held: Claim, lease: timedelta) -> None:
    """Lock the delivery's row, with a new lease. Raises FenceLost if it is in other hands by now."""
    if uow.execute(sa.update(deliveries).where(ours(held)).values(lease_until=database_now(lease))).rowcount == 0:
        raise FenceLost


def finish(uow: UnitOfWork, done: Sequence[Claim]) -> None:
    """Mark these done. Raises FenceLost if any of them is in other hands by now: then nothing of them may count."""
    d = deliveries.c
    mine = sa.and_(d.state == "running", sa.or_(*(sa.and_(d.id == each.id, d.fence == each.fence) for each in done)))
    values = {"state": "done", "done_at": database_now(), "lease_until": None, "lane": None, "last_error": None}
    if done and uow.execute(sa.update(deliveries).where(mine).values(values)).rowcount != len(done):
        raise FenceLost


def due(db: Database, services: Sequence[Service], *, grace: timedelta, limit: int) -> list[Due]:
    """Deliveries that wait for these services: due for at least `grace`, or left by a worker whose lease is over."""
    if not services:
        return []
    d = deliveries.c
    waiting = sa.and_(in_state("pending", "running"), d.due_at <= database_now(), _free(grace))
    oldest = (
        sa.select(d.id, d.service, d.due_at).where(waiting).order_by(d.due_at).limit(limit)
    )  # of each, for the index
    each = sa.union_all(*(sa.select(oldest.where(d.service == name).subquery()) for name in services)).subquery()
    query = sa.select(each.c.id, each.c.service).order_by(each.c.due_at).limit(limit)
    with db.read() as connection:
        return [(DeliveryId(row.id), Service(row.service)) for row in connection.execute(query)]


def _free(grace: timedelta = timedelta()) -> sa.ColumnElement[bool]:
    d = deliveries.c
    return sa.or_(
        sa.and_(d.state == "pending", d.due_at <= database_now(-grace)),
        sa.and_(d.state == "running", d.lease_until < database_now()),
    )
