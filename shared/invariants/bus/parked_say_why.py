"""Every delivery that needs a person says why."""

import sqlalchemy as sa

from shared.bus import deliveries, in_state
from shared.invariants.rule import Invariant
from shared.words import Service


def broken(connection: sa.Connection) -> list[str]:
    """Parked deliveries without a reason."""
    d = deliveries.c
    mute = sa.and_(in_state("parked"), d.service.in_(Service), d.last_error.is_(None))
    return [str(each) for each in connection.execute(sa.select(d.id).where(mute).order_by(d.id)).scalars()]


RULE = Invariant(
    broken,
    means="somebody has to look into a delivery and is not told what for",
    cure="the log names the delivery; report it, then `talentline deliveries retry ID`",
)
