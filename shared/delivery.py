"""Delivering an event to one service: claim it, handle it in one transaction, mark it done in the same one.

The row is the promise. A claim is a conditional UPDATE under a lease on the database's clock; each claim raises the
fence, and only the holder of the present fence may finish: work that outlives its lease rolls back. An exception puts
the row back with a later due time, or parks it: visible, explained, replayable. See ARCHITECTURE.md.
"""

import random
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from shared.bus import deliveries, events
from shared.clock import now
from shared.db import Cause, Database, UnitOfWork, database_now
from shared.errors import FenceLost, PermanentError, TalentlineError, TransientError, UnknownEvent
from shared.events import EVENTS, Event
from shared.handling import Effect, Handler, Handlers
from shared.ids import CorrelationId, DeliveryId, EventId
from shared.leases import LEASE, Leases
from shared.words import Service

log = structlog.get_logger()

CRASH_LIMIT = 3
"""A delivery that has cost this many workers their lives is parked as poison."""
TRANSIENT_LIMIT = 40
"""Attempts at something that may pass by itself; with the back-off below, about a day."""
UNKNOWN_LIMIT = 8
"""Attempts at something that failed in a way nobody foresaw."""
LONGEST_WAIT = timedelta(minutes=30)

Due = tuple[DeliveryId, Service]


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


def claim(db: Database, delivery: DeliveryId, lease: timedelta = LEASE) -> Claim | None:
    """Take a delivery that is due, or whose holder's lease is over. None if it is neither."""
    d = deliveries.c
    free = sa.or_(
        sa.and_(d.state == "pending", d.due_at <= database_now()),
        sa.and_(d.state == "running", d.lease_until < database_now()),
    )
    take = (
        sa.update(deliveries)
        .where(d.id == delivery, free)
        .values(
            state="running",
            attempts=d.attempts + 1,
            fence=d.fence + 1,
            crashes=d.crashes + sa.case((d.state == "running", 1), else_=0),
            lease_until=database_now(lease),
        )
        .returning(d.service, d.event, d.fence, d.attempts, d.crashes)
    )
    with db.write() as uow:
        row = uow.execute(take).one_or_none()
        if row is None:
            return None
        event = uow.execute(sa.select(events).where(events.c.id == row.event)).mappings().one()
    return Claim(
        id=delivery,
        service=Service(row.service),
        fence=row.fence,
        attempts=row.attempts,
        crashes=row.crashes,
        event_id=event["id"],
        event_name=event["name"],
        payload=event["payload"],
        correlation=event["correlation"],
    )


def run(db: Database, delivery: DeliveryId, handlers: Handlers, leases: Leases | None = None) -> bool:
    """Claim a delivery and handle it. True if it is done now, False if it was not ours to do or did not succeed.

    Never raises for what a handler does: its failure is noted on the row. Raises DatabaseUnavailable if not even that
    is possible; the lease then runs out and somebody else takes the delivery.
    """
    leases = leases or Leases(db)
    held = claim(db, delivery, leases.length)
    if held is None:
        return False
    with structlog.contextvars.bound_contextvars(
        delivery=held.id, event=held.event_name, event_id=held.event_id, correlation=held.correlation
    ):
        if held.crashes >= CRASH_LIMIT:
            _park(db, held, f"poison: {held.crashes} workers died or hung while they handled it")
            return False
        with leases.kept(held.id, held.fence):
            return _handled(db, held, handlers)


def _handled(db: Database, held: Claim, handlers: Handlers) -> bool:
    attempt = _Attempt(db, held)
    try:
        handler, event = _understood(held, handlers)
        attempt.work(handler, event)
    except FenceLost:
        log.warning("delivery.fence_lost")
        return False
    except Exception as error:  # noqa: BLE001  (whatever a handler raises is noted on the row)
        _note_failure(db, held, error, attempt)
        return False
    log.info("delivery.done", attempts=held.attempts)
    return True


def _understood(held: Claim, handlers: Handlers) -> tuple[Handler | Effect[Any, Any, Any], Event]:
    """Who handles it, and the event as a value. Raises UnknownEvent."""
    if held.event_name not in handlers or held.event_name not in EVENTS:
        raise UnknownEvent(held.event_name)
    return handlers[held.event_name], EVENTS[held.event_name].model_validate(held.payload)


class _Attempt:
    """One attempt at one delivery; remembers how far an effect got, for its own account of a failure."""

    def __init__(self, db: Database, held: Claim) -> None:
        self._db = db
        self._held = held
        self._cause = Cause(held.correlation, held.event_id)
        self.begun: tuple[Effect[Any, Any, Any], Event, Any] | None = None

    def work(self, handler: Handler | Effect[Any, Any, Any], event: Event) -> None:
        if isinstance(handler, Effect):
            self._effect(handler, event)
            return
        with self._db.write(self._cause) as uow:
            handler(uow, event)
            self._finish(uow)

    def _effect(self, effect: Effect[Any, Any, Any], event: Event) -> None:
        with self._db.write(self._cause) as uow:
            self._check(uow)
            prepared = effect.begin(uow, event)
            if prepared is None:
                self._finish(uow)
                return
        self.begun = (effect, event, prepared)
        outcome = effect.act(prepared)
        with self._db.write(self._cause) as uow:
            effect.settle(uow, event, prepared, outcome)
            self._finish(uow)

    def _ours(self) -> sa.ColumnElement[bool]:
        d = deliveries.c
        return sa.and_(d.id == self._held.id, d.fence == self._held.fence, d.state == "running")

    def _check(self, uow: UnitOfWork) -> None:
        row = uow.execute(sa.select(deliveries.c.id).where(self._ours()).with_for_update())
        if row.one_or_none() is None:
            raise FenceLost

    def _finish(self, uow: UnitOfWork) -> None:
        done = sa.update(deliveries).where(self._ours())
        if uow.execute(done.values(state="done", done_at=now(), lease_until=None, last_error=None)).rowcount == 0:
            raise FenceLost

    def fail(self, uow: UnitOfWork, error: Exception, values: dict[str, Any]) -> bool:
        """Put the row back or park it, and let a begun effect tell its own rows. False if it is no longer ours."""
        if uow.execute(sa.update(deliveries).where(self._ours()).values(lease_until=None, **values)).rowcount == 0:
            return False
        if self.begun is not None:
            effect, event, prepared = self.begun
            if effect.failed is not None:
                effect.failed(uow, event, prepared, error)
        return True


def _note_failure(db: Database, held: Claim, error: Exception, attempt: _Attempt) -> None:
    reason = explained(error)
    limit = TRANSIENT_LIMIT if isinstance(error, TransientError) else UNKNOWN_LIMIT
    if isinstance(error, PermanentError) or held.attempts >= limit:
        values: dict[str, Any] = {"state": "parked", "last_error": reason}
    else:
        asked = error.retry_after if isinstance(error, TransientError) else None
        wait = max(backoff(held.attempts), asked or timedelta())
        values = {"state": "pending", "last_error": reason, "due_at": database_now(wait)}
    with db.write(Cause(held.correlation, held.event_id)) as uow:
        ours = attempt.fail(uow, error, values)
    log.warning("delivery.failed" if ours else "delivery.fence_lost", state=values["state"], reason=reason)


def _park(db: Database, held: Claim, reason: str) -> None:
    d = deliveries.c
    park = sa.update(deliveries).where(d.id == held.id, d.fence == held.fence)
    with db.write() as uow:
        uow.execute(park.values(state="parked", lease_until=None, last_error=reason))
    log.error("delivery.parked", reason=reason)


def backoff(attempts: int) -> timedelta:
    """How long to wait after so many attempts: 1, 2, 4, … s times a random 1 to 2, at most `LONGEST_WAIT`."""
    seconds = min(2.0 ** (attempts - 1), LONGEST_WAIT.total_seconds())
    return min(timedelta(seconds=seconds * random.uniform(1, 2)), LONGEST_WAIT)  # noqa: S311  (jitter, no secret)


def explained(error: Exception) -> str:
    """What may be stored and logged of an error: our own words, but of a foreign error only its type and place.

    A foreign exception's text may quote what it choked on, which may be somebody's comment.
    """
    if isinstance(error, TalentlineError):
        return f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rsplit('/', 2)[-1]}:{frames[-1].lineno}" if frames else "nowhere"
    return f"{type(error).__name__} at {place}"


def due(db: Database, services: Sequence[Service], *, grace: timedelta, limit: int) -> list[Due]:
    """Deliveries that wait for these services: due for at least `grace`, or left by a worker whose lease is over."""
    d = deliveries.c
    waiting = sa.or_(
        sa.and_(d.state == "pending", d.due_at <= database_now(-grace)),
        sa.and_(d.state == "running", d.lease_until < database_now()),
    )
    query = sa.select(d.id, d.service).where(d.service.in_(services), waiting).order_by(d.due_at).limit(limit)
    with db.read() as connection:
        return [(DeliveryId(row.id), Service(row.service)) for row in connection.execute(query)]


def replay(uow: UnitOfWork, ids: Iterable[DeliveryId]) -> list[DeliveryId]:
    """Make parked deliveries due again, with their attempts and crashes forgotten. Gives those that were parked."""
    d = deliveries.c
    again = (
        sa.update(deliveries)
        .where(d.id.in_(list(ids)), d.state == "parked")
        .values(state="pending", due_at=database_now(), attempts=0, crashes=0)
        .returning(d.id, d.service)
    )
    rows = uow.execute(again).all()
    uow.due.extend((Service(row.service), DeliveryId(row.id)) for row in rows)
    return [DeliveryId(row.id) for row in rows]
