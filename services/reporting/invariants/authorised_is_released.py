"""Every first plan that a run has released is released."""

import sqlalchemy as sa

from services.reporting.core.release import PlanState
from services.reporting.tables import authorisations, plans
from shared.invariants.rule import Invariant


def broken(connection: sa.Connection) -> list[str]:
    """`cohort/participant/revision` of drafts that a run has released."""
    p, a = plans.c, authorisations.c
    released = sa.exists().where(a.cohort == p.cohort, a.participant == p.participant)
    query = sa.select(p.cohort, p.participant, p.revision).where(p.revision == 1, p.state == PlanState.DRAFT, released)
    rows = connection.execute(query.order_by(p.cohort, p.participant))
    return [f"{row.cohort}/{row.participant}/{row.revision}" for row in rows]


RULE = Invariant(
    broken,
    means="somebody waits for a plan that the coordinators believe was sent",
    cure="`talentline cohort run COHORT` releases it; report it",
)
