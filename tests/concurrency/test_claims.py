"""Races on PostgreSQL, where they are real: a claim has one winner."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from shared import delivery
from shared.bus import deliveries
from shared.claims import claim, claim_fresh, due, held_on
from shared.db import Database, UnitOfWork, database_now
from shared.events import CohortReported, SubmissionReceived
from shared.ids import CohortId, DeliveryId, RunId, SubmissionId
from shared.leases import LEASE, Leases
from shared.outbox import publish
from shared.words import Service


def at_once(times: int, work: Callable[[], bool]) -> list[bool]:
    """Run `work` in so many threads that all start at the same moment."""
    barrier = Barrier(times)

    def together(_: int) -> bool:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(together, range(times)))


def counts(uow: UnitOfWork, event: SubmissionReceived) -> None:
    publish(uow, CohortReported(run=RunId("r"), cohort=event.cohort))


def a_delivery(db: Database, number: int) -> DeliveryId:
    with db.write() as uow:
        publish(uow, SubmissionReceived(submission=SubmissionId(str(number)), cohort=CohortId("c")))
    return uow.due[0][1]


def time_left(db: Database, which: DeliveryId) -> timedelta:
    query = sa.select(deliveries.c.lease_until - database_now()).where(deliveries.c.id == which)
    with db.read() as connection:
        left: timedelta = connection.execute(query).scalar_one()
    return left


def test_a_long_transaction_of_one_delivery_does_not_let_the_leases_of_others_run_out(postgres_db: Database) -> None:
    long, other = (claim(postgres_db, a_delivery(postgres_db, number), timedelta(seconds=1)) for number in range(2))
    assert long is not None
    assert other is not None
    leases = Leases(postgres_db)
    with leases.kept([long, other]), postgres_db.write() as uow:
        held_on(uow, long, timedelta(seconds=-1))
        leases.renew()  # would wait for the transaction that it stands in
        assert time_left(postgres_db, other.id) > LEASE / 2


def test_nobody_waits_for_a_delivery_that_is_being_committed(postgres_db: Database) -> None:
    held = claim(postgres_db, a_delivery(postgres_db, 1), timedelta(seconds=-1))  # a lease that is over
    assert held is not None
    with postgres_db.write() as uow:
        held_on(uow, held, timedelta(seconds=-1))
        assert claim(postgres_db, held.id, LEASE) is None
    assert claim(postgres_db, held.id, LEASE) is not None


def test_four_claims_of_one_delivery_have_one_winner(postgres_db: Database) -> None:
    for number in range(20):
        which = a_delivery(postgres_db, number)
        won = at_once(4, lambda which=which: delivery.run(postgres_db, which, {SubmissionReceived.name: counts}))  # type: ignore[misc]
        assert sorted(won) == [False, False, False, True]


def backlog(db: Database, count: int) -> None:
    """So many deliveries that wait, as if each had been published."""
    made = sa.text(
        "WITH told AS (INSERT INTO bus_events (id, name, payload, correlation, occurred_at)"
        " SELECT gen_random_uuid()::varchar, :name, '{}', 'c', now() FROM generate_series(1, :count) RETURNING id)"
        " INSERT INTO bus_deliveries (event, service, state, due_at)"
        " SELECT id, 'intake', 'pending', now() - interval '1 minute' FROM told"
    )
    with db.write() as uow:
        uow.connection.execute(made, {"name": SubmissionReceived.name, "count": count})


def pages_read(db: Database, look: Callable[[], object]) -> int:
    """How many pages of tables and indexes the queries of `look` touch."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        asked.append((statement, parameters)) if statement.startswith(
            "SELECT"
        ) and "FOR UPDATE" not in statement else None

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    look()
    sa.event.remove(sa.Engine, "before_cursor_execute", note)
    pages = 0
    with db.write() as uow:
        for statement, parameters in asked:
            explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
            (plan,) = uow.connection.exec_driver_sql(explained, parameters).scalar_one()
            pages += plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
    assert asked
    return pages


@pytest.mark.parametrize("analysed", [False, True])
def test_looking_for_work_costs_the_same_however_much_waits(postgres_db: Database, analysed: bool) -> None:
    def look() -> None:
        due(postgres_db, list(Service), grace=timedelta(), limit=16)
        names = [SubmissionReceived.name]
        claim_fresh(postgres_db, Service.INTAKE, names, [DeliveryId(1)], lease=LEASE, limit=25)

    def vacuumed() -> None:
        if analysed:
            with postgres_db.write() as uow:
                uow.connection.execute(sa.text("ANALYZE bus_deliveries, bus_events"))

    backlog(postgres_db, 500)
    vacuumed()
    few = pages_read(postgres_db, look)
    backlog(postgres_db, 20_000)
    vacuumed()
    assert pages_read(postgres_db, look) < 2 * few + 100
