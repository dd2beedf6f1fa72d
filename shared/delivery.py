"""Delivering events to a service: each is handled in one transaction and marked done in the same one.

The row is the promise (`shared.claims`). An exception puts it back with a later due time, or parks it: visible,
explained, replayable. Deliveries of one kind may share a transaction (`shared.handling.Together`). See ARCHITECTURE.md.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

import sqlalchemy as sa
import structlog

from shared.attempt import Attempt
from shared.bus import deliveries
from shared.claims import Claim, claim, claim_fresh, deaths_of, finish, tell_end
from shared.db import Database, UnitOfWork, database_now
from shared.errors import FenceLost, UnknownEvent
from shared.events import read
from shared.failure import note_failure, park
from shared.handling import Handlers, Together
from shared.ids import DeliveryId
from shared.leases import Leases
from shared.observing import Outcome, in_hand
from shared.words import Service

log = structlog.get_logger()

CRASH_LIMIT = 3
"""A delivery that has cost this many workers their lives is parked as poison."""
BATCH = 25
"""Deliveries that share a transaction at most. More hardly pay, and hold locks for longer."""


def run(db: Database, delivery: DeliveryId, handlers: Handlers, leases: Leases | None = None) -> bool:
    """Claim a delivery and handle it. True if it is done now, False if it was not ours to do or did not succeed.

    Never raises for what a handler does: its failure is noted on the row. Raises DatabaseUnavailable if not even that
    is possible; the lease then runs out and somebody else takes the delivery.
    """
    leases = leases or Leases(db)
    deaths = deaths_of(db, delivery)
    if deaths is None:
        return False
    company = leases.company
    with company.alone() if deaths == CRASH_LIMIT - 1 else company.together():
        held = claim(db, delivery, leases.length)
        if held is None or _is_poison(db, held):
            return False
        with leases.kept([held]):
            return _alone(db, held, handlers, leases)


def _is_poison(db: Database, held: Claim) -> bool:
    """Whether it has killed too often; then it is parked."""
    if held.crashes < CRASH_LIMIT:
        return False
    with _bound(held):
        park(db, held, f"poison: {held.crashes} workers died or hung while they handled it")
    return True


def run_many(
    db: Database,
    service: Service,
    rung: Sequence[DeliveryId],
    handlers: Handlers,
    leases: Leases | None = None,
) -> int:
    """Handle what a ring was about, and what else is due of the kinds that work together. Gives how many are done.

    Raises DatabaseUnavailable, as `run` does.
    """
    leases = leases or Leases(db)
    together = [name for name, work in handlers.items() if isinstance(work, Together)]
    with leases.company.together():
        held = claim_fresh(db, service, together, rung, lease=leases.length, limit=BATCH) if together else []
        with leases.kept(held):
            done = _at_once(db, held, handlers, leases)
    taken = {each.id for each in held}
    return done + sum(run(db, each, handlers, leases) for each in rung if each not in taken)


def _at_once(db: Database, held: Sequence[Claim], handlers: Handlers, leases: Leases) -> int:
    """Handle claimed deliveries in one transaction, or each alone if that fails. What reaches outside comes after, and
    so does what is too long for a shared transaction.
    """
    if len(held) < 2:
        return sum(_alone(db, each, handlers, leases) for each in held)
    try:
        attempts = [_attempt(db, each, handlers, leases) for each in held]
        attempts.sort(key=lambda attempt: attempt.order)  # one order of locks for everybody
        with db.write() as uow:
            with in_hand([attempt.held.step for attempt in attempts]):
                left = _many(uow, attempts, handlers)
            for attempt in (each for each in attempts if not each.is_over and each not in left):
                with _bound(attempt.held):
                    attempt.begin(uow)
            done = [attempt.held for attempt in attempts if attempt.is_over]
            finish(uow, done)
    except Exception as error:  # noqa: BLE001  (whatever it was: alone, each gives its own account)
        log.info("delivery.batch_taken_apart", size=len(held), reason=type(error).__name__)
        return sum(_alone(db, each, handlers, leases) for each in held)
    log.info("delivery.batch_done", size=len(done))
    for each in done:
        tell_end(each, Outcome.DONE)
    begun = sum(_ended(db, attempt) for attempt in attempts if not attempt.is_over and attempt not in left)
    return len(done) + begun + sum(_alone(db, attempt.held, handlers, leases) for attempt in left)


def _many(uow: UnitOfWork, attempts: Sequence[Attempt], handlers: Handlers) -> list[Attempt]:
    """Let each kind do at once what it can do at once, in the order of the attempts. Gives what it left."""
    left = []
    for name, group in groupby(attempts, key=lambda attempt: attempt.order[0]):
        found, some = handlers[name], list(group)
        if isinstance(found, Together) and found.many is not None and len(some) > 1:
            for attempt, is_over in zip(some, found.many(uow, [each.told for each in some]), strict=True):
                attempt.is_over = is_over
            left += [attempt for attempt in some if not attempt.is_over]
    return left


def _alone(db: Database, held: Claim, handlers: Handlers, leases: Leases) -> bool:
    """Handle one claimed delivery in a transaction of its own."""
    with _bound(held):
        try:
            attempt = _attempt(db, held, handlers, leases)
        except Exception as error:  # noqa: BLE001  (an unknown event, or one that can't be read)
            note_failure(db, held, error)
            return False
        try:
            with db.write(held.cause) as uow:
                if attempt.begin(uow):
                    finish(uow, [held])
        except FenceLost:
            _lost(held)
            return False
        except Exception as error:  # noqa: BLE001  (whatever a handler raises is noted on the row)
            note_failure(db, held, error)
            return False
        if attempt.is_over:
            _done(held)
    return attempt.is_over or _ended(db, attempt)


def _ended(db: Database, attempt: Attempt) -> bool:
    """The rest of an effect that has begun. True if it is done now."""
    if attempt.is_snoozed:
        tell_end(attempt.held, Outcome.SNOOZED)
        return False
    with _bound(attempt.held):
        try:
            attempt.end()
        except FenceLost:
            _lost(attempt.held)
            return False
        except Exception as error:  # noqa: BLE001  (whatever an effect raises is noted on the row)
            note_failure(db, attempt.held, error, attempt)
            return False
        _done(attempt.held)
    return True


def _done(held: Claim) -> None:
    log.info("delivery.done")
    tell_end(held, Outcome.DONE)


def _lost(held: Claim) -> None:
    log.warning("delivery.fence_lost")
    tell_end(held, Outcome.FENCED)


def _attempt(db: Database, held: Claim, handlers: Handlers, leases: Leases) -> Attempt:
    """Who handles it, and the event as a value in its newest form. Raises UnknownEvent, UnreadableEvent."""
    event = read(held.event_name, held.payload)
    found = handlers.get(event.name)
    if found is None:
        raise UnknownEvent(event.name)
    return Attempt(db, held, found.work if isinstance(found, Together) else found, event, leases.length)


@contextmanager
def _bound(held: Claim) -> Iterator[None]:
    """Have every line of the log, and whoever watches, know the work in hand."""
    context = structlog.contextvars.bound_contextvars(
        delivery=held.id,
        service=held.service,
        event=held.event_name,
        event_id=held.event_id,
        correlation=held.correlation,
        attempt=held.attempts,
        claim=held.fence,
    )
    with context, in_hand([held.step]):
        yield


def replay(uow: UnitOfWork, ids: Iterable[DeliveryId]) -> list[DeliveryId]:
    """Make parked deliveries due again, with their attempts and crashes forgotten. Gives those that were parked, or
    had been discarded.
    """
    d = deliveries.c
    again = (
        sa.update(deliveries)
        .where(d.id.in_(list(ids)), d.state.in_(("parked", "discarded")))
        .values(state="pending", reason=None, due_at=database_now(), done_at=None, attempts=0, crashes=0)
        .returning(d.id, d.service)
    )
    rows = uow.execute(again).all()
    uow.due.extend((Service(row.service), DeliveryId(row.id)) for row in rows)
    return [DeliveryId(row.id) for row in rows]
