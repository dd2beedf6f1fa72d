"""A suspect of killing workers is handled alone, so that nobody is parked for what another one did."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from shared import delivery
from shared.claims import claim
from shared.company import Company
from shared.db import Database, UnitOfWork, database_now
from shared.events import SubmissionReceived
from shared.leases import LEASE, Leases
from tests.builders.bus import a_delivery, change, handled_by, row

LONG = 30.0


def held_open(enter: Callable[[], object], leave: threading.Event) -> tuple[threading.Thread, threading.Event]:
    """A thread that is inside until `leave` is set."""
    inside = threading.Event()

    def stay() -> None:
        with enter():  # type: ignore[attr-defined]
            inside.set()
            leave.wait(LONG)

    thread = threading.Thread(target=stay)
    thread.start()
    return thread, inside


def test_several_are_in_company() -> None:
    company, leave = Company(), threading.Event()
    stays = [held_open(company.together, leave) for _ in range(3)]
    assert all(inside.wait(LONG) for _, inside in stays)
    leave.set()


def test_one_who_is_alone_waits_for_the_others_and_lets_nobody_in() -> None:
    company, first_leaves, suspect_leaves = Company(), threading.Event(), threading.Event()
    _, first_inside = held_open(company.together, first_leaves)
    assert first_inside.wait(LONG)
    _, suspect_inside = held_open(company.alone, suspect_leaves)
    assert not suspect_inside.wait(0.1)
    _, late_inside = held_open(company.together, threading.Event())
    first_leaves.set()
    assert suspect_inside.wait(LONG)
    assert not late_inside.is_set()
    suspect_leaves.set()
    assert late_inside.wait(LONG)


def test_one_who_can_not_be_alone_in_time_goes_on_in_company() -> None:
    company, leave = Company(), threading.Event()
    _, inside = held_open(company.together, leave)
    assert inside.wait(LONG)
    with company.alone(patience=0.05):
        pass
    leave.set()
    with company.alone(patience=LONG):
        pass


def test_a_delivery_that_two_workers_died_with_is_handled_with_nothing_beside_it(any_db: Database) -> None:
    suspect, other = a_delivery(any_db, "suspect"), a_delivery(any_db, "other")
    for _ in range(delivery.CRASH_LIMIT - 1):
        assert claim(any_db, suspect, LEASE) is not None
        change(any_db, suspect, lease_until=database_now(timedelta(seconds=-1)))
    leases, started = Leases(any_db), threading.Event()
    seen: list[tuple[str, str]] = []

    def looks_around(_: UnitOfWork, event: SubmissionReceived) -> None:
        if event.submission == "other":
            return
        started.set()
        seen.append((row(any_db, suspect).state, row(any_db, other).state))

    with ThreadPoolExecutor(1) as pool:
        with leases.company.together():
            trying = pool.submit(delivery.run, any_db, suspect, handled_by(looks_around), leases)
            assert not started.wait(0.2)
            assert row(any_db, suspect).fence == delivery.CRASH_LIMIT - 1  # not even taken while another is in hand
        assert trying.result(LONG)
    assert seen == [("running", "pending")]
    assert row(any_db, suspect).crashes == delivery.CRASH_LIMIT - 1
