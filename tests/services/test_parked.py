"""What can't be delivered is shown with its chain and reason, explained, done after all or laid aside, and audited."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from deploy.cli.explaining import Explanation, explained
from shared.bus import audit, deliveries, lanes
from shared.chains import OPEN, listed, whereabouts_of
from shared.db import Cause, Database, UnitOfWork, database_now
from shared.delivery import run
from shared.errors import PermanentError, Snooze, TransientError
from shared.events import CohortReported, SubmissionReceived
from shared.handling import Effect
from shared.http_client import ApiRefused
from shared.ids import CohortId, DeliveryId, RunId, SubmissionId
from shared.lanes import Lane
from shared.outbox import publish
from shared.parked import discarded, retried
from shared.timers import set_timer
from shared.words import ParkReason
from tests.builders.bus import a_delivery, change, handled_by, make_due, publishes_more, row


def raises(error: Exception) -> Callable[[UnitOfWork, SubmissionReceived], None]:
    def handler(_uow: UnitOfWork, _event: SubmissionReceived) -> None:
        raise error

    return handler


def explanation(db: Database, delivery: DeliveryId) -> Explanation:
    with db.read() as connection:
        found = whereabouts_of(connection, delivery)
    assert found is not None
    return explained(found)


def parked(db: Database, error: Exception | None = None, submission: str = "s-1") -> DeliveryId:
    delivery = a_delivery(db, submission)
    assert not run(db, delivery, handled_by(raises(error or PermanentError("the roster lacks P-9; add it"))))
    assert row(db, delivery).state == "parked"
    return delivery


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermanentError("no"), "validation"),
        (ApiRefused("api.example.org", "said 403", 403), "vendor"),
    ],
)
def test_the_class_of_what_is_wrong_is_noted(any_db: Database, error: Exception, reason: str) -> None:
    assert row(any_db, parked(any_db, error)).reason == reason


@pytest.mark.parametrize(
    ("error", "limit", "reason"),
    [(TransientError("away"), 40, "exhausted"), (ValueError("x"), 8, "exhausted"), (AssertionError(), 8, "invariant")],
)
def test_what_failed_too_often_says_so(any_db: Database, error: Exception, limit: int, reason: str) -> None:
    delivery = a_delivery(any_db)
    change(any_db, delivery, attempts=limit - 1)
    assert not run(any_db, delivery, handled_by(raises(error)))
    assert (row(any_db, delivery).state, row(any_db, delivery).reason) == ("parked", reason)


def test_what_killed_its_workers_is_poison(any_db: Database) -> None:
    delivery = a_delivery(any_db)
    change(any_db, delivery, state="running", crashes=2, lease_until=database_now(timedelta(seconds=-1)))
    assert not run(any_db, delivery, handled_by(publishes_more))
    assert row(any_db, delivery).reason == "poison"
    assert "cost several workers their lives" in explanation(any_db, delivery).why


def test_parked_ones_are_listed_by_reason_and_by_event(any_db: Database) -> None:
    one, other = parked(any_db), parked(any_db, ApiRefused("api.example.org", "said 403", 403), "s-2")
    waiting = a_delivery(any_db, "s-3")
    with any_db.read() as connection:
        assert [each.id for each in listed(connection)] == [one, other, waiting]
        assert [each.id for each in listed(connection, ("parked",), reason=ParkReason.VENDOR)] == [other]
        assert [each.id for each in listed(connection, ("parked",), event=SubmissionReceived.name)] == [one, other]
        assert listed(connection, ("parked",), event="scoring.cohort_scored.v1") == []
        assert [each.id for each in listed(connection, OPEN, limit=1)] == [one]


def test_a_delivery_is_shown_with_its_chain_its_timers_and_what_was_decided(any_db: Database) -> None:
    first = a_delivery(any_db)
    assert run(any_db, first, handled_by(publishes_more))
    with any_db.read() as connection:
        (second,) = (each.id for each in listed(connection))
        correlation = listed(connection)[0].correlation
    with any_db.write() as uow:
        publish(uow, CohortReported(run=RunId("other"), cohort=CohortId("chain")))
    with any_db.write(_cause(any_db, second)) as uow:
        set_timer(uow, "t", timedelta(hours=1), CohortReported(run=RunId("r"), cohort=CohortId("c")))
    change(any_db, second, state="parked")
    with any_db.write() as uow:
        discarded(uow, [second], by="A. Operator", why="sent twice by the tool")
    with any_db.read() as connection:
        found = whereabouts_of(connection, second)
    assert found is not None
    assert [(link.event, [each["id"] for each in link.deliveries]) for link in found.chain] == [
        ("intake.submission_received.v1", [first]),
        ("intake.evidence_recorded.v1", [second]),
    ]
    assert found.chain[1].causation == found.chain[0].event_id
    assert found.delivery.correlation == correlation
    assert [(timer["name"], timer["event"]) for timer in found.timers] == [("t", CohortReported.name)]
    assert [(each["actor"], each["action"], each["why"]) for each in found.decisions] == [
        ("A. Operator", "delivery.discard", "sent twice by the tool")
    ]


def _cause(db: Database, delivery: DeliveryId) -> Cause:
    with db.read() as connection:
        (found,) = (each for each in listed(connection) if each.id == delivery)
    return Cause(found.correlation, found.event_id)


def test_a_long_chain_shows_its_beginning_and_what_led_to_the_delivery(
    any_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.chains.LONGEST_CHAIN", 3)
    with any_db.write() as uow:
        for number in range(6):
            publish(uow, SubmissionReceived(submission=SubmissionId(f"s-{number}"), cohort=CohortId("c")))
    last = uow.due[-1][1]
    with any_db.read() as connection:
        found = whereabouts_of(connection, last)
    assert found is not None
    assert [link.deliveries[0]["id"] for link in found.chain] == [*(each for _, each in uow.due[:3]), last]
    assert found.more == 2


def test_nothing_is_found_under_an_id_that_was_never_given(any_db: Database) -> None:
    with any_db.read() as connection:
        assert whereabouts_of(connection, DeliveryId(404)) is None


def test_a_parked_delivery_is_done_after_all_and_the_trail_says_who_had_it_done_and_why(any_db: Database) -> None:
    delivery = parked(any_db)
    with any_db.write() as uow:
        assert retried(uow, [delivery, DeliveryId(404)], by="A. Operator", why="roster put right") == [delivery]
        assert [each for _, each in uow.due] == [delivery]
    assert row(any_db, delivery).reason is None
    assert run(any_db, delivery, handled_by(publishes_more))
    with any_db.write() as uow:
        assert retried(uow, [delivery], by="A. Operator", why="again") == []
    with any_db.read() as connection:
        noted = connection.execute(sa.select(audit.c.actor, audit.c.action, audit.c.subject, audit.c.detail)).all()
    assert noted == [("A. Operator", "delivery.retry", str(delivery), {"why": "roster put right"})]


def test_a_discarded_delivery_is_no_alarm_any_more_and_can_be_brought_back(any_db: Database) -> None:
    delivery, waiting = parked(any_db), a_delivery(any_db, "s-2")
    with any_db.write() as uow:
        assert discarded(uow, [delivery, waiting], by="A. Operator", why="not ours") == [delivery]
    assert row(any_db, waiting).state == "pending"
    assert not run(any_db, delivery, handled_by(publishes_more))
    with any_db.read() as connection:
        assert [each.id for each in listed(connection)] == [waiting]
        (kept,) = listed(connection, ("discarded",))
    assert (kept.id, kept.reason) == (delivery, ParkReason.VALIDATION)
    words = explanation(any_db, delivery)
    assert "laid aside by A. Operator" in words.why
    assert "not ours. It was parked because: PermanentError: the roster lacks P-9" in words.why
    with any_db.write() as uow:
        assert retried(uow, [delivery], by="A. Operator", why="ours after all") == [delivery]
    assert run(any_db, delivery, handled_by(publishes_more))


def test_a_parked_delivery_is_explained_with_its_cure_and_the_words_to_type(any_db: Database) -> None:
    delivery = parked(any_db)
    words = explanation(any_db, delivery)
    assert words.why.endswith("PermanentError: the roster lacks P-9; add it")
    assert words.then.startswith("Nothing: it waits for a person")
    assert f"`talentline deliveries retry {delivery}`" in words.can[1]
    assert "`talentline deliveries retry --reason validation`" in words.can[1]
    assert f"`talentline deliveries discard {delivery} --because" in words.can[2]


def test_one_that_an_older_release_parked_without_a_reason_is_explained_as_well(any_db: Database) -> None:
    delivery = parked(any_db)
    change(any_db, delivery, reason=None)
    assert "An older release parked it: PermanentError: the roster" in explanation(any_db, delivery).why
    assert f"--event {SubmissionReceived.name}" in explanation(any_db, delivery).can[1]


def test_waiting_working_and_done_are_told_apart(any_db: Database) -> None:
    delivery = a_delivery(any_db)
    assert "no worker has taken it yet" in explanation(any_db, delivery).why
    run(any_db, delivery, handled_by(raises(TransientError("the API is away"))))
    words = explanation(any_db, delivery)
    assert words.why == "Attempt 1 failed: TransientError: the API is away."
    assert "(in " in words.then
    change(any_db, delivery, state="running", attempts=2, lease_until=database_now(timedelta(hours=1)))
    assert "A worker has it in hand: attempt 2" in explanation(any_db, delivery).why
    change(any_db, delivery, lease_until=database_now(timedelta(seconds=-5)), crashes=1)
    words = explanation(any_db, delivery)
    assert "died or hung" in words.why
    assert "That happened 1 time(s) before." in words.why
    assert "After 3 such ends" in words.then
    assert run(any_db, delivery, handled_by(publishes_more))
    assert "It was done at " in explanation(any_db, delivery).why


def test_one_that_waits_for_a_shut_lane_names_the_lane_and_when_it_opens(any_db: Database) -> None:
    delivery = a_delivery(any_db)
    lane = Lane("vendor:typeform")
    work: Effect[SubmissionReceived, str, None] = Effect(
        begin=lambda _uow, _event: "x", act=lambda _x, _commit: None, settle=lambda *_: None, lane=lambda _x: lane
    )
    with any_db.write() as uow:
        shut = {"failures": 5, "shut_until": database_now(timedelta(minutes=5))}
        uow.execute(sa.insert(lanes).values(name=lane.name, **shut))
    assert not run(any_db, delivery, handled_by(work))
    words = explanation(any_db, delivery)
    assert words.why.startswith("It waits for vendor:typeform, which failed 5 time(s) in a row and is shut until 20")
    assert words.then.startswith("It comes again at ")
    with any_db.write() as uow:
        uow.execute(sa.update(lanes).values(failures=0, shut_until=None))
    assert "It waits for a place in vendor:typeform" in explanation(any_db, delivery).why


def test_one_that_was_put_off_spent_no_attempt(any_db: Database) -> None:
    delivery = a_delivery(any_db)
    run(any_db, delivery, handled_by(raises(Snooze("the relay is away", timedelta(minutes=1)))))
    assert "put off, without spending an attempt: Snooze: the relay is away" in explanation(any_db, delivery).why
    make_due(any_db)
    assert run(any_db, delivery, handled_by(publishes_more))


def test_every_state_of_a_delivery_has_words(any_db: Database) -> None:
    delivery = a_delivery(any_db)
    for state in ("pending", "running", "done", "parked", "discarded"):
        with any_db.write() as uow:
            uow.execute(sa.update(deliveries).values(state=state, lease_until=None, last_error=None))
        words = explanation(any_db, delivery)
        assert words.why.endswith(".")
        assert words.then.endswith(".")
