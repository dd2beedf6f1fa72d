"""Lanes: what is down is left alone for a while, what is slow gets its share, and neither costs attempts."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from shared import delivery, lanes
from shared.bus import deliveries
from shared.bus import lanes as lane_rows
from shared.claims import claim
from shared.db import Database, UnitOfWork, database_now
from shared.errors import Snooze, TransientError
from shared.events import SubmissionReceived
from shared.handling import Commit, Effect
from shared.ids import DeliveryId
from shared.lanes import Lane
from shared.leases import LEASE
from tests.builders.bus import a_delivery, change, handled_by, make_due, row


class Api:
    """An effect that uses the lane `vendor:acme`, at most two at once."""

    def __init__(self) -> None:
        self.down: TransientError | None = None
        self.called = 0
        self.lane = Lane("vendor:acme", at_once=2)

    def act(self, _prepared: str, _commit: Commit) -> str:
        self.called += 1
        if self.down:
            raise self.down
        return "answer"

    def effect(self) -> Effect[Any, Any, Any]:
        return Effect(
            begin=lambda _uow, event: event.submission,
            act=self.act,
            settle=lambda _uow, _event, _prepared, _outcome: None,
            lane=lambda _prepared: self.lane,
        )


def lane_of(db: Database, name: str = "vendor:acme") -> Any:
    with db.read() as connection:
        return connection.execute(sa.select(lane_rows).where(lane_rows.c.name == name)).one()


def seconds_to(db: Database, moment: Any) -> float:
    with db.read() as connection:
        now = connection.execute(sa.select(database_now())).scalar_one()
    return float((moment - now).total_seconds())


def shut(db: Database, api: Api) -> DeliveryId:
    """A lane that failed as often as it takes; gives a delivery that waits for it."""
    api.down = TransientError("acme is away")
    which = a_delivery(db)
    for _ in range(lanes.PATIENCE):
        make_due(db)
        assert not delivery.run(db, which, handled_by(api.effect()))
    return which


def test_a_lane_is_shut_after_failures_in_a_row(any_db: Database) -> None:
    api = Api()
    shut(any_db, api)
    found = lane_of(any_db)
    assert found.failures == lanes.PATIENCE
    assert found.reason == "TransientError: acme is away"
    assert 5 < seconds_to(any_db, found.shut_until) <= lanes.FIRST_SHUT.total_seconds()


def test_what_was_under_way_when_a_lane_was_shut_keeps_it_shut_no_longer(any_db: Database) -> None:
    lane = Lane("vendor:acme", at_once=8)
    for _ in range(lanes.PATIENCE + 7):  # a relay that drops a dozen connections at once
        with any_db.write() as uow:
            lanes.failed(uow, lane, TransientError("acme is away"))
    found = lane_of(any_db)
    assert found.failures == lanes.PATIENCE
    assert seconds_to(any_db, found.shut_until) <= lanes.FIRST_SHUT.total_seconds()


def test_a_shut_lane_is_shut_for_longer_when_the_other_side_asks_for_that(any_db: Database) -> None:
    lane = Lane("vendor:acme")
    for _ in range(lanes.PATIENCE):
        with any_db.write() as uow:
            lanes.failed(uow, lane, TransientError("acme is away"))
    for asked in (timedelta(minutes=3), timedelta(seconds=1)):
        with any_db.write() as uow:
            lanes.failed(uow, lane, TransientError("acme is busy", retry_after=asked))
    assert 170 < seconds_to(any_db, lane_of(any_db).shut_until) <= 180


def test_what_needs_a_shut_lane_waits_for_it_without_spending_an_attempt(any_db: Database) -> None:
    api = Api()
    which = shut(any_db, api)
    make_due(any_db)
    called, before = api.called, row(any_db, which).attempts
    assert not delivery.run(any_db, which, handled_by(api.effect()))
    found = row(any_db, which)
    assert (found.state, found.attempts, api.called) == ("pending", before, called)
    assert found.due_at > lane_of(any_db).shut_until
    assert found.last_error == "Snooze: vendor:acme is shut after failures"


def test_one_goes_first_when_the_lane_may_work_again_and_opens_it(any_db: Database) -> None:
    api = Api()
    which = shut(any_db, api)
    other = a_delivery(any_db, "s-2")
    with any_db.write() as uow:
        uow.execute(sa.update(lane_rows).values(shut_until=database_now(timedelta(seconds=-1))))
    make_due(any_db)
    api.down = None
    seen: list[str] = []

    def looks_at_the_other(_prepared: str, _commit: Commit) -> str:
        delivery.run(any_db, other, handled_by(api.effect()))
        seen.append(row(any_db, other).last_error)
        return "answer"

    probe: Effect[Any, Any, Any] = Effect(
        lambda _uow, event: event.submission, looks_at_the_other, lambda *_: None, lane=lambda _: api.lane
    )
    assert delivery.run(any_db, which, handled_by(probe))
    assert seen == ["Snooze: every place in vendor:acme is taken"]
    assert (lane_of(any_db).failures, lane_of(any_db).shut_until) == (0, None)
    make_due(any_db)
    assert delivery.run(any_db, other, handled_by(api.effect()))


def test_no_more_than_its_places_are_taken_at_once(any_db: Database) -> None:
    api = Api()
    claims = [claim(any_db, a_delivery(any_db, f"s-{number}"), LEASE) for number in range(3)]
    waits = []
    for held in claims:
        assert held is not None
        with any_db.write() as uow:
            waits.append(lanes.entered(uow, api.lane, held))
    assert waits[:2] == [None, None]
    assert isinstance(waits[2], Snooze)


def test_a_place_of_a_dead_worker_is_free_when_its_lease_is_over(any_db: Database) -> None:
    api = Api()
    first, second = a_delivery(any_db), a_delivery(any_db, "s-2")
    narrow = Lane("vendor:acme", at_once=1)
    for which, over in ((first, True), (second, False)):
        held = claim(any_db, which, LEASE)
        assert held is not None
        with any_db.write() as uow:
            assert lanes.entered(uow, narrow, held) is None
        if over:
            change(any_db, which, lease_until=database_now(timedelta(seconds=-1)))
    assert api.called == 0


def test_a_side_that_asks_to_be_left_alone_is_left_alone_at_once_and_so_long(any_db: Database) -> None:
    api = Api()
    api.down = TransientError("too many requests", retry_after=timedelta(minutes=20))
    which, other = a_delivery(any_db), a_delivery(any_db, "s-2")
    delivery.run(any_db, which, handled_by(api.effect()))
    assert not delivery.run(any_db, other, handled_by(api.effect()))
    assert api.called == 1
    assert seconds_to(any_db, row(any_db, other).due_at) > 19 * 60


def test_other_lanes_are_not_touched(any_db: Database) -> None:
    api, fine = Api(), Api()
    shut(any_db, api)
    fine.lane = Lane("vendor:other")
    other = a_delivery(any_db, "s-2")
    assert delivery.run(any_db, other, handled_by(fine.effect()))


def test_a_handler_may_say_that_it_is_not_its_turn(any_db: Database) -> None:
    def later(_uow: UnitOfWork, _event: SubmissionReceived) -> None:
        raise Snooze("the cohort is being moved", retry_after=timedelta(minutes=3))

    which = a_delivery(any_db)
    for _ in range(delivery.CRASH_LIMIT + 50):
        make_due(any_db)
        delivery.run(any_db, which, handled_by(later))
    found = row(any_db, which)
    assert (found.state, found.attempts, found.crashes) == ("pending", 0, 0)
    assert deliveries.c.attempts is not None
    assert seconds_to(any_db, found.due_at) > 170


def test_an_error_that_is_about_one_piece_of_work_shuts_no_lane(db: Database) -> None:
    class Greylisted(TransientError):
        of_lane = False

    api = Api()
    shut(db, api)
    with db.write() as uow:
        lanes.worked(uow, api.lane)
    api.down = Greylisted("not yet", timedelta(minutes=5))
    which = a_delivery(db)
    for _ in range(lanes.PATIENCE):
        make_due(db)
        delivery.run(db, which, handled_by(api.effect()))
    assert (lane_of(db).failures, lane_of(db).shut_until) == (0, None)


def test_a_lane_that_work_passes_by_tells_when_it_is_shut_and_when_it_is_open(any_db: Database) -> None:
    relay = Lane("mail")
    with any_db.write() as uow:
        assert lanes.shut(uow, relay) is None
        for _ in range(lanes.PATIENCE):
            lanes.failed(uow, relay, Snooze("no connection"))
        wait = lanes.shut(uow, relay)
        assert wait is not None
        assert wait.retry_after is not None
        assert wait.retry_after > lanes.FIRST_SHUT / 2
        lanes.worked(uow, relay)
        assert lanes.shut(uow, relay) is None
