"""Retention: events whose every delivery was done long ago are history that nothing reads any more.

Evidence, results, plans, messages, submissions and the audit trail are kept: they are the facts. So are the keys by
which a repeated delivery is recognised: they belong to the submissions. Only the bus is pruned, in small transactions.
"""

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
import structlog

from shared.bus import deliveries, events, job_slots
from shared.db import Database, database_now

log = structlog.get_logger()

LEAST = timedelta(days=30)
"""Survey tools send again for days; whoever looks into what went wrong does so for weeks."""
USUAL = timedelta(days=90)
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows are gone."""

    deliveries: int
    events: int


def prune(db: Database, older_than: timedelta) -> Pruned:
    """Delete events, with their deliveries, whose chain ended before: every delivery of its correlation is done, and
    the last one for longer than `older_than`. Raises ValueError for less than `LEAST`.
    """
    if older_than < LEAST:
        raise ValueError(f"nothing that is younger than {LEAST.days} days is deleted")
    total = Pruned(0, 0)
    while (gone := _pruned(db, older_than)).events:
        total = Pruned(total.deliveries + gone.deliveries, total.events + gone.events)
        log.info("bus.pruned", deliveries=gone.deliveries, events=gone.events)
    with db.write() as uow:
        uow.execute(sa.delete(job_slots).where(job_slots.c.slot < database_now(-older_than)))
    return total


def _pruned(db: Database, older_than: timedelta) -> Pruned:
    """One transaction's worth. Several processes may do so at once: a row is deleted by one of them."""
    d, e = deliveries.c, events.c
    before = database_now(-older_than)
    others = events.alias()
    needed = (
        sa.exists()
        .where(others.c.correlation == e.correlation)
        .where(sa.or_(others.c.occurred_at >= before, _open(others.c.id, before)))
    )
    old = sa.select(e.id).where(e.occurred_at < before, ~needed).order_by(e.id).limit(BATCH)
    with db.write() as uow:
        ids = list(uow.execute(old).scalars())
        gone = uow.execute(sa.delete(deliveries).where(d.event.in_(ids))).rowcount if ids else 0
        if ids:
            uow.execute(sa.delete(events).where(e.id.in_(ids)))
    return Pruned(gone, len(ids))


def _open(event: sa.ColumnElement[str], before: sa.ColumnElement[object]) -> sa.ColumnElement[bool]:
    d = deliveries.c
    still = sa.or_(d.state != "done", d.done_at.is_(None), d.done_at >= before)
    return sa.exists().where(d.event == event, still)
