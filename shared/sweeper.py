"""Sweepers: threads in every worker that find due deliveries in the database, whether or not anybody rang.

They are the guarantee; the doorbell is speed. No leader: several at once are harmless, a claim has one winner. They
also start timed jobs (a job publishes an event once for each of its time slots, whoever sweeps first) and fire timers.
"""

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from shared import timers
from shared.bus import job_slots
from shared.claims import due
from shared.clock import now
from shared.db import Database
from shared.delivery import run_many
from shared.errors import TransientError
from shared.events import Event
from shared.handling import Handlers
from shared.leases import Leases
from shared.observing import Swept, tell
from shared.outbox import publish
from shared.parked import take_up
from shared.words import Service

log = structlog.get_logger()

BATCH = 50
STRIDE = 10
"""Deliveries that are run between two looks at whether to stop."""
BUSY_PAUSE = timedelta(milliseconds=50)
PAUSE = timedelta(seconds=0.75)
IDLE_PAUSE = timedelta(seconds=2)
UPGRADE_LOOK = timedelta(minutes=1)
"""How often to look for what an older release parked because it did not know it."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do in every time slot of length `every`: publish the event that `event` makes for that slot."""

    every: timedelta
    event: Callable[[datetime], Event]


def slot_of(moment: datetime, every: timedelta) -> datetime:
    """The start of the time slot that a moment lies in, counted from 1970 in UTC.

    >>> slot_of(datetime(2026, 3, 1, 12, 34, tzinfo=UTC), timedelta(minutes=5)).isoformat()
    '2026-03-01T12:30:00+00:00'
    """
    seconds = int(every.total_seconds())
    return datetime.fromtimestamp(int(moment.timestamp()) // seconds * seconds, tz=UTC)


class Sweeper:
    """Sweeps for some services in `threads` threads. `grace`: how long a fresh delivery is left to the doorbell."""

    def __init__(
        self,
        db: Database,
        handlers: Mapping[Service, Handlers],
        leases: Leases,
        *,
        grace: timedelta,
        threads: int = 2,
        jobs: Mapping[str, Job] | None = None,
    ) -> None:
        self._db = db
        self._handlers = handlers
        self._leases = leases
        self._grace = grace
        self._jobs = jobs or {}
        self._seen: dict[str, datetime] = {}
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._loop, name=f"sweeper-{n}", daemon=True) for n in range(threads)]
        self._services: Sequence[Service] = tuple(handlers)

    def start(self) -> None:
        """Sweep in the background."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: timedelta) -> None:
        """Take nothing new, and wait for what is in hand."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=timeout.total_seconds())

    @property
    def alive(self) -> bool:
        """Whether every thread still runs."""
        return all(thread.is_alive() for thread in self._threads)

    def sweep(self) -> int:
        """One round: start the jobs of this time slot, publish what timers waited for, then run what is due. Gives how
        many deliveries were done.
        """
        self._start_jobs()
        timers.fire(self._db)
        self._take_up()
        waiting = due(self._db, self._services, grace=self._grace, limit=BATCH)
        random.shuffle(waiting)  # several sweepers start at different ends
        done = 0
        for service in self._services:
            mine = [each for each, whose in waiting if whose == service]
            for start in range(0, len(mine), STRIDE):
                if self._stopping.is_set():
                    return done
                rung = mine[start : start + STRIDE]
                done += run_many(self._db, service, rung, self._handlers[service], self._leases)
        return done

    def _start_jobs(self) -> None:
        for name, job in self._jobs.items():
            slot = slot_of(now(), job.every)
            if self._seen.get(name) == slot:
                continue
            with self._db.write() as uow:
                if uow.insert_once(job_slots, {"job": name, "slot": slot}):
                    publish(uow, job.event(slot))
            self._seen[name] = slot

    def _take_up(self) -> None:
        """Now and then, what waited for an upgrade."""
        if self._seen.get("parked") != (slot := slot_of(now(), UPGRADE_LOOK)):
            take_up(self._db, self._handlers)
            self._seen["parked"] = slot

    def _loop(self) -> None:
        pause = PAUSE
        while not self._stopping.wait(pause.total_seconds() * random.uniform(0.7, 1.3)):  # noqa: S311  (jitter)
            try:
                done = self.sweep()
                tell(Swept(done))
                pause = BUSY_PAUSE if done else min(max(pause * 1.5, PAUSE), IDLE_PAUSE)
            except TransientError as error:
                log.warning("sweeper.paused", reason=str(error))
                pause = IDLE_PAUSE
