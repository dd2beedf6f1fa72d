"""What is still on its way to a service: the other side of many an invariant."""

import sqlalchemy as sa

from shared.bus import deliveries, events
from shared.events import Event
from shared.words import Service


def on_the_way(service: Service, event: type[Event], **fields: type[str] | type[int]) -> sa.Subquery:
    """Fields of the events of a kind whose delivery to a service is not done: it waits, runs, or is with a person.

    A subquery with one column for each field, and `cohort`; to be joined, so that it is asked once for all rows.
    """
    d, e = deliveries.c, events.c
    columns = [
        (e.payload[name].as_integer() if kind is int else e.payload[name].as_string()).label(name)
        for name, kind in fields.items()
    ]
    query = sa.select(e.cohort, *columns).join(deliveries, d.event == e.id)
    return query.where(e.name == event.name, d.service == service, d.state != "done").subquery()
