"""Scored and run in the same moment, on PostgreSQL: nobody's plan is left behind, nobody gets two."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.db import Database
from shared.events import Event, PlanReleased
from shared.handling import Effect, Together
from shared.ids import ParticipantId
from tests.builders.reporting import P1, a_cohort_scored, a_scored
from tests.builders.reporting_bench import ReportingBench

EVERYBODY = [ParticipantId(f"P-{n}") for n in range(1, 9)]


@pytest.fixture
def bench(postgres_db: Database, tmp_path: Path) -> ReportingBench:
    return ReportingBench(postgres_db, tmp_path, people=dict.fromkeys(EVERYBODY))


def handle(bench: ReportingBench, *told: Event) -> None:
    """Handle events one after the other, each in a transaction of its own."""
    for event in told:
        with under_way(bench, event):
            pass


@contextmanager
def under_way(bench: ReportingBench, event: Event) -> Iterator[None]:
    """An event is handled and not committed before the end of the block."""
    found = bench.handlers[event.name]
    handler = found.work if isinstance(found, Together) else found
    assert not isinstance(handler, Effect)
    with bench.db.write() as uow:
        handler(uow, event)
        yield


def at_the_same_moment(bench: ReportingBench, first: Event, second: Event) -> None:
    """The second event is taken up while the first is handled and not committed."""
    other = threading.Thread(target=handle, args=(bench, second))
    with under_way(bench, first):
        other.start()
        other.join(timeout=0.5)
    other.join(timeout=20)
    assert not other.is_alive()


@pytest.mark.parametrize("run_first", [True, False])
def test_a_run_and_a_result_at_the_same_moment_release_the_plan_once(bench: ReportingBench, *, run_first: bool) -> None:
    both: list[Event] = [a_cohort_scored((P1,)), a_scored()]
    first, second = both if run_first else reversed(both)
    at_the_same_moment(bench, first, second)
    assert [plan.state for plan in bench.plans()] == ["released"]
    assert bench.published(PlanReleased) == 1


def test_two_results_at_the_same_moment_leave_the_newer(bench: ReportingBench) -> None:
    handle(bench, a_scored(version=1))
    at_the_same_moment(bench, a_scored({"C2": 1.0}, version=3), a_scored({"A1": 1.0}, version=2))
    bench.hears(a_cohort_scored((P1,)))
    assert [pdf.endswith("Competency C2") for pdf in bench.pdfs()] == [True]


def test_two_runs_at_the_same_moment_release_every_plan_once(bench: ReportingBench) -> None:
    handle(bench, *(a_scored(participant=each) for each in EVERYBODY))
    at_the_same_moment(bench, a_cohort_scored(EVERYBODY, run="run-1"), a_cohort_scored(EVERYBODY, run="run-2"))
    assert bench.published(PlanReleased) == len(EVERYBODY)
