"""Every calibration that a result names is kept, so that the result can be computed again."""

import sqlalchemy as sa

from services.scoring.tables import calibrations, results
from shared.invariants.rule import Invariant


def broken(connection: sa.Connection) -> list[str]:
    """`cohort/hash` of calibrations that results name and that are gone."""
    r, c = results.c, calibrations.c
    known = sa.exists().where(c.cohort == r.cohort, c.hash == r.calibration)
    query = sa.select(r.cohort, r.calibration).where(r.calibration.is_not(None), ~known).distinct()
    rows = connection.execute(query.order_by(r.cohort, r.calibration))
    return [f"{row.cohort}/{row.calibration[:12]}" for row in rows]


RULE = Invariant(
    broken,
    means="results can't be computed again, and nobody who completes later can be put on their scale",
    cure="rows of `scoring_calibrations` were deleted: restore them from a backup, then run the cohort again",
)
