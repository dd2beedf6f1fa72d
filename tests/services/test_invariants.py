"""Invariants: each is explained and finds what breaks it; checks keep their findings and mend aloud; all stay quick."""

import re
import sqlite3
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from deploy.invariants import CHECKED_BY, INVARIANTS
from deploy.jobs import JOBS
from services.intake.tables import submissions
from services.reporting.tables import messages, plans
from shared.bus import audit, deliveries, events, timers
from shared.clock import now
from shared.cohort.folder import CohortFolder
from shared.cohort.opening import open_cohort
from shared.db import Database, database_now
from shared.delivery import run
from shared.events import ROUTES, InvariantsDue, PlanReleased
from shared.ids import DeliveryId
from shared.invariants.bus import INVARIANTS as BUS
from shared.invariants.bus.events_are_delivered import LOOK_BACK, first_id_at
from shared.invariants.checking import Rules, checking
from shared.invariants.findings import Found, found
from shared.invariants.rule import Invariant
from shared.outbox import publish
from shared.words import Service
from tests.builders.bus import a_delivery, change
from tests.builders.filled import fill
from tests.builders.reporting import a_cohort_scored, a_scored
from tests.builders.reporting_bench import ReportingBench
from tests.builders.scoring_case import a_definition

LONG_AGO = timedelta(hours=-1)
DELIVERED = "bus.every_event_is_delivered"
ON_ITS_WAY = "intake.every_received_submission_is_on_its_way"
RELEASED = "reporting.every_released_plan_is_on_its_way"


def broken(db: Database, name: str) -> list[str]:
    with db.read() as connection:
        return INVARIANTS[name](connection)


def check(db: Database, rules: Rules) -> dict[str, Found]:
    """What a check of these rules, asked for as a timed job does, leaves behind."""
    with db.write() as uow:
        publish(uow, InvariantsDue(slot=now()))
    asked = next(each for service, each in uow.due if service is Service.INTAKE)
    assert run(db, asked, {InvariantsDue.name: checking(db, rules)})
    with db.read() as connection:
        return {each.name: each for each in found(connection)}


@pytest.mark.parametrize("name", INVARIANTS)
def test_an_invariant_is_named_and_explained_for_people(name: str) -> None:
    rule = INVARIANTS[name]
    assert re.fullmatch(r"(bus|intake|scoring|reporting)\.(every|no)_[a-z_]+", name)
    assert len(name) <= 100
    assert len(rule.means) > 30
    assert len(rule.cure) > 20
    assert not rule.means.endswith(".")
    assert not rule.cure.endswith(".")


def test_every_service_checks_its_own_on_a_timer() -> None:
    assert set(ROUTES[InvariantsDue.name]) == set(CHECKED_BY) == set(Service)
    assert isinstance(JOBS["bus.invariants"].event(now()), InvariantsDue)
    assert sum(len(rules) for rules in CHECKED_BY.values()) == len(INVARIANTS)


def late(db: Database, which: DeliveryId) -> None:
    change(db, which, due_at=database_now(LONG_AGO))


def left(db: Database, which: DeliveryId) -> None:
    change(db, which, state="running", lease_until=database_now(LONG_AGO))


def mute(db: Database, which: DeliveryId) -> None:
    change(db, which, state="parked", last_error=None)


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (late, "bus.every_due_delivery_is_taken"),
        (left, "bus.no_lease_outlives_its_worker"),
        (mute, "bus.every_parked_delivery_says_why"),
    ],
)
def test_a_delivery_that_breaks_a_rule_is_found_and_no_other(
    any_db: Database, spoil: Callable[[Database, DeliveryId], None], name: str
) -> None:
    which, running = a_delivery(any_db), a_delivery(any_db, "s-2")
    change(any_db, running, state="running", lease_until=database_now(timedelta(seconds=30)))
    assert not {rule for rule in BUS if broken(any_db, rule)}
    spoil(any_db, which)
    assert {rule: ids for rule in BUS if (ids := broken(any_db, rule))} == {name: [str(which)]}


def test_a_timer_that_did_not_fire_is_found(db: Database) -> None:
    row = {"event": "x", "payload": {}, "correlation": "c", "set_at": now()}
    with db.write() as uow:
        for name, due in (("late", LONG_AGO), ("soon", timedelta(seconds=-2)), ("later", timedelta(hours=1))):
            uow.execute(sa.insert(timers).values(name=name, due_at=now() + due, **row))
    assert broken(db, "bus.every_due_timer_fires") == ["late"]


def test_an_event_that_nobody_was_told_of_is_delivered_after_all_and_that_is_said_aloud(any_db: Database) -> None:
    a_delivery(any_db)
    with any_db.write() as uow:
        uow.execute(sa.delete(deliveries))
        (event,) = uow.execute(sa.select(events.c.id)).scalars()
    assert broken(any_db, DELIVERED) == [f"{event} intake"]
    with capture_logs() as lines:
        known = check(any_db, BUS)
    assert broken(any_db, DELIVERED) == []
    assert (known[DELIVERED].broken, known[DELIVERED].mended) == (0, 1)
    assert [line["ids"] for line in lines if line["event"] == "invariant.mended"] == [[f"{event} intake"]]
    with any_db.read() as connection:
        noted = connection.execute(sa.select(audit)).one()
    assert (noted.actor, noted.action, noted.subject) == ("reconciler", "invariant.mended", DELIVERED)
    assert check(any_db, BUS)[DELIVERED].mended == 1


def test_history_is_not_delivered_to_a_listener_that_is_new(db: Database) -> None:
    a_delivery(db)
    with db.write() as uow:
        uow.execute(sa.delete(deliveries))
        uow.execute(sa.update(events).values(id=first_id_at(now() - LOOK_BACK - timedelta(minutes=1))))
    assert broken(db, DELIVERED) == []


def test_a_check_keeps_what_is_broken_and_since_when_until_it_holds_again(db: Database) -> None:
    ids = ["a", "b"]

    def as_told(_: sa.Connection) -> list[str]:
        return ids

    rules = {"bus.every_test": Invariant(as_told, means="", cure="")}
    first = check(db, rules)["bus.every_test"]
    assert (first.broken, first.sample, first.broken_since) == (2, ("a", "b"), first.checked_at)
    again = check(db, rules)["bus.every_test"]
    assert again.broken_since == first.broken_since
    assert again.checked_at is not None
    assert first.checked_at is not None
    assert again.checked_at > first.checked_at
    ids.clear()
    assert check(db, rules)["bus.every_test"].broken_since is None


def test_a_rule_that_fails_keeps_no_other_from_being_checked(db: Database) -> None:
    def fails(_: sa.Connection) -> list[str]:
        raise RuntimeError("on purpose")

    rules = {"bus.every_a": Invariant(fails, "", ""), "bus.every_b": Invariant(lambda _: [], "", "")}
    with capture_logs() as lines:
        assert set(check(db, rules)) == {"bus.every_b"}
    assert [line["invariant"] for line in lines if line["event"] == "invariant.not_checked"] == ["bus.every_a"]


def test_what_was_put_right_meanwhile_is_not_mended(db: Database) -> None:
    mended: list[str] = []
    asked: list[list[str]] = [["a", "b"], ["b"], []]  # at the check, in the transaction that mends, and after it

    def mend(_: object, ids: Sequence[str]) -> None:
        mended.extend(ids)

    rule = Invariant(lambda _: asked.pop(0), "", "", mend)
    assert check(db, {"bus.every_test": rule})["bus.every_test"].mended == 1
    assert mended == ["b"]


def test_a_received_submission_that_nobody_would_read_is_read_after_all(any_db: Database) -> None:
    fill(any_db, 1, submissions=2)
    assert broken(any_db, ON_ITS_WAY) == []
    with any_db.write() as uow:
        uow.execute(sa.update(submissions).values(state="received"))
    forgotten = broken(any_db, ON_ITS_WAY)
    assert len(forgotten) == 2
    assert check(any_db, {ON_ITS_WAY: INVARIANTS[ON_ITS_WAY]})[ON_ITS_WAY].mended == 2
    assert broken(any_db, ON_ITS_WAY) == []
    with any_db.write() as uow:  # what a person has laid aside is nobody's to bring back
        uow.execute(sa.update(deliveries).where(deliveries.c.state == "pending").values(state="discarded"))
    assert broken(any_db, ON_ITS_WAY) == []


def test_a_released_plan_that_nobody_would_send_is_on_its_way_again(db: Database, tmp_path: Path) -> None:
    bench = ReportingBench(db, tmp_path)
    bench.hears(a_scored(), a_cohort_scored())
    assert len(bench.mails()) == 1
    with db.write() as uow:
        uow.execute(sa.update(plans).values(state="released"))
        uow.execute(sa.update(messages).values(state="uncertain"))
    assert broken(db, RELEASED) == []  # somebody is told of a mail in doubt
    with db.write() as uow:
        uow.execute(sa.update(messages).values(state="pending"))
    assert check(db, {RELEASED: INVARIANTS[RELEASED]})[RELEASED].mended == 1
    with db.read() as connection:
        query = sa.select(events.c.name).join(deliveries, deliveries.c.event == events.c.id)
        assert (
            connection.execute(query.where(deliveries.c.state == "pending")).scalars().all().count(PlanReleased.name)
            == 1
        )
    assert broken(db, RELEASED) == []


def steps(db: Database, rule: Invariant) -> int:
    """How much SQLite has to do for a rule, in hundreds of steps of its machine: the same on every computer."""
    count = 0

    def counted() -> bool:
        nonlocal count
        count += 1
        return False

    with db.read() as connection:
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.set_progress_handler(counted, 100)
        assert rule(connection) == []
        raw.set_progress_handler(None, 0)
    return count


def test_asking_grows_with_the_cohort_and_no_faster(db: Database) -> None:
    with db.write() as uow:
        folder = CohortFolder(a_definition(), (), (), ())
        open_cohort(uow, folder, update=False, actor="test", has_evidence=False)
    fill(db, 60, submissions=6, waiting=20)
    before = {name: steps(db, rule) for name, rule in INVARIANTS.items()}
    fill(db, 180, submissions=6, waiting=60, first=100)
    after = {name: steps(db, rule) for name, rule in INVARIANTS.items()}
    grown = {name: after[name] / (before[name] + 20) for name in INVARIANTS}
    assert not {name: times for name, times in grown.items() if times > 6}  # four times as many people as before
