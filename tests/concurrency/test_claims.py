"""Races on PostgreSQL, where they are real: a claim has one winner."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from shared import delivery
from shared.db import Database, UnitOfWork
from shared.events import CohortReported, SubmissionReceived
from shared.ids import CohortId, RunId, SubmissionId
from shared.outbox import publish


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


def test_four_claims_of_one_delivery_have_one_winner(postgres_db: Database) -> None:
    for number in range(20):
        with postgres_db.write() as uow:
            publish(uow, SubmissionReceived(submission=SubmissionId(str(number)), cohort=CohortId("c")))
        which = uow.due[0][1]
        won = at_once(4, lambda which=which: delivery.run(postgres_db, which, {SubmissionReceived.name: counts}))  # type: ignore[misc]
        assert sorted(won) == [False, False, False, True]
