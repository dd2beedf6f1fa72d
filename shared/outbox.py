"""Publishing: an event and one delivery per listening service, written in the caller's transaction."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from shared import bus, clock
from shared.bulk import insert_many
from shared.db import Cause, UnitOfWork, database_now
from shared.events import ROUTES, Event
from shared.ids import DeliveryId, EventId, new_id
from shared.observing import Published, step_at
from shared.words import Service


def publish(uow: UnitOfWork, event: Event) -> EventId:
    """Write the event and its deliveries. They are promised when the caller's transaction commits, not before."""
    event_id = EventId(new_id())
    uow.execute(
        sa.insert(bus.events).values(
            id=event_id,
            name=event.name,
            payload=event.model_dump(mode="json", by_alias=True),
            cohort=getattr(event, "cohort", None),
            correlation=uow.cause.correlation,
            causation=uow.cause.causation,
            occurred_at=clock.now(),
        )
    )
    for service in ROUTES[event.name]:
        row = sa.insert(bus.deliveries).values(event=event_id, service=service, state="pending", due_at=database_now())
        delivery = uow.execute(row.returning(bus.deliveries.c.id)).scalar_one()
        uow.due.append((service, DeliveryId(delivery)))
    uow.published.append(_published(event_id, event, uow.cause))
    return event_id


def publish_all(uow: UnitOfWork, events: Sequence[Event]) -> None:
    """The same for many events at once: a run releases thousands of plans in one transaction."""
    publish_each(uow, [(event, uow.cause) for event in events])


def publish_each(uow: UnitOfWork, caused: Sequence[tuple[Event, Cause]]) -> None:
    """The same for events of different chains: what many senders sent may be committed together."""
    now, named = clock.now(), [(new_id(), event, cause) for event, cause in caused]
    rows = [
        {
            "id": event_id,
            "name": event.name,
            "payload": event.model_dump(mode="json", by_alias=True),
            "cohort": getattr(event, "cohort", None),
            "correlation": cause.correlation,
            "causation": cause.causation,
            "occurred_at": now,
        }
        for event_id, event, cause in named
    ]
    due = [
        {"event": event_id, "service": service, "state": "pending"}
        for event_id, event, _ in named
        for service in ROUTES[event.name]
    ]
    insert_many(uow.connection, bus.events, rows)
    added = insert_many(
        uow.connection, bus.deliveries, due, computed={"due_at": database_now()}, returning=("id", "service")
    )
    uow.due.extend((Service(service), DeliveryId(delivery)) for delivery, service in added)
    uow.published.extend(_published(EventId(event_id), event, cause) for event_id, event, cause in named)


def _published(event_id: EventId, event: Event, cause: Cause) -> Published:
    return Published(event.name, event_id, cause.correlation, cause.causation, step_at(cause.causation))


def audited(uow: UnitOfWork, *, actor: str, action: str, subject: str, detail: dict[str, Any] | None = None) -> None:
    """Note who did what to which id, in the caller's transaction. `detail` holds no personal data beyond a reason."""
    uow.execute(sa.insert(bus.audit).values(at=clock.now(), actor=actor, action=action, subject=subject, detail=detail))


def caused_by(event: EventId, cause: Cause) -> Cause:
    """The cause of what a handler does: the same chain, one link further."""
    return Cause(cause.correlation, event)
