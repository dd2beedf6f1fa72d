"""Every result rests on evidence."""

import sqlalchemy as sa

from services.scoring.tables import evidence, results
from shared.invariants.rule import Invariant


def broken(connection: sa.Connection) -> list[str]:
    """Results of participants about whom nothing is known."""
    r, e = results.c, evidence.c
    known = sa.exists().where(e.cohort == r.cohort, e.participant == r.participant)
    return list(connection.execute(sa.select(r.id).where(~known).order_by(r.id)).scalars())


RULE = Invariant(
    broken,
    means="a figure stands in a plan and nobody can say what it rests on",
    cure="rows of `scoring_evidence` were deleted: restore them from a backup, or erase the person's results as well",
)
