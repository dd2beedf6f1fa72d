"""Timers: something that is to be looked at later (a deadline, a proof, an expiry) is a row, set in the transaction
that causes it and cancelled in the one that makes it needless. When it is due a sweeper publishes its event.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from shared import clock
from shared.bus import timers
from shared.db import Cause, Database, UnitOfWork, database_now
from shared.events import Event, UnreadableEvent, read, readable
from shared.ids import CorrelationId, EventId
from shared.outbox import publish

log = structlog.get_logger()

BATCH = 50
PUT_OFF = timedelta(hours=1)
"""When a timer is looked at again whose event could not be read."""


def set_timer(uow: UnitOfWork, name: str, at: datetime | timedelta, event: Event) -> None:
    """Publish `event` at a moment, or so long from now, in the chain of the present work. A timer of this name that is
    set already is moved. `name` and the event hold ids only.
    """
    due = database_now(at) if isinstance(at, timedelta) else at
    values = {
        "due_at": due,
        "event": event.name,
        "payload": event.model_dump(mode="json", by_alias=True),
        "correlation": uow.cause.correlation,
        "causation": uow.cause.causation,
        "set_at": clock.now(),
    }
    new = uow.insert(timers).values(name=name, **values)
    uow.execute(new.on_conflict_do_update(index_elements=["name"], set_=values))


def cancel_timer(uow: UnitOfWork, name: str) -> bool:
    """Take a timer back. False if there is none: it was never set, or its event is published."""
    return uow.execute(sa.delete(timers).where(timers.c.name == name)).rowcount > 0


def fire(db: Database) -> int:
    """Publish the events of what is due, each once, whoever else does the same. Gives how many there were."""
    # What only a newer release knows is left to its sweepers.
    is_due = sa.and_(timers.c.due_at <= database_now(), timers.c.event.in_(readable()))
    with db.read() as connection:
        if connection.execute(sa.select(timers.c.name).where(is_due).limit(1)).first() is None:
            return 0
    query = sa.select(timers).where(is_due).order_by(timers.c.due_at).limit(BATCH).with_for_update(skip_locked=True)
    with db.write() as uow:
        fired = [row["name"] for row in uow.execute(query).mappings().all() if _published(uow, row)]
        uow.execute(sa.delete(timers).where(timers.c.name.in_(fired)))
    log.info("timers.fired", count=len(fired))
    return len(fired)


def _published(uow: UnitOfWork, row: sa.RowMapping) -> bool:
    """Publish a timer's event. One that can't be read must not hold up the others: it is put off, loudly."""
    try:
        event = read(row["event"], row["payload"])
    except UnreadableEvent as error:
        uow.execute(sa.update(timers).where(timers.c.name == row["name"]).values(due_at=database_now(PUT_OFF)))
        log.error("timer.put_off", timer=row["name"], reason=str(error))  # noqa: TRY400  (no foreign text in logs)
        return False
    causation = EventId(row["causation"]) if row["causation"] else None
    publish(uow.under(Cause(CorrelationId(row["correlation"]), causation)), event)
    return True
