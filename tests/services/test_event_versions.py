"""Releases side by side: what an older worker does not know waits, visibly, and is done by a newer one."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import ClassVar

import pytest
import sqlalchemy as sa

from shared import events as contract
from shared.bus import audit, events, timers
from shared.db import Database, UnitOfWork
from shared.delivery import run, run_many
from shared.events import Event, SubmissionReceived
from shared.events.upcasters import Payload
from shared.handling import Handlers, Together
from shared.ids import CohortId, DeliveryId, SubmissionId
from shared.leases import Leases
from shared.outbox import publish
from shared.parked import take_up
from shared.sweeper import Sweeper
from shared.timers import fire, set_timer
from shared.words import Service
from tests.builders.bus import a_delivery, names, row


class SubmissionArrived(Event):
    """The second version of SubmissionReceived, as a later release may have it."""

    name: ClassVar[str] = "intake.submission_received.v2"

    submission: SubmissionId
    cohort: CohortId
    connection: str | None = None


NEW = SubmissionArrived(submission=SubmissionId("s-2"), cohort=CohortId("c-1"), connection="appraisal-360")


def second(payload: Payload) -> tuple[str, Payload]:
    """v1 did not know the connection."""
    return SubmissionArrived.name, {**payload, "connection": None}


class Heard:
    """A service's handler that keeps what it hears."""

    def __init__(self, event: type[Event], *, together: bool = False) -> None:
        self.events: list[Event] = []
        self.handlers: Handlers = {event.name: Together(self._hear) if together else self._hear}

    def _hear(self, _uow: UnitOfWork, event: Event) -> None:
        self.events.append(event)


@contextmanager
def the_newer_release() -> Iterator[None]:
    """v2 in place of v1, and the way from one to the other. Outside it everything is as in the older release."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(contract.EVENTS, SubmissionReceived.name)
        patch.delitem(contract.ROUTES, SubmissionReceived.name)
        patch.setitem(contract.EVENTS, SubmissionArrived.name, SubmissionArrived)
        patch.setitem(contract.ROUTES, SubmissionArrived.name, (Service.INTAKE,))
        patch.setitem(contract.UPCASTERS, SubmissionReceived.name, second)
        yield


def published(db: Database, event: Event) -> DeliveryId:
    with db.write() as uow:
        publish(uow, event)
    return uow.due[0][1]


def parked_by_an_old_worker(db: Database) -> DeliveryId:
    """A delivery of v2 that came to a worker who knows v1 only."""
    with the_newer_release():
        delivery = published(db, NEW)
    old = Heard(SubmissionReceived)
    assert not run(db, delivery, old.handlers)
    assert old.events == []
    return delivery


def test_an_old_worker_parks_what_a_newer_release_wrote_and_says_why(any_db: Database) -> None:
    parked = row(any_db, parked_by_an_old_worker(any_db))
    assert (parked.state, parked.reason, parked.attempts) == ("parked", "unknown_schema", 1)
    assert "event intake.submission_received.v2 is unknown to this version; upgrade the workers" in parked.last_error


def test_a_newer_worker_takes_up_what_an_older_one_parked_and_does_it_once(any_db: Database) -> None:
    delivery = parked_by_an_old_worker(any_db)
    new = Heard(SubmissionArrived)
    with the_newer_release():
        sweeper = Sweeper(any_db, {Service.INTAKE: new.handlers}, Leases(any_db), grace=timedelta())
        while sweeper.sweep():
            pass
        assert take_up(any_db, {Service.INTAKE: new.handlers}) == 0
    assert new.events == [NEW]
    assert (row(any_db, delivery).state, row(any_db, delivery).reason) == ("done", None)
    with any_db.read() as connection:
        noted = connection.execute(sa.select(audit.c.actor, audit.c.action, audit.c.subject, audit.c.detail)).all()
    assert noted == [("worker", "delivery.retry", str(delivery), {"why": "this release knows the event"})]


def test_an_old_worker_leaves_parked_what_it_still_does_not_know(any_db: Database) -> None:
    delivery = parked_by_an_old_worker(any_db)
    assert take_up(any_db, {Service.INTAKE: Heard(SubmissionReceived).handlers}) == 0
    assert row(any_db, delivery).state == "parked"


def test_a_worker_of_another_service_takes_nothing_up(any_db: Database) -> None:
    delivery = parked_by_an_old_worker(any_db)
    with the_newer_release():
        assert take_up(any_db, {Service.SCORING: Heard(SubmissionArrived).handlers}) == 0
        assert take_up(any_db, {Service.INTAKE: {}}) == 0
    assert row(any_db, delivery).state == "parked"


@pytest.mark.parametrize("together", [False, True])
def test_an_old_event_reaches_a_newer_handler_in_its_newest_form(any_db: Database, together: bool) -> None:
    waiting = [a_delivery(any_db, "s-1"), a_delivery(any_db, "s-2")]
    new = Heard(SubmissionArrived, together=together)
    with the_newer_release():
        waiting.append(published(any_db, NEW))
        assert run_many(any_db, Service.INTAKE, waiting, new.handlers) == 3
    old = [NEW.model_copy(update={"submission": id_, "connection": None}) for id_ in ("s-1", "s-2")]
    assert sorted(new.events, key=repr) == sorted([*old, NEW], key=repr)


def test_an_event_that_does_not_fit_is_parked_at_once_and_harms_no_other_of_its_batch(any_db: Database) -> None:
    good, bad = a_delivery(any_db, "s-1"), a_delivery(any_db, "s-2")
    broken = row(any_db, bad).event
    with any_db.write() as uow:
        uow.execute(sa.update(events).where(events.c.id == broken).values(payload={"cohort": ["Ada Example"]}))
    heard = Heard(SubmissionReceived, together=True)
    assert run_many(any_db, Service.INTAKE, [good, bad], heard.handlers) == 1
    assert (row(any_db, good).state, row(any_db, bad).state) == ("done", "parked")
    assert row(any_db, bad).reason == "validation"
    assert "submission (missing), cohort (string_type)" in row(any_db, bad).last_error
    assert "Ada" not in row(any_db, bad).last_error


def test_a_timer_set_by_an_older_release_publishes_the_newest_form(any_db: Database) -> None:
    with any_db.write() as uow:
        set_timer(uow, "t", timedelta(seconds=-1), SubmissionReceived(submission=NEW.submission, cohort=NEW.cohort))
    with the_newer_release():
        assert fire(any_db) == 1
    assert names(any_db) == [SubmissionArrived.name]


def test_a_timer_that_can_not_be_read_holds_up_no_other(any_db: Database) -> None:
    event = SubmissionReceived(submission=NEW.submission, cohort=NEW.cohort)
    with any_db.write() as uow:
        set_timer(uow, "bad", timedelta(seconds=-2), event)
        set_timer(uow, "good", timedelta(seconds=-1), event)
        uow.execute(sa.update(timers).where(timers.c.name == "bad").values(payload={}))
    assert fire(any_db) == 1
    assert fire(any_db) == 0
    assert names(any_db) == [event.name]
    with any_db.read() as connection:
        assert connection.execute(sa.select(timers.c.name)).scalars().all() == ["bad"]
