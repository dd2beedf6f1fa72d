"""Following a chain of events by its correlation id until nothing of it is on its way any more."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from shared.bus import deliveries, events
from shared.db import Database
from shared.ids import CorrelationId

POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a chain has come, in deliveries. `postponed`: failed and waiting to be tried again (part of `open`)."""

    open: int
    done: int
    parked: int
    postponed: int

    @property
    def settled(self) -> bool:
        """Nothing is on its way."""
        return self.open == 0


def progress_of(db: Database, correlations: list[CorrelationId] | None) -> Progress:
    """The present state of some chains; None: of everything."""
    d = deliveries.c
    query = (
        sa.select(d.state, sa.func.count(), sa.func.count(d.last_error))
        .join(events, events.c.id == d.event)
        .group_by(d.state)
    )
    if correlations is not None:
        query = query.where(events.c.correlation.in_(correlations))
    with db.read() as connection:
        found = {state: (count, failed) for state, count, failed in connection.execute(query)}
    count = {state: found.get(state, (0, 0))[0] for state in ("pending", "running", "done", "parked")}
    postponed = found.get("pending", (0, 0))[1]
    return Progress(count["pending"] + count["running"], count["done"], count["parked"], postponed)


def follow(
    db: Database,
    correlations: list[CorrelationId] | None,
    timeout: timedelta,
    watch: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    """Wait until the chains (None: everything) have settled or the time is over; `watch` sees every look."""
    deadline = time.monotonic() + timeout.total_seconds()
    while True:
        progress = progress_of(db, correlations)
        watch(progress)
        if progress.settled or time.monotonic() >= deadline:
            return progress
        time.sleep(POLL_S)
