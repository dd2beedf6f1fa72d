"""Looking at deliveries: which wait and why, and one of them with everything that led to it and followed from it.

All of it is ids, states and our own words; payloads stay where they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shared.bus import audit, deliveries, events, lanes, timers
from shared.db import database_now
from shared.ids import CorrelationId, DeliveryId, EventId, SubmissionId
from shared.words import ParkReason, Service

LONGEST_CHAIN = 100
"""Events of a chain that are shown: a run's chain holds one for each of its participants."""
OPEN = ("pending", "running", "parked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One delivery as it stands. `attempts` counts those that were spent; `crashes` the leases that ran out."""

    id: DeliveryId
    service: Service
    event: str
    state: str
    reason: ParkReason | None
    """Of a parked or discarded one; None if an older release parked it."""
    attempts: int
    crashes: int
    due_at: datetime
    last_error: str | None
    correlation: CorrelationId
    event_id: EventId
    cohort: str | None
    occurred_at: datetime
    fence: int
    lease_until: datetime | None
    lane: str | None
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class Link:
    """One event of a chain, what caused it (None: it began the chain), and its deliveries."""

    event_id: EventId
    event: str
    occurred_at: datetime
    causation: EventId | None
    deliveries: tuple[Mapping[str, Any], ...]
    """id, service, state, attempts, last_error, done_at."""


@dataclass(frozen=True, slots=True)
class LaneState:
    """Something outside that work waits for: how often in a row it failed, and whether it is shut."""

    name: str
    failures: int
    shut_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """A delivery with its chain from the first event on, and the database's time of looking."""

    delivery: Standing
    chain: tuple[Link, ...]
    more: int
    """Events of the chain that are not shown."""
    timers: tuple[Mapping[str, Any], ...]
    """What the chain waits for: name, event, due_at."""
    decisions: tuple[Mapping[str, Any], ...]
    """Who retried or discarded it: at, actor, action, why."""
    lanes: tuple[LaneState, ...]
    at: datetime


def listed(
    connection: sa.Connection,
    states: Sequence[str] = OPEN,
    *,
    reason: ParkReason | None = None,
    event: str | None = None,
    limit: int | None = None,
) -> list[Standing]:
    """Deliveries in these states, oldest first."""
    query = _standings().where(deliveries.c.state.in_(states)).order_by(deliveries.c.id).limit(limit)
    if reason is not None:
        query = query.where(deliveries.c.reason == reason)
    if event is not None:
        query = query.where(events.c.name == event)
    return [_standing(row) for row in connection.execute(query).mappings()]


def whereabouts_of(connection: sa.Connection, delivery: DeliveryId) -> Whereabouts | None:
    """One delivery and its chain, or None if there is none of this id."""
    row = connection.execute(_standings().where(deliveries.c.id == delivery)).mappings().one_or_none()
    if row is None:
        return None
    found = _standing(row)
    chain, more = _chain(connection, found)
    a, c = audit.c, lanes.c
    noted = sa.select(a.at, a.actor, a.action, a.detail).where(
        a.subject == str(delivery), a.action.in_(("delivery.retry", "delivery.discard"))
    )
    waits = sa.select(timers.c.name, timers.c.event, timers.c.due_at).where(timers.c.correlation == found.correlation)
    return Whereabouts(
        delivery=found,
        chain=chain,
        more=more,
        timers=tuple(map(dict, connection.execute(waits.order_by(timers.c.due_at)).mappings())),
        decisions=tuple(
            {"at": row.at, "actor": row.actor, "action": row.action, "why": (row.detail or {}).get("why")}
            for row in connection.execute(noted.order_by(a.id))
        ),
        lanes=tuple(LaneState(*row) for row in connection.execute(sa.select(c.name, c.failures, c.shut_until))),
        at=connection.execute(sa.select(database_now())).scalar_one(),
    )


def correlations_of(connection: sa.Connection, ids: Sequence[DeliveryId]) -> list[CorrelationId]:
    """The chains that these deliveries belong to."""
    query = sa.select(events.c.correlation).join(deliveries, deliveries.c.event == events.c.id).distinct()
    return list(connection.execute(query.where(deliveries.c.id.in_(ids))).scalars())


def submission_of(connection: sa.Connection, delivery: DeliveryId) -> SubmissionId | None:
    """The submission that a delivery's event names; None if it names none, or there is no such delivery."""
    query = sa.select(events.c.payload).join(deliveries, deliveries.c.event == events.c.id)
    payload = connection.execute(query.where(deliveries.c.id == delivery)).scalar_one_or_none()
    named = (payload or {}).get("submission")
    return SubmissionId(named) if isinstance(named, str) else None


def _standings() -> sa.Select[Any]:
    d, e = deliveries.c, events.c
    return sa.select(
        *(d.id, d.service, e.name.label("event"), d.state, d.reason, d.attempts, d.crashes, d.due_at, d.last_error),
        *(e.correlation, d.event.label("event_id"), e.cohort, e.occurred_at),
        *(d.fence, d.lease_until, d.lane, d.done_at),
    ).join(events, e.id == d.event)


def _standing(row: sa.RowMapping) -> Standing:
    reason = ParkReason(row["reason"]) if row["reason"] in list(ParkReason) else None
    return Standing(**{**row, "service": Service(row["service"]), "reason": reason})


def _chain(connection: sa.Connection, found: Standing) -> tuple[tuple[Link, ...], int]:
    """The events of a chain in their order: all of a short one; of a long one the first, and what led here."""
    e, d = events.c, deliveries.c
    mine = e.correlation == found.correlation
    columns = sa.select(e.id, e.name, e.occurred_at, e.causation)
    rows = {row.id: row for row in connection.execute(columns.where(mine).order_by(e.id).limit(LONGEST_CHAIN))}
    step: str | None = found.event_id
    while step is not None and step not in rows:
        earlier = connection.execute(columns.where(e.id == step)).one_or_none()
        if earlier is None:
            break  # so old that it was pruned
        rows[step], step = earlier, earlier.causation
    count = connection.execute(sa.select(sa.func.count()).select_from(events).where(mine)).scalar_one()
    query = sa.select(d.event, d.id, d.service, d.state, d.attempts, d.last_error, d.done_at)
    told: dict[str, list[Mapping[str, Any]]] = {event: [] for event in rows}
    for row in connection.execute(query.where(d.event.in_(rows)).order_by(d.id)).mappings():
        told[row["event"]].append({name: value for name, value in row.items() if name != "event"})
    links = [
        Link(row.id, row.name, row.occurred_at, row.causation, tuple(told[row.id])) for _, row in sorted(rows.items())
    ]
    return tuple(links), count - len(links)
