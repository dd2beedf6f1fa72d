"""Watching: what is told of each attempt, how pages and spans show it, and that watching never disturbs the work."""

import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from deploy.standing import standing
from deploy.telemetry import gauges
from deploy.telemetry.gauges import Gauges
from deploy.telemetry.metrics import Metrics
from deploy.telemetry.page import shown
from deploy.telemetry.tracing import Tracing
from shared import observing
from shared.bus import deliveries
from shared.db import Cause, Database, DatabaseUnavailable, UnitOfWork, database_now
from shared.delivery import run, run_many
from shared.errors import PermanentError, Snooze, TransientError
from shared.events import CohortReported, SubmissionReceived
from shared.handling import Together
from shared.ids import CorrelationId, EventId, RunId
from shared.observing import Attempted, Committed, Fact, Outcome, Published, Step, WebhookAnswered
from shared.outbox import publish_each
from shared.patience import within
from shared.words import Service
from tests.builders.bus import a_delivery, change, handled_by, make_due, publishes_more

STEP = Step(SubmissionReceived.name, EventId("e"), CorrelationId("c"), Service.INTAKE, 1, 1)


@pytest.fixture
def told() -> Iterator[list[Fact]]:
    """Everything that is told while the test runs."""
    facts: list[Fact] = []
    observing.listen(facts.append)
    yield facts
    observing.listen()


def raises(error: Exception) -> Callable[[UnitOfWork, SubmissionReceived], None]:
    def handler(_uow: UnitOfWork, _event: SubmissionReceived) -> None:
        raise error

    return handler


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TransientError("away"), Outcome.TRANSIENT),
        (ValueError("somebody's words"), Outcome.FAILED),
        (PermanentError("never"), Outcome.PARKED),
        (Snooze("not now"), Outcome.SNOOZED),
    ],
)
def test_a_failed_attempt_is_told_with_its_outcome_and_our_own_words(
    db: Database, told: list[Fact], error: Exception, outcome: Outcome
) -> None:
    assert not run(db, a_delivery(db), handled_by(raises(error)))
    (ended,) = (fact for fact in told if isinstance(fact, Attempted))
    assert (ended.outcome, ended.step.service, ended.step.attempt) == (outcome, Service.INTAKE, 1)
    assert ended.reason is not None
    assert "somebody's words" not in ended.reason


def test_what_is_published_is_told_after_the_commit_with_the_attempt_that_did_it(
    db: Database, told: list[Fact]
) -> None:
    assert run(db, a_delivery(db), handled_by(publishes_more))
    first, second = (fact for fact in told if isinstance(fact, Published))
    (ended,) = (fact for fact in told if isinstance(fact, Attempted))
    assert (first.within, second.within) == (None, ended.step)
    assert second.causation == first.event_id == ended.step.event_id
    assert ended.outcome is Outcome.DONE


def test_of_many_handled_at_once_each_event_is_told_within_the_attempt_that_it_follows_from(
    db: Database, told: list[Fact]
) -> None:
    def all_at_once(uow: UnitOfWork, caused: Sequence[tuple[SubmissionReceived, Cause]]) -> list[bool]:
        publish_each(uow, [(CohortReported(run=RunId("r"), cohort=event.cohort), cause) for event, cause in caused])
        return [True] * len(caused)

    which = [a_delivery(db, f"s-{n}") for n in range(3)]
    told.clear()
    assert run_many(db, Service.INTAKE, which, handled_by(Together(publishes_more, all_at_once))) == 3
    steps = {fact.step.event_id: fact.step for fact in told if isinstance(fact, Attempted)}
    published = [fact for fact in told if isinstance(fact, Published)]
    assert len(published) == len(steps) == 3
    assert all(fact.within == steps[fact.causation] for fact in published if fact.causation)
    assert {fact.causation for fact in published} == set(steps)


def test_what_was_rolled_back_is_not_told(db: Database, told: list[Fact]) -> None:
    def publishes_and_fails(uow: UnitOfWork, event: SubmissionReceived) -> None:
        publishes_more(uow, event)
        raise PermanentError("no")

    run(db, a_delivery(db), handled_by(publishes_and_fails))
    assert [fact.event for fact in told if isinstance(fact, Published)] == [SubmissionReceived.name]


def test_an_attempt_whose_delivery_was_taken_over_is_told_as_fenced(db: Database, told: list[Fact]) -> None:
    which = a_delivery(db)

    def loses(uow: UnitOfWork, _event: SubmissionReceived) -> None:
        uow.execute(sa.update(deliveries).where(deliveries.c.id == which).values(fence=deliveries.c.fence + 1))

    run(db, which, handled_by(loses))
    assert [fact.outcome for fact in told if isinstance(fact, Attempted)] == [Outcome.FENCED]


def test_an_observer_that_fails_disturbs_nothing(db: Database) -> None:
    def breaks(_fact: Fact) -> None:
        raise RuntimeError("on purpose")

    observing.listen(breaks)
    with capture_logs() as lines:
        assert run(db, a_delivery(db), handled_by(publishes_more))
    observing.listen()
    assert {line["error"] for line in lines if line["event"] == "observer.failed"} == {"RuntimeError"}


def test_names_that_are_not_ours_share_one_series() -> None:
    metrics = Metrics("web", [Service.INTAKE])
    for name in ("evil-1", "evil-2"):
        metrics.seen(WebhookAnswered(name, observing.Answer.REFUSED, 0.1))
        metrics.seen(Attempted(Step(name, EventId("e"), CorrelationId("c"), Service.INTAKE, 1, 1), Outcome.PARKED, 0.1))
    value = metrics.registry.get_sample_value
    assert value("talentline_webhooks_total", {"vendor": "other", "answer": "refused"}) == 2
    assert value("talentline_handling_seconds_count", {"service": "intake", "event": "other"}) == 2
    assert value("talentline_attempts_total", {"service": "intake", "outcome": "parked"}) == 2


def test_a_page_is_served_while_its_process_works_and_not_after() -> None:
    metrics = Metrics("worker", [Service.SCORING])
    metrics.seen(Committed(3))
    registry = CollectorRegistry()
    with shown(registry, "127.0.0.1", 0):
        pass  # port 0: nothing is served, and nobody minds
    port = free_port()
    with shown(metrics.registry, "127.0.0.1", port), capture_logs() as lines:
        with shown(registry, "127.0.0.1", port):  # taken: the second goes without
            page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30).read().decode()
        assert [line["event"] for line in lines] == ["metrics.port_taken"]
    assert 'talentline_working{role="worker",service="scoring"} 1.0' in page
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30)


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_standing_counts_what_is_not_done(any_db: Database) -> None:
    due, later, running, left, parked, done = (a_delivery(any_db, f"s-{n}") for n in range(6))
    change(any_db, due, due_at=database_now(timedelta(minutes=-3)))
    change(any_db, later, due_at=database_now(timedelta(hours=1)))
    change(any_db, running, state="running", lease_until=database_now(timedelta(minutes=1)))
    change(any_db, left, state="running", lease_until=database_now(timedelta(minutes=-9)))
    change(any_db, parked, state="parked", last_error="never")
    change(any_db, done, state="done")
    with any_db.read() as connection:
        found = standing(connection)
    assert found.deliveries[Service.INTAKE] == {"due": 2, "later": 1, "running": 1, "parked": 1}
    assert timedelta(minutes=9) <= found.oldest_due[Service.INTAKE] < timedelta(minutes=12)
    assert found.oldest_due[Service.SCORING] == timedelta()


def test_gauges_are_asked_once_for_many_scrapes_and_are_gone_while_the_database_is_away(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = CollectorRegistry()
    registry.register(Gauges(db, tmp_path))
    due = {"service": "intake", "state": "due"}
    assert registry.get_sample_value("talentline_deliveries", due) == 0
    a_delivery(db)
    assert registry.get_sample_value("talentline_deliveries", due) == 0  # as it was a moment ago
    monkeypatch.setattr(gauges, "KEPT_S", 0.0)
    assert registry.get_sample_value("talentline_deliveries", due) == 1
    assert registry.get_sample_value("talentline_database_answers") == 1
    (tmp_path / "test.db").rename(tmp_path / "away.db")
    (tmp_path / "test.db").mkdir()
    db.close()
    assert registry.get_sample_value("talentline_database_answers") == 0
    assert registry.get_sample_value("talentline_deliveries", due) is None
    assert (registry.get_sample_value("talentline_disk_free_bytes") or 0) > 0


def test_a_look_that_takes_too_long_is_broken_off(any_db: Database) -> None:
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT count(*) FROM n"
    with (
        pytest.raises((DatabaseUnavailable, sa.exc.DBAPIError)),
        any_db.read() as connection,
        within(connection, timedelta(milliseconds=200)),
    ):
        connection.exec_driver_sql(slow)
    with any_db.read() as connection, within(connection, timedelta(seconds=30)):
        assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1


def test_a_snoozed_attempt_that_comes_again_is_a_span_of_its_own(db: Database) -> None:
    exporter = InMemorySpanExporter()
    tracing = Tracing(exporter)
    observing.listen(tracing.seen)
    which = a_delivery(db)
    for handler in (raises(Snooze("not now")), raises(TransientError("away")), publishes_more):
        run(db, which, handled_by(handler))
        make_due(db)
    observing.listen()
    tracing.close()
    spans = exporter.get_finished_spans()
    attempts = [span for span in spans if span.name == f"intake {SubmissionReceived.name}"]
    assert [span.status.description for span in attempts] == [None, "TransientError: away", None]
    assert len({span.context.span_id for span in attempts if span.context}) == 3
    assert len({span.context.trace_id for span in spans if span.context}) == 1
    assert {span.parent.span_id for span in attempts if span.parent} == {
        span.context.span_id for span in spans if span.name == SubmissionReceived.name and span.context
    }


def test_a_collector_that_hangs_does_not_hold_up_the_end_of_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    class Hangs(InMemorySpanExporter):
        def shutdown(self) -> None:
            released.wait(60)

    monkeypatch.setattr("deploy.telemetry.tracing.FLUSH_S", 0.2)
    tracing = Tracing(Hangs())
    tracing.seen(Attempted(STEP, Outcome.DONE, 0.1))
    ended = threading.Thread(target=tracing.close)
    ended.start()
    ended.join(30)
    assert not ended.is_alive()
    assert not released.is_set()
    released.set()


def test_times_are_those_of_the_work(told: list[Fact], db: Database) -> None:
    def slow(_uow: UnitOfWork, _event: SubmissionReceived) -> None:
        time.sleep(0.05)

    run(db, a_delivery(db), handled_by(slow))
    (ended,) = (fact for fact in told if isinstance(fact, Attempted))
    assert ended.seconds >= 0.05
