"""Every event is delivered to every service that listens to it.

An event and its deliveries are written in one transaction, so only an older release, which did not know of a listener
yet, can leave one out, or somebody who deletes rows.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from shared import clock
from shared.bus import deliveries, events
from shared.db import UnitOfWork, database_now
from shared.events import ROUTES
from shared.ids import DeliveryId, EventId
from shared.invariants.rule import Invariant
from shared.words import Service

LOOK_BACK = timedelta(hours=1)
"""How far back it looks: a listener that is new in a release hears of what its upgrade crossed, not of all history."""


def first_id_at(moment: datetime) -> EventId:
    """The least id that an event of this moment or later has: ids begin with the time (UUID version 7).

    >>> from datetime import UTC
    >>> first_id_at(datetime(2026, 1, 1, tzinfo=UTC))
    '019b76da-a800-7000-8000-000000000000'
    """
    digits = f"{int(moment.timestamp() * 1000):012x}"
    return EventId(f"{digits[:8]}-{digits[8:]}-7000-8000-000000000000")


def broken(connection: sa.Connection) -> list[str]:
    """`event service` for each delivery that is not there."""
    since = first_id_at(clock.now() - LOOK_BACK)
    return [f"{event} {service}" for service in Service for event in _undelivered(connection, service, since)]


def _undelivered(connection: sa.Connection, service: Service, since: EventId) -> Sequence[str]:
    names = [name for name, listening in ROUTES.items() if service in listening]
    theirs = sa.and_(deliveries.c.event == events.c.id, deliveries.c.service == service)
    query = sa.select(events.c.id).outerjoin(deliveries, theirs)
    missing = sa.and_(events.c.id >= since, events.c.name.in_(names), deliveries.c.id.is_(None))
    return connection.execute(query.where(missing).order_by(events.c.id)).scalars().all()


def mend(uow: UnitOfWork, ids: Sequence[str]) -> None:
    """Deliver them after all: handlers do no harm when they hear of something late or twice."""
    for event, service in (each.split() for each in ids):
        row = {"event": event, "service": service, "state": "pending", "due_at": database_now()}
        new = uow.insert(deliveries).values(row).on_conflict_do_nothing().returning(deliveries.c.id)
        delivery = uow.execute(new).scalar_one_or_none()
        if delivery is not None:
            uow.due.append((Service(service), DeliveryId(delivery)))


RULE = Invariant(
    broken,
    means="a service was not told of something that concerns it",
    cure="nothing: it is delivered after all. After an upgrade that added a listener this is expected once; "
    "at any other time it is a defect, or rows were deleted: report it",
    mend=mend,
)
