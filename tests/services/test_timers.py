"""Timers: set and taken back with the work that causes it, and fired once."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from shared import timers as timer
from shared.bus import events, timers
from shared.db import Cause, Database, database_now
from shared.events import CohortReported, SubmissionReceived
from shared.ids import CohortId, CorrelationId, EventId, RunId, SubmissionId
from shared.leases import Leases
from shared.sweeper import Sweeper
from shared.timers import cancel_timer, fire, set_timer
from tests.builders.bus import names
from tests.concurrency.test_claims import at_once

EVENT = CohortReported(run=RunId("r"), cohort=CohortId("c"))
PAST = timedelta(seconds=-1)


def test_a_timer_publishes_its_event_once_when_it_is_due_in_the_chain_that_set_it(any_db: Database) -> None:
    with any_db.write(Cause(CorrelationId("chain"), EventId("first"))) as uow:
        set_timer(uow, "t", PAST, EVENT)
    assert fire(any_db) == 1
    assert fire(any_db) == 0
    with any_db.read() as connection:
        (found,) = connection.execute(sa.select(events)).all()
    assert (found.name, found.correlation, found.causation) == (EVENT.name, "chain", "first")


def test_a_timer_waits_until_it_is_due(any_db: Database) -> None:
    with any_db.write() as uow:
        set_timer(uow, "soon", timedelta(hours=1), EVENT)
        set_timer(uow, "far", datetime(2999, 1, 1, tzinfo=UTC), EVENT)
    assert fire(any_db) == 0
    with any_db.write() as uow:
        uow.execute(sa.update(timers).where(timers.c.name == "soon").values(due_at=database_now(PAST)))
    assert fire(any_db) == 1


def test_a_timer_is_set_with_its_cause_or_not_at_all(any_db: Database) -> None:
    with pytest.raises(RuntimeError), any_db.write() as uow:
        set_timer(uow, "t", PAST, EVENT)
        raise RuntimeError
    assert fire(any_db) == 0


def test_a_timer_set_again_is_moved(any_db: Database) -> None:
    with any_db.write() as uow:
        set_timer(uow, "t", PAST, EVENT)
        set_timer(uow, "t", timedelta(hours=1), EVENT)
    assert fire(any_db) == 0


def test_a_cancelled_timer_fires_nothing(any_db: Database) -> None:
    with any_db.write() as uow:
        set_timer(uow, "t", PAST, EVENT)
    with any_db.write() as uow:
        assert cancel_timer(uow, "t")
        assert not cancel_timer(uow, "t")
    assert fire(any_db) == 0


def test_sweepers_fire_timers(any_db: Database) -> None:
    with any_db.write() as uow:
        set_timer(uow, "t", PAST, EVENT)
    Sweeper(any_db, {}, Leases(any_db), grace=timedelta()).sweep()
    assert names(any_db) == [EVENT.name]


def test_four_sweepers_fire_each_timer_once(any_db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timer, "BATCH", 7)
    with any_db.write() as uow:
        for number in range(40):
            event = SubmissionReceived(submission=SubmissionId(f"s-{number}"), cohort=CohortId("c"))
            set_timer(uow, f"t-{number}", PAST, event)
    for _ in range(12):
        at_once(4, lambda: fire(any_db) > 0)
    assert names(any_db) == [SubmissionReceived.name] * 40


def test_a_timer_of_a_newer_release_is_left_to_it(any_db: Database) -> None:
    with any_db.write() as uow:
        set_timer(uow, "t", PAST, EVENT)
        uow.execute(sa.update(timers).values(event="reporting.cohort_reported.v9"))
    assert fire(any_db) == 0
    with any_db.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(timers)).scalar_one() == 1
