"""What must always hold in reporting's tables. Each rule gives what breaks it: nothing, if all is well."""

from collections.abc import Callable, Mapping

import sqlalchemy as sa

from services.reporting.core.release import MessageState, PlanState
from services.reporting.tables import authorisations, messages, plans, pool_entries, pool_records
from shared import bus
from shared.events import PlanReleased
from shared.words import Service

Rule = Callable[[sa.Connection], list[str]]


def authorised_and_kept_back(connection: sa.Connection) -> list[str]:
    """First plans that a run has released and that are drafts still."""
    a = authorisations.c
    released = sa.exists().where(a.cohort == plans.c.cohort, a.participant == plans.c.participant)
    return _plans(connection, plans.c.revision == 1, plans.c.state == PlanState.DRAFT, released)


def released_and_forgotten(connection: sa.Connection) -> list[str]:
    """Released plans that are not sent, not refused, and that no delivery is on its way to send."""
    p = plans.c
    refused = sa.exists().where(_of_plan(), messages.c.state == MessageState.UNDELIVERABLE)
    on_the_way = (
        sa.select(bus.events.c.id)
        .join(bus.deliveries, bus.deliveries.c.event == bus.events.c.id)
        .where(
            bus.events.c.name == PlanReleased.name,
            bus.events.c.cohort == p.cohort,
            bus.events.c.payload["participant"].as_string() == p.participant,
            bus.deliveries.c.service == Service.REPORTING,
            bus.deliveries.c.state != "done",
        )
    )
    return _plans(connection, p.state == PlanState.RELEASED, ~refused, ~on_the_way.exists())


def sent_without_a_receipt(connection: sa.Connection) -> list[str]:
    """Plans that count as sent and whose message does not."""
    receipt = sa.exists().where(_of_plan(), messages.c.state == MessageState.SENT, messages.c.words.is_not(None))
    return _plans(connection, plans.c.state == PlanState.SENT, ~receipt)


def records_off_their_history(connection: sa.Connection) -> list[str]:
    """Pool records that do not stand as the last entry of their history says."""
    r, e = pool_records.c, pool_entries.c
    last = (
        sa.select(sa.func.max(e.id))
        .where(e.cohort == r.cohort, e.participant == r.participant, e.level == r.level)
        .scalar_subquery()
    )
    query = sa.select(r.cohort, r.participant, r.level).where(r.entry != last)
    return [f"{row.cohort}/{row.participant}/{row.level}" for row in connection.execute(query)]


INVARIANTS: Mapping[str, Rule] = {
    "reporting.every_plan_released_by_a_run_is_released": authorised_and_kept_back,
    "reporting.every_released_plan_is_on_its_way": released_and_forgotten,
    "reporting.every_sent_plan_has_a_receipt": sent_without_a_receipt,
    "reporting.every_pool_record_stands_as_its_history_says": records_off_their_history,
}


def _of_plan() -> sa.ColumnElement[bool]:
    p, m = plans.c, messages.c
    return sa.and_(m.cohort == p.cohort, m.participant == p.participant, m.revision == p.revision)


def _plans(connection: sa.Connection, *broken: sa.ColumnElement[bool]) -> list[str]:
    p = plans.c
    query = sa.select(p.cohort, p.participant, p.revision).where(*broken)
    rows = connection.execute(query.order_by(p.cohort, p.participant, p.revision))
    return [f"{row.cohort}/{row.participant}/{row.revision}" for row in rows]
