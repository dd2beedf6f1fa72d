"""Tallies: what is only counted. In memory, written at most once a second, so that a flood of forgeries costs no
transactions. A process that is killed loses the counts of its last second; submissions are never among them.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime

import structlog

from services.intake import store
from services.intake.commands import Taken, TurnedAway
from shared import clock
from shared.db import Database, UnitOfWork
from shared.ids import SubmissionId

log = structlog.get_logger()

EVERY_S = 1.0


class Tallies:
    """Counts of refusals, and of repeats whose rows somebody held when they came."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._refusals: Counter[tuple[str, str, date]] = Counter()
        self._refused_at = clock.now()
        self._repeats: dict[SubmissionId, tuple[int, datetime]] = {}
        self._not_before = float("-inf")

    def turned_away(self, refusal: TurnedAway) -> bool:
        """Count a request that was turned away. True if nothing was waiting to be written before."""
        if refusal.counted_under is None:
            return False
        now = clock.now()
        with self._lock:
            first = not self._refusals
            self._refusals[refusal.counted_under, refusal.reason, now.date()] += 1
            self._refused_at = now
        return first

    @property
    def wait_s(self) -> float | None:
        """Seconds until there is something to write; None if there is nothing."""
        if not self._refusals and not self._repeats:
            return None
        return max(0.0, self._not_before - self._monotonic())

    def count_repeats(self, uow: UnitOfWork, taken: Iterable[tuple[Taken, store.Arrival]]) -> store.Repeats:
        """Count those that came again, with those left from before. Gives what is left: see `kept`."""
        repeats = dict(self._repeats)
        for each, arrival in taken:
            if not each.new:
                times, _ = repeats.get(each.submission, (0, None))
                repeats[each.submission] = (times + 1, arrival.received_at)
        return store.count_repeats(uow, repeats, patient=False)

    def kept(self, repeats: store.Repeats) -> None:
        """After a commit: these repeats are still to be counted."""
        self._repeats = dict(repeats)

    def write(self, db: Database) -> None:
        """Write what was counted, in a transaction of its own. What fails is kept for the next time."""
        self._not_before = self._monotonic() + EVERY_S
        with self._lock:
            counts, at, self._refusals = self._refusals, self._refused_at, Counter()
        try:
            with db.write() as uow:
                store.limit_patience(uow)
                left = self.count_repeats(uow, ())
                store.count_refusals(uow, {key: (count, at) for key, count in counts.items()})
            self.kept(left)
        except Exception as error:  # noqa: BLE001  (counts must not end the committer)
            log.warning("tallies.kept", error=type(error).__name__)
            with self._lock:
                self._refusals.update(counts)
            return
        for (connection, reason, _), count in sorted(counts.items()):
            log.warning("webhooks.refused", connection=connection, reason=reason, count=count)
