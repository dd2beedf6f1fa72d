"""Every delivery that is due is taken before long."""

from datetime import timedelta

import sqlalchemy as sa

from shared.bus import deliveries, in_state
from shared.db import database_now
from shared.invariants.rule import Invariant
from shared.words import Service

PATIENCE = timedelta(minutes=15)
"""Longer than a burst takes that the workers keep up with."""


def broken(connection: sa.Connection) -> list[str]:
    """Deliveries that have been due for long and that nobody has taken."""
    d = deliveries.c
    waiting = sa.and_(
        in_state("pending", "running"), d.service.in_(Service), d.state == "pending", d.due_at < database_now(-PATIENCE)
    )
    return [str(each) for each in connection.execute(sa.select(d.id).where(waiting).order_by(d.id)).scalars()]


RULE = Invariant(
    broken,
    means="work that could be done is not done: no worker works for its service, or the workers do not keep up",
    cure="`talentline status` says for which service; start its worker, or more of them",
)
