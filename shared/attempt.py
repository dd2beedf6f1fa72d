"""One attempt at one delivery, in steps: what needs a transaction of its own, and what must have none open."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from shared import lanes
from shared.claims import Claim, finish, held_on
from shared.db import Cause, Database, DatabaseUnavailable, UnitOfWork
from shared.errors import TransientError
from shared.events import Event
from shared.failure import explained, snooze
from shared.handling import Effect, Work
from shared.lanes import Lane
from shared.observing import Acted, tell

SETTLE_WAITS_S = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Pauses before a settlement is tried again while the database is away; less than a lease in all."""


class Attempt:
    """Begun in a transaction that may be shared with others; an effect then goes on alone."""

    def __init__(self, db: Database, held: Claim, work: Work, event: Event, lease: timedelta) -> None:
        self.held = held
        self.is_over = False
        """Everything was done in the transaction in which it began."""
        self.is_snoozed = False
        self._db = db
        self._work = work
        self._event = event
        self._lease = lease
        self._prepared: Any = None
        self._lane: Lane | None = None

    @property
    def told(self) -> tuple[Event, Cause]:
        """The event, and what is caused by it."""
        return self._event, self.held.cause

    @property
    def order(self) -> tuple[str, str, str]:
        """Where it stands among others of a shared transaction, so that all workers lock rows in one order."""
        return self._event.name, getattr(self._event, "cohort", ""), getattr(self._event, "participant", "")

    def begin(self, uow: UnitOfWork) -> bool:
        """What belongs into the first transaction. True if that was all."""
        mine = uow.under(self.held.cause)
        if not isinstance(self._work, Effect):
            self._work(mine, self._event)
            self.is_over = True
            return True
        held_on(mine, self.held, self._lease)
        self._prepared = self._work.begin(mine, self._event)
        self.is_over = self._prepared is None
        if not self.is_over:
            self._enter(mine)
        return self.is_over

    def _enter(self, uow: UnitOfWork) -> None:
        """Take a place in the effect's lane, or put the delivery back until there may be one."""
        assert isinstance(self._work, Effect)
        self._lane = self._work.lane(self._prepared) if self._work.lane else None
        wait = lanes.entered(uow, self._lane, self.held) if self._lane else None
        if wait is not None:
            self.is_snoozed = snooze(uow, self.held, wait)

    def end(self) -> None:
        """The rest of an effect: reach outside with no transaction open, then settle and finish in one."""
        assert isinstance(self._work, Effect)
        outcome = self._acted(self._work)
        for wait in SETTLE_WAITS_S:
            try:
                self._settle(outcome)
            except DatabaseUnavailable:
                time.sleep(wait)  # what was found out outside is worth more than this thread's time
            else:
                return
        self._settle(outcome)

    def _acted(self, effect: Effect[Any, Any, Any]) -> object:
        began, reason = time.monotonic(), None
        try:
            return effect.act(self._prepared, self._commit)
        except Exception as error:
            reason = explained(error)
            raise
        finally:
            tell(Acted(self.held.step, time.monotonic() - began, reason))

    def _settle(self, outcome: object) -> None:
        assert isinstance(self._work, Effect)
        with self._db.write(self.held.cause) as uow:
            if self._lane:
                lanes.worked(uow, self._lane)
            self._work.settle(uow, self._event, self._prepared, outcome)
            finish(uow, [self.held])

    def _commit(self, write: Callable[[UnitOfWork], None]) -> None:
        with self._db.write(self.held.cause) as uow:
            held_on(uow, self.held, self._lease)
            write(uow)

    def tell(self, uow: UnitOfWork, error: Exception) -> None:
        """Let a begun effect and its lane note what went wrong."""
        if not isinstance(self._work, Effect) or self._prepared is None:
            return
        if self._lane and isinstance(error, TransientError) and error.of_lane:
            lanes.failed(uow, self._lane, error)
        if self._work.failed is not None:
            self._work.failed(uow, self._event, self._prepared, error)
