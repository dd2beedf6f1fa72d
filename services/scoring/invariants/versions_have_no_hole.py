"""Every participant's results are numbered 1, 2, … without a hole."""

import sqlalchemy as sa

from services.scoring.tables import results
from shared.invariants.rule import Invariant


def broken(connection: sa.Connection) -> list[str]:
    """`cohort/participant` of those of whose results one was removed or made up."""
    r = results.c
    grouped = sa.select(r.cohort, r.participant).group_by(r.cohort, r.participant)
    query = grouped.having(sa.func.max(r.version) != sa.func.count()).order_by(r.cohort, r.participant)
    return [f"{row.cohort}/{row.participant}" for row in connection.execute(query)]


RULE = Invariant(
    broken,
    means="a result that somebody may have been told of can't be shown any more",
    cure="rows of `scoring_results` were deleted or added by hand: restore them from a backup",
)
