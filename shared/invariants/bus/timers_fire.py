"""Every timer that is due fires."""

from datetime import timedelta

import sqlalchemy as sa

from shared.bus import timers
from shared.db import database_now
from shared.invariants.rule import Invariant

PATIENCE = timedelta(minutes=5)
"""A sweeper fires a timer within seconds."""


def broken(connection: sa.Connection) -> list[str]:
    """Timers that were due long ago."""
    query = sa.select(timers.c.name).where(timers.c.due_at < database_now(-PATIENCE)).order_by(timers.c.name)
    return list(connection.execute(query).scalars())


RULE = Invariant(
    broken,
    means="a deadline has passed and what was to follow did not: no sweeper runs, or only one that is too old for it",
    cure="start a worker; if one runs, upgrade it",
)
