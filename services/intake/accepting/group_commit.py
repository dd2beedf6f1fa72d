"""Group commit: what arrives while one transaction is being made durable goes together into the next.

One committer a process. Batches form by themselves, with no wait: alone, a delivery is committed at once; under load
hundreds share a commit. A sender is answered only after the commit that holds its delivery.
"""

import asyncio
import threading
from collections import defaultdict, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from services.intake import store
from services.intake.accepting.ringing import Due, Ringer
from services.intake.accepting.tallies import Tallies
from services.intake.commands import Taken, TurnedAway, take
from shared.db import Database, DatabaseUnavailable
from shared.errors import TransientError
from shared.observing import Committed, tell

log = structlog.get_logger()

MOST_ROWS = 256
MOST_BYTES = 8 * 2**20
"""Of one transaction. A single larger delivery goes alone."""
ANSWER_WITHIN_S = 20.0
"""A sender that has waited so long is asked to come again: its own patience ends at about thirty seconds."""

Outcome = Taken | Exception


class Full(TransientError):
    """More deliveries wait for their commit than may; the sender comes again."""


class Unanswered(TransientError):
    """The database has not committed in time. It may still do so: sent again, the delivery counts as a repeat."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An arrival and whoever waits for its commit."""

    arrival: store.Arrival
    answer: "asyncio.Future[Taken]"

    @property
    def size(self) -> int:
        return len(self.arrival.request.body)


class GroupCommit:
    """Commits arrivals to `db`. Its threads start with the first; `close` ends them.

    At most `most_waiting` deliveries, and `most_bytes` of bodies, wait at a time, each for `answer_within_s`.
    """

    def __init__(
        self, db: Database, *, most_waiting: int, most_bytes: int, answer_within_s: float = ANSWER_WITHIN_S
    ) -> None:
        self._db = db
        self._answer_within_s = answer_within_s
        self._most_waiting, self._most_bytes = most_waiting, most_bytes
        self._tallies = Tallies()
        self._ringer = Ringer(db.ring_for)
        self._wake = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._closing = False
        self._thread: threading.Thread | None = None

    async def commit(self, arrival: store.Arrival) -> Taken:
        """Store a delivery; returns after the commit.

        Raises:
            Full: too many wait.
            Unanswered: it took too long; whether it was kept is unknown.
            DatabaseUnavailable: nothing was kept, or the connection was lost in mid-commit and nobody knows.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(arrival, loop.create_future())
        self._put(waiting)
        timeout = loop.call_later(self._answer_within_s, _give_up, waiting.answer)
        try:
            return await waiting.answer
        finally:
            timeout.cancel()

    def turned_away(self, refusal: TurnedAway) -> None:
        """Count a request that was not stored."""
        if self._tallies.turned_away(refusal):
            with self._wake:
                self._started()
                self._wake.notify()

    @property
    def alive(self) -> bool:
        """Whether the committer can do its work: it has not been needed yet, or it runs."""
        return self._thread is None or self._thread.is_alive()

    def close(self) -> None:
        """Commit what is in hand, write the tallies, ring, and take nothing more."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(self._answer_within_s)
        self._ringer.close()

    def _put(self, waiting: _Waiting) -> None:
        with self._wake:
            if self._closing:
                raise Full("this door is closing")
            if len(self._waiting) >= self._most_waiting or (self._waiting and self._bytes > self._most_bytes):
                raise Full("too many deliveries wait to be stored")
            self._waiting.append(waiting)
            self._bytes += waiting.size
            self._started()
            if len(self._waiting) == 1:
                self._wake.notify()

    def _started(self) -> None:
        if not (self._thread and self._thread.is_alive()) and not self._closing:
            self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            batch = self._next_batch()
            if batch:
                self._commit(batch)
            elif self._closing and not self._waiting:
                break
            if self._tallies.wait_s == 0:
                self._tallies.write(self._db)
        if self._tallies.wait_s is not None:
            self._tallies.write(self._db)

    def _next_batch(self) -> list[_Waiting]:
        """What waits, up to the size of a batch; nothing when tallies are due or the end is near."""
        with self._wake:
            if not self._waiting and not self._closing:
                self._wake.wait(self._tallies.wait_s)
            batch: list[_Waiting] = []
            size = 0
            while self._waiting and len(batch) < MOST_ROWS and (not batch or size + self._waiting[0].size < MOST_BYTES):
                waiting = self._waiting.popleft()
                self._bytes -= waiting.size
                if not waiting.answer.done():  # the sender has been asked to come again
                    batch.append(waiting)
                    size += waiting.size
            return batch

    def _commit(self, batch: Sequence[_Waiting]) -> None:
        """Commit a batch and answer all of it; if a row spoils it, one by one, so that only that row fails."""
        try:
            taken, due = self._transaction([waiting.arrival for waiting in batch])
        except Exception as error:  # noqa: BLE001  (it is answered, and logged there)
            away = isinstance(error, DatabaseUnavailable) and not store.was_blocked(error)
            if len(batch) > 1 and not away:
                log.warning("batch.split", size=len(batch), error=type(error).__name__)
                for waiting in batch:
                    self._commit([waiting])
            else:
                _answer([(waiting, error) for waiting in batch])
            return
        tell(Committed(len(batch)))
        _answer(list(zip(batch, taken, strict=True)))
        self._ringer.ring(due)

    def _transaction(self, arrivals: Sequence[store.Arrival]) -> tuple[list[Taken], Due]:
        with self._db.write() as uow:
            store.limit_patience(uow)
            taken = take(uow, arrivals)
            left = self._tallies.count_repeats(uow, zip(taken, arrivals, strict=True))
            due = list(uow.due)
            uow.due.clear()  # rung off the senders' path
        self._tallies.kept(left)
        return taken, due


def _answer(outcomes: Sequence[tuple[_Waiting, Outcome]]) -> None:
    """Wake those who wait: once for each event loop, however many wait in it."""
    loops: defaultdict[asyncio.AbstractEventLoop, list[tuple[_Waiting, Outcome]]] = defaultdict(list)
    for waiting, outcome in outcomes:
        loops[waiting.answer.get_loop()].append((waiting, outcome))
    for loop, those in loops.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_set, those)


def _set(outcomes: Sequence[tuple[_Waiting, Outcome]]) -> None:
    for waiting, outcome in outcomes:
        if waiting.answer.done():
            continue
        if isinstance(outcome, Exception):
            waiting.answer.set_exception(outcome)
        else:
            waiting.answer.set_result(outcome)


def _give_up(answer: "asyncio.Future[Taken]") -> None:
    if not answer.done():
        answer.set_exception(Unanswered("the database has not committed in time"))
