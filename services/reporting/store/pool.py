"""Talent-pool records: an append-only history, and which of its entries is how a record stands."""

from datetime import datetime

import sqlalchemy as sa

from services.reporting.core.pool import ENDED, PoolEntry, PoolStatus
from services.reporting.tables import pool_entries, pool_records
from shared.db import UnitOfWork
from shared.events import PoolExpiryDue
from shared.ids import CohortId, ParticipantId, ResultId
from shared.timers import cancel_timer, set_timer


def standing(connection: sa.Connection, cohort: CohortId, participant: ParticipantId) -> list[PoolEntry]:
    """How a participant's records stand: one entry a level, by level."""
    r = pool_records.c
    query = (
        sa.select(pool_entries)
        .join(pool_records, r.entry == pool_entries.c.id)
        .where(r.cohort == cohort, r.participant == participant)
        .order_by(r.level)
    )
    return [_entry(row) for row in connection.execute(query).mappings()]


def history(connection: sa.Connection, cohort: CohortId, participant: ParticipantId) -> list[PoolEntry]:
    """Everything that was ever noted on a participant's records, in order."""
    e = pool_entries.c
    query = sa.select(pool_entries).where(e.cohort == cohort, e.participant == participant).order_by(e.id)
    return [_entry(row) for row in connection.execute(query).mappings()]


def append(
    uow: UnitOfWork,
    cohort: CohortId,
    participant: ParticipantId,
    entry: PoolEntry,
    *,
    result: ResultId | None,
    at: datetime,
    until: datetime,
) -> None:
    """Add an entry to a record's history; the record stands as it says from now on. `until` is the moment when it is
    over, unless a later entry says otherwise: a timer sees to that.
    """
    values = {
        "cohort": cohort,
        "participant": participant,
        "level": entry.level,
        "readiness": entry.readiness,
        "status": entry.status.value,
        "basis": entry.basis,
        "by": entry.by,
        "reason": entry.reason,
        "review_on": entry.review_on,
        "expires_on": entry.expires_on,
        "result": result,
        "at": at,
    }
    added = uow.execute(sa.insert(pool_entries).values(values).returning(pool_entries.c.id)).scalar_one()
    record = uow.insert(pool_records).values(cohort=cohort, participant=participant, level=entry.level, entry=added)
    uow.execute(record.on_conflict_do_update(index_elements=["cohort", "participant", "level"], set_={"entry": added}))
    timer = f"pool-expiry:{cohort}/{participant}/{entry.level}"
    if entry.status in ENDED:
        cancel_timer(uow, timer)
    else:
        set_timer(uow, timer, until, PoolExpiryDue(cohort=cohort, participant=participant, level=entry.level))


def _entry(row: sa.RowMapping) -> PoolEntry:
    return PoolEntry(
        level=row["level"],
        readiness=row["readiness"],
        status=PoolStatus(row["status"]),
        basis=row["basis"],
        by=row["by"],
        reason=row["reason"],
        review_on=row["review_on"],
        expires_on=row["expires_on"],
    )
