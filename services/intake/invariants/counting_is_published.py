"""Every piece of evidence that counts was published."""

import sqlalchemy as sa

from services.intake.tables import evidence, latest
from shared.invariants.rule import Invariant


def broken(connection: sa.Connection) -> list[str]:
    """Evidence that counts and that scoring was never told of."""
    published = sa.exists().where(evidence.c.evidence == latest.c.evidence)
    query = sa.select(latest.c.evidence).where(latest.c.evidence.is_not(None), ~published)
    return list(connection.execute(query.order_by(latest.c.evidence)).scalars())


RULE = Invariant(
    broken,
    means="somebody's latest answers do not reach scoring: a result may rest on older ones",
    cure="rows of `intake_evidence` were deleted: restore them from a backup; report it if nobody did that",
)
