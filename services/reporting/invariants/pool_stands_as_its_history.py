"""Every talent-pool record stands as the last entry of its history says."""

import sqlalchemy as sa

from services.reporting.tables import pool_entries, pool_records
from shared.invariants.rule import Invariant


def broken(connection: sa.Connection) -> list[str]:
    """`cohort/participant/level` of records that point to an entry before their last."""
    r, e = pool_records.c, pool_entries.c
    last = sa.select(e.cohort, e.participant, e.level, sa.func.max(e.id).label("id"))
    last_of = last.group_by(e.cohort, e.participant, e.level).subquery()
    same = sa.and_(last_of.c.cohort == r.cohort, last_of.c.participant == r.participant, last_of.c.level == r.level)
    query = sa.select(r.cohort, r.participant, r.level).outerjoin(last_of, same)
    stale = sa.or_(last_of.c.id.is_(None), last_of.c.id != r.entry)
    rows = connection.execute(query.where(stale).order_by(r.cohort, r.participant, r.level))
    return [f"{row.cohort}/{row.participant}/{row.level}" for row in rows]


RULE = Invariant(
    broken,
    means="the pool shows a standing that a later decision has changed",
    cure="`talentline pool decide` writes the decision anew; report it",
)
