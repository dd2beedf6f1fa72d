"""No delivery is held by a worker that is gone."""

from datetime import timedelta

import sqlalchemy as sa

from shared.bus import deliveries, in_state
from shared.db import database_now
from shared.invariants.rule import Invariant
from shared.words import Service

PATIENCE = timedelta(minutes=5)
"""A sweeper takes such a delivery over within seconds."""


def broken(connection: sa.Connection) -> list[str]:
    """Deliveries that are running, and whose lease ran out long ago."""
    d = deliveries.c
    left = sa.and_(
        in_state("pending", "running"),
        d.service.in_(Service),
        d.state == "running",
        d.lease_until < database_now(-PATIENCE),
    )
    return [str(each) for each in connection.execute(sa.select(d.id).where(left).order_by(d.id)).scalars()]


RULE = Invariant(
    broken,
    means="a worker died or hangs, and nobody took its work over: no sweeper runs for the service",
    cure="start a worker for the service; it takes the delivery by itself",
)
