"""How long the pipeline takes to recover: from the end of a fault until everything that was due by then is done.

A delivery that waits for its next attempt is not due, so a mail server that put a mail off does not count.
"""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress

import sqlalchemy as sa

from shared.bus import deliveries
from shared.db import Database, DatabaseUnavailable, database_now

LOOK_S = 0.5


class Recovery:
    """Watches in a thread; `ended` tells it of a fault's end."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: list[tuple[float, int | None]] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="recovery", daemon=True)
        self.seconds: list[float] = []

    def start(self) -> None:
        """Watch in the background."""
        self._thread.start()

    def ended(self) -> None:
        """A fault has ended just now."""
        with self._lock:
            self._waiting.append((time.monotonic(), None))

    def stop(self) -> None:
        """Watch no more."""
        self._stopping.set()
        self._thread.join(timeout=30)

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_S):
            with suppress(DatabaseUnavailable, sa.exc.SQLAlchemyError):
                self._look()

    def _look(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        still: list[tuple[float, int | None]] = list(waiting)
        try:
            with self._db.read() as connection:
                newest = connection.execute(sa.select(sa.func.max(deliveries.c.id))).scalar() or 0
                oldest = _oldest_due(connection)
            now = time.monotonic()
            known = [(since, newest if mark is None else mark) for since, mark in waiting]
            still = [(since, mark) for since, mark in known if oldest is not None and oldest <= mark]
            self.seconds += [now - since for since, mark in known if oldest is None or oldest > mark]
        finally:
            with self._lock:
                self._waiting = [*still, *self._waiting]


def _oldest_due(connection: sa.Connection) -> int | None:
    d = deliveries.c
    due = sa.or_(d.state == "running", sa.and_(d.state == "pending", d.due_at <= database_now()))
    return connection.execute(sa.select(sa.func.min(d.id)).where(d.state.in_(["pending", "running"]), due)).scalar()


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and the largest, in seconds; empty without values."""
    if not values:
        return {}
    ordered = sorted(values)
    return {
        "p50": round(ordered[len(ordered) // 2], 2),
        "p95": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], 2),
        "max": round(ordered[-1], 2),
    }
