"""Deliveries that share a transaction: fewer commits, and still each on its own when one of them goes wrong."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from shared import delivery
from shared.bus import deliveries, events
from shared.db import Cause, Database, UnitOfWork
from shared.errors import PermanentError
from shared.events import EvidenceRecorded, SubmissionReceived
from shared.handling import Commit, Effect, Handler, Together
from shared.ids import DeliveryId
from shared.words import Service
from tests.builders.bus import a_delivery, change, handled_by, names, publishes_more, row


def several(db: Database, count: int) -> list[DeliveryId]:
    return [a_delivery(db, f"s-{number}") for number in range(count)]


def states(db: Database, which: list[DeliveryId]) -> list[str]:
    return [row(db, each).state for each in which]


@contextmanager
def commits_counted(db: Database) -> Iterator[list[int]]:
    """How many units of work are committed within the block."""
    seen: list[int] = []
    write = db.write

    @contextmanager
    def counted(*arguments: Any) -> Iterator[UnitOfWork]:
        with write(*arguments) as uow:
            yield uow
        seen.append(1)

    db.write = counted  # type: ignore[assignment,method-assign]
    yield seen
    db.write = write  # type: ignore[method-assign]


def test_many_deliveries_of_a_kind_take_two_transactions(any_db: Database) -> None:
    which = several(any_db, 20)
    with commits_counted(any_db) as commits:
        assert delivery.run_many(any_db, Service.INTAKE, which, handled_by(Together(publishes_more))) == 20
    assert states(any_db, which) == ["done"] * 20
    assert names(any_db).count(EvidenceRecorded.name) == 20
    assert len(commits) == 2


def test_each_event_of_a_batch_carries_its_own_chain(any_db: Database) -> None:
    which = several(any_db, 3)
    delivery.run_many(any_db, Service.INTAKE, which, handled_by(Together(publishes_more)))
    e = events.c
    with any_db.read() as connection:
        causes = connection.execute(sa.select(e.causation, e.correlation).where(e.name == EvidenceRecorded.name)).all()
        firsts = connection.execute(sa.select(e.id, e.correlation).where(e.name == SubmissionReceived.name)).all()
    assert sorted(causes) == sorted(firsts)


def test_one_that_fails_takes_nothing_from_the_others(any_db: Database) -> None:
    def chokes_on_one(uow: UnitOfWork, event: SubmissionReceived) -> None:
        publishes_more(uow, event)
        if event.submission == "s-3":
            raise PermanentError("submission s-3 can't be read")

    which = several(any_db, 6)
    assert delivery.run_many(any_db, Service.INTAKE, which, handled_by(Together(chokes_on_one))) == 5
    assert states(any_db, which) == ["done", "done", "done", "parked", "done", "done"]
    assert names(any_db).count(EvidenceRecorded.name) == 5
    assert [row(any_db, each).attempts for each in which] == [1] * 6


def test_one_that_somebody_else_took_over_takes_nothing_from_the_others(any_db: Database) -> None:
    which = several(any_db, 4)

    def loses_one(uow: UnitOfWork, event: SubmissionReceived) -> None:
        publishes_more(uow, event)
        if event.submission == "s-1":  # as if another worker claimed it: its fence rises
            uow.execute(sa.update(deliveries).where(deliveries.c.id == which[1]).values(fence=deliveries.c.fence + 1))

    assert delivery.run_many(any_db, Service.INTAKE, which, handled_by(Together(loses_one))) == 3
    assert names(any_db).count(EvidenceRecorded.name) == 3
    assert states(any_db, which) == ["done", "running", "done", "done"]


def test_what_failed_before_is_tried_alone(any_db: Database) -> None:
    which = several(any_db, 3)
    change(any_db, which[0], attempts=1)
    seen: list[int] = []

    def counts(uow: UnitOfWork, _event: SubmissionReceived) -> None:
        running = sa.select(sa.func.count()).select_from(deliveries).where(deliveries.c.state == "running")
        seen.append(uow.execute(running).scalar_one())

    assert delivery.run_many(any_db, Service.INTAKE, which, handled_by(Together(counts))) == 3
    assert seen == [2, 2, 1]


def test_a_ring_brings_what_else_is_due_along(any_db: Database) -> None:
    which = several(any_db, 5)
    assert delivery.run_many(any_db, Service.INTAKE, which[:1], handled_by(Together(publishes_more))) == 5
    assert states(any_db, which) == ["done"] * 5


def test_work_that_does_not_say_it_works_together_is_done_one_by_one(any_db: Database) -> None:
    which = several(any_db, 5)
    assert delivery.run_many(any_db, Service.INTAKE, which[:2], handled_by(publishes_more)) == 2
    assert states(any_db, which) == ["done", "done", "pending", "pending", "pending"]


def test_effects_begin_together_and_reach_outside_one_by_one(any_db: Database) -> None:
    open_transactions: list[str] = []

    def begin(_uow: UnitOfWork, event: SubmissionReceived) -> str | None:
        return event.submission if event.submission in {"s-1", "s-2"} else None

    def act(prepared: str, _commit: Commit) -> str:
        with any_db.write():  # on SQLite it would wait for ever, were one open
            open_transactions.append(prepared)
        return "answer"

    def settle(uow: UnitOfWork, event: SubmissionReceived, _prepared: str, _outcome: str) -> None:
        publishes_more(uow, event)

    which = several(any_db, 4)
    effect: Effect[Any, Any, Any] = Effect(begin, act, settle)
    assert delivery.run_many(any_db, Service.INTAKE, which, handled_by(Together(effect))) == 4
    assert sorted(open_transactions) == ["s-1", "s-2"]
    assert states(any_db, which) == ["done"] * 4
    assert names(any_db).count(EvidenceRecorded.name) == 2


def test_what_many_leaves_is_done_alone_after_what_it_took_is_committed(any_db: Database) -> None:
    which = several(any_db, 4)
    seen: list[list[str]] = []

    def takes_two(uow: UnitOfWork, told: Sequence[tuple[SubmissionReceived, Cause]]) -> list[bool]:
        taken = [event.submission in {"s-0", "s-1"} for event, _ in told]
        for (event, cause), is_taken in zip(told, taken, strict=True):
            publishes_more(uow.under(cause), event) if is_taken else None
        return taken

    def is_large(uow: UnitOfWork, event: SubmissionReceived) -> None:
        seen.append(states(any_db, which))  # through another connection: what is committed by now
        publishes_more(uow, event)

    assert delivery.run_many(any_db, Service.INTAKE, which, handled_by(Together(is_large, takes_two))) == 4
    assert [each.count("done") for each in seen] == [2, 3]
    assert names(any_db).count(EvidenceRecorded.name) == 4


def test_an_unreadable_event_is_parked_and_its_neighbours_are_not(any_db: Database) -> None:
    which = several(any_db, 3)
    with any_db.write() as uow:
        first = sa.select(deliveries.c.event).where(deliveries.c.id == which[0]).scalar_subquery()
        uow.execute(sa.update(events).where(events.c.id == first).values(payload={"odd": 1}))
    handler: Handler = publishes_more
    for _ in range(9):
        with any_db.write() as uow:
            uow.execute(sa.update(deliveries).where(deliveries.c.state == "pending").values(due_at=sa.func.now()))
        delivery.run_many(any_db, Service.INTAKE, which, handled_by(Together(handler)))
    assert states(any_db, which) == ["parked", "done", "done"]
