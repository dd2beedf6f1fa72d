"""How an installation stands: what waits, since when and why. Metrics and `talentline status` show the same figures.

Only what is not done is read, by its indexes, so that asking stays cheap however much was done.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from services.intake.core.submission import SubmissionState
from services.intake.tables import submissions
from services.reporting.tables import messages
from shared.bus import deliveries, in_state, lanes, timers
from shared.db import database_now
from shared.invariants.bus.timers_fire import PATIENCE as TIMER_PATIENCE
from shared.invariants.findings import Found, found
from shared.words import Service

DELIVERY_STATES = ("due", "later", "running", "parked")
"""How a delivery that is not done stands: it could run now; it waits for its time; it runs; a person must look."""


@dataclass(frozen=True, slots=True)
class ShutLane:
    """Something outside that failed several times and is left alone until `until`."""

    name: str
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Figures of one moment (`at`, by the database's clock)."""

    at: datetime
    deliveries: Mapping[Service, Mapping[str, int]]
    """Of each service, how many are in each of `DELIVERY_STATES`."""
    oldest_due: Mapping[Service, timedelta]
    """How long the oldest one that is due has waited; zero if none is."""
    mails: Mapping[str, int]
    quarantined: int
    timers: int
    timers_overdue: int
    lanes_shut: tuple[ShutLane, ...]
    invariants: tuple[Found, ...]


def standing(connection: sa.Connection) -> Standing:
    """How the installation stands now."""
    at = connection.execute(sa.select(_NOW)).scalar_one()
    depth, oldest = _open(connection, at)
    timer = sa.func.count().filter(timers.c.due_at < database_now(-TIMER_PATIENCE))
    set_, overdue = connection.execute(sa.select(sa.func.count(), timer).select_from(timers)).one()
    return Standing(
        at=at,
        deliveries=depth,
        oldest_due=oldest,
        mails=_counts(connection, messages.c.state),
        quarantined=_quarantined(connection),
        timers=set_,
        timers_overdue=overdue,
        lanes_shut=_lanes_shut(connection),
        invariants=tuple(found(connection)),
    )


_NOW = sa.type_coerce(database_now(), deliveries.c.due_at.type).label("now")


def _open(connection: sa.Connection, at: datetime) -> tuple[dict[Service, dict[str, int]], dict[Service, timedelta]]:
    d = deliveries.c
    left = sa.and_(d.state == "running", d.lease_until < database_now())
    is_due = sa.or_(sa.and_(d.state == "pending", d.due_at <= database_now()), left)
    state = sa.case((is_due, "due"), (d.state == "pending", "later"), else_="running").label("stands")
    since = sa.func.min(sa.case((left, d.lease_until), else_=d.due_at)).label("since")
    query = sa.select(d.service, state, sa.func.count().label("many"), since).where(in_state("pending", "running"))
    depth: dict[Service, dict[str, int]] = {service: dict.fromkeys(DELIVERY_STATES, 0) for service in Service}
    oldest = dict.fromkeys(Service, timedelta())
    for row in connection.execute(query.group_by(d.service, state)):
        depth[Service(row.service)][row.stands] = row.many
        if row.stands == "due":
            oldest[Service(row.service)] = max(at - row.since, timedelta())
    parked = sa.select(d.service, sa.func.count().label("many")).where(in_state("parked"))
    for row in connection.execute(parked.group_by(d.service)):
        depth[Service(row.service)]["parked"] = row.many
    return depth, oldest


def _quarantined(connection: sa.Connection) -> int:
    query = sa.select(sa.func.count()).select_from(submissions)
    return connection.execute(query.where(submissions.c.state == SubmissionState.QUARANTINED)).scalar_one()


def _counts(connection: sa.Connection, column: sa.ColumnElement[str]) -> dict[str, int]:
    rows = connection.execute(sa.select(column.label("value"), sa.func.count().label("many")).group_by(column))
    return {row.value: row.many for row in rows}


def _lanes_shut(connection: sa.Connection) -> tuple[ShutLane, ...]:
    query = sa.select(lanes).where(lanes.c.shut_until > database_now()).order_by(lanes.c.name)
    return tuple(ShutLane(row.name, row.shut_until, row.reason or "") for row in connection.execute(query))
