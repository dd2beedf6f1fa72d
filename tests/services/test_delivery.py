"""The bus against real databases: what is published is delivered once, whatever fails in between."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from shared import attempt, delivery, failure
from shared.bus import deliveries, events
from shared.claims import claim, due
from shared.db import Cause, Database, DatabaseUnavailable, UnitOfWork, database_now
from shared.errors import PermanentError, TransientError
from shared.events import CohortReported, EvidenceRecorded, PlanSent, SubmissionReceived
from shared.handling import Commit, Effect
from shared.ids import CohortId, CorrelationId, DeliveryId, ParticipantId, RunId, SubmissionId
from shared.leases import LEASE, Leases
from shared.outbox import publish
from shared.sweeper import Job, Sweeper, slot_of
from shared.words import Service
from tests.builders.bus import a_delivery, change, handled_by, names, publishes_more, row

SUBMISSION = SubmissionReceived(submission=SubmissionId("s-1"), cohort=CohortId("c-1"))


def test_an_event_rolled_back_leaves_no_trace_and_rings_nobody(any_db: Database) -> None:
    rung: list[DeliveryId] = []
    any_db.ring = lambda _service, due: rung.extend(due)
    with pytest.raises(RuntimeError), any_db.write() as uow:
        publish(uow, SUBMISSION)
        raise RuntimeError
    assert names(any_db) == []
    assert rung == []


def test_the_bell_rings_after_the_commit_with_the_delivery_id_only(any_db: Database) -> None:
    seen: list[tuple[Service, str]] = []
    any_db.ring = lambda service, due: seen.extend((service, row(any_db, which).state) for which in due)
    a_delivery(any_db)
    assert seen == [(Service.INTAKE, "pending")]


def test_an_event_nobody_listens_to_is_kept_without_a_delivery(any_db: Database) -> None:
    with any_db.write() as uow:
        publish(uow, CohortReported(run=RunId("r"), cohort=CohortId("c")))
    assert names(any_db) == [CohortReported.name]
    assert uow.due == []


def test_a_handled_delivery_is_done_and_what_it_published_carries_the_chain(any_db: Database) -> None:
    with any_db.write(Cause(CorrelationId("chain"))) as uow:
        first = publish(uow, SUBMISSION)
    which = uow.due[0][1]
    assert delivery.run(any_db, which, handled_by(publishes_more))
    assert row(any_db, which).state == "done"
    with any_db.read() as connection:
        second = connection.execute(sa.select(events).where(events.c.name == EvidenceRecorded.name)).one()
    assert (second.correlation, second.causation) == ("chain", first)


def test_a_done_delivery_is_not_run_again(any_db: Database) -> None:
    which = a_delivery(any_db)
    assert delivery.run(any_db, which, handled_by(publishes_more))
    assert not delivery.run(any_db, which, handled_by(publishes_more))
    assert names(any_db).count(EvidenceRecorded.name) == 1


def test_a_failure_takes_back_everything_the_handler_did_and_waits_longer_each_time(any_db: Database) -> None:
    def breaks(uow: UnitOfWork, event: SubmissionReceived) -> None:
        publishes_more(uow, event)
        raise TransientError("the survey tool is away")

    which = a_delivery(any_db)
    waits = []
    for number in (1, 2, 3):
        assert not delivery.run(any_db, which, handled_by(breaks))
        found = row(any_db, which)
        assert (found.state, found.attempts) == ("pending", number)
        assert found.last_error == "TransientError: the survey tool is away"
        with any_db.read() as connection:
            waits.append((found.due_at - connection.execute(sa.select(database_now())).scalar_one()).total_seconds())
        change(any_db, which, due_at=database_now())
    assert names(any_db) == [SubmissionReceived.name]
    assert 0.5 < waits[0] < 2.5 < waits[2] < 8.5


def test_a_sender_that_names_a_pause_is_left_alone_for_at_least_so_long(any_db: Database) -> None:
    def asked(_uow: UnitOfWork, _event: SubmissionReceived) -> None:
        raise TransientError("too many requests", retry_after=timedelta(minutes=10))

    which = a_delivery(any_db)
    delivery.run(any_db, which, handled_by(asked))
    with any_db.read() as connection:
        now = connection.execute(sa.select(database_now())).scalar_one()
    assert row(any_db, which).due_at - now > timedelta(minutes=9)


def test_a_permanent_error_parks_the_delivery_with_its_words(any_db: Database) -> None:
    def refuses(_uow: UnitOfWork, _event: SubmissionReceived) -> None:
        raise PermanentError("cohort c-1 has no form X; add it to form_fields.csv")

    which = a_delivery(any_db)
    assert not delivery.run(any_db, which, handled_by(refuses))
    found = row(any_db, which)
    assert found.state == "parked"
    assert "add it to form_fields.csv" in found.last_error
    assert due(any_db, [Service.INTAKE], grace=timedelta(), limit=9) == []


def test_an_unforeseen_error_is_tried_a_limited_number_of_times_and_never_quoted(any_db: Database) -> None:
    def chokes(_uow: UnitOfWork, _event: SubmissionReceived) -> None:
        raise ValueError("Dr Somebody wrote: she never listens")

    which = a_delivery(any_db)
    for _ in range(failure.UNKNOWN_LIMIT):
        change(any_db, which, due_at=database_now())
        delivery.run(any_db, which, handled_by(chokes))
    found = row(any_db, which)
    assert (found.state, found.attempts) == ("parked", failure.UNKNOWN_LIMIT)
    assert found.last_error.startswith("ValueError at ")
    assert "listens" not in found.last_error


def test_an_event_this_version_does_not_know_is_parked_and_can_be_replayed(any_db: Database) -> None:
    which = a_delivery(any_db)
    assert not delivery.run(any_db, which, {})
    assert row(any_db, which).state == "parked"
    with any_db.write() as uow:
        assert delivery.replay(uow, [which]) == [which]
    assert delivery.run(any_db, which, handled_by(publishes_more))


def test_only_parked_deliveries_are_replayed(any_db: Database) -> None:
    which = a_delivery(any_db)
    delivery.run(any_db, which, handled_by(publishes_more))
    with any_db.write() as uow:
        assert delivery.replay(uow, [which]) == []
    assert row(any_db, which).state == "done"


def test_a_delivery_in_other_hands_is_not_claimed_until_its_lease_is_over(any_db: Database) -> None:
    which = a_delivery(any_db)
    first = claim(any_db, which, LEASE)
    assert first is not None
    assert claim(any_db, which, LEASE) is None
    change(any_db, which, lease_until=database_now(timedelta(seconds=-1)))
    second = claim(any_db, which, LEASE)
    assert second is not None
    assert (second.fence, second.attempts, second.crashes) == (2, 2, 1)


def test_work_that_outlived_its_lease_can_not_commit(any_db: Database) -> None:
    which = a_delivery(any_db)

    def loses_its_lease(uow: UnitOfWork, event: SubmissionReceived) -> None:
        publishes_more(uow, event)
        uow.execute(sa.update(deliveries).values(fence=deliveries.c.fence + 1))  # as another claim would

    assert not delivery.run(any_db, which, handled_by(loses_its_lease))
    assert names(any_db) == [SubmissionReceived.name]


def test_a_delivery_that_kills_three_workers_is_parked_as_poison(any_db: Database) -> None:
    which = a_delivery(any_db)
    for _ in range(delivery.CRASH_LIMIT):
        assert claim(any_db, which, LEASE) is not None
        change(any_db, which, lease_until=database_now(timedelta(seconds=-1)))
    assert not delivery.run(any_db, which, handled_by(publishes_more))
    found = row(any_db, which)
    assert found.state == "parked"
    assert found.last_error.startswith("poison: 3 workers")


class Recorder:
    """An effect that notes what it was asked to do, and fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.acted: list[str] = []
        self.told: list[str] = []

    def begin(self, uow: UnitOfWork, event: SubmissionReceived) -> str | None:
        publish(uow, PlanSent(cohort=event.cohort, participant=ParticipantId("p"), revision=1, message_id="begun"))
        return event.submission

    def act(self, prepared: str, _commit: Commit) -> str:
        self.acted.append(prepared)
        if len(self.acted) <= self.failures:
            raise TransientError("the mail server is away")
        return "receipt"

    def settle(self, uow: UnitOfWork, event: SubmissionReceived, _prepared: str, outcome: str) -> None:
        publish(uow, PlanSent(cohort=event.cohort, participant=ParticipantId("p"), revision=1, message_id=outcome))

    def failed(self, _uow: UnitOfWork, _event: SubmissionReceived, _prepared: str, error: Exception) -> None:
        self.told.append(str(error))

    def effect(self) -> Effect[Any, Any, Any]:
        return Effect(self.begin, self.act, self.settle, self.failed)


def test_an_effect_commits_its_attempt_before_it_reaches_outside(any_db: Database) -> None:
    recorder = Recorder(failures=1)
    which = a_delivery(any_db)
    assert not delivery.run(any_db, which, handled_by(recorder.effect()))
    assert names(any_db) == [SubmissionReceived.name, PlanSent.name]
    assert recorder.told == ["the mail server is away"]
    assert row(any_db, which).state == "pending"
    change(any_db, which, due_at=database_now())
    assert delivery.run(any_db, which, handled_by(recorder.effect()))
    assert recorder.acted == ["s-1", "s-1"]
    assert names(any_db).count(PlanSent.name) == 3


def test_an_effect_with_nothing_to_do_is_done_without_reaching_outside(any_db: Database) -> None:
    recorder = Recorder()
    which = a_delivery(any_db)
    nothing: Effect[Any, Any, Any] = Effect(lambda _uow, _event: None, recorder.act, recorder.settle)
    assert delivery.run(any_db, which, handled_by(nothing))
    assert recorder.acted == []


def test_an_effect_may_commit_while_it_acts(any_db: Database) -> None:
    recorder = Recorder()

    def commits(prepared: str, commit: Commit) -> str:
        commit(lambda uow: publishes_more(uow, SUBMISSION))
        recorder.acted = [*names(any_db), prepared]
        raise TransientError("the mail server went away after that")

    which = a_delivery(any_db)
    assert not delivery.run(any_db, which, handled_by(Effect(recorder.begin, commits, recorder.settle)))
    assert recorder.acted == [SubmissionReceived.name, PlanSent.name, EvidenceRecorded.name, "s-1"]


def test_an_effect_that_lost_its_delivery_commits_nothing_and_stops(any_db: Database) -> None:
    which = a_delivery(any_db)
    reached: list[str] = []

    def paused(prepared: str, commit: Commit) -> str:
        change(any_db, which, fence=99, attempts=2)  # the lease ran out, and another worker took it
        commit(lambda uow: publishes_more(uow, SUBMISSION))
        reached.append(prepared)
        return "receipt"

    recorder = Recorder()
    assert not delivery.run(any_db, which, handled_by(Effect(recorder.begin, paused, recorder.settle)))
    assert reached == []
    assert EvidenceRecorded.name not in names(any_db)
    assert (row(any_db, which).state, row(any_db, which).fence) == ("running", 99)


def test_what_was_found_out_outside_is_kept_when_the_database_is_away_for_a_moment(
    any_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "SETTLE_WAITS_S", (0.0, 0.0))
    recorder, away = Recorder(), [True, True]

    def settle(uow: UnitOfWork, event: SubmissionReceived, prepared: str, outcome: str) -> None:
        recorder.settle(uow, event, prepared, outcome)
        if away:
            away.pop()
            raise DatabaseUnavailable("the connection to the database was lost")

    which = a_delivery(any_db)
    assert delivery.run(any_db, which, handled_by(Effect(recorder.begin, recorder.act, settle, recorder.failed)))
    assert (recorder.acted, recorder.told) == (["s-1"], [])
    assert names(any_db).count(PlanSent.name) == 2


def test_a_commit_within_an_act_renews_the_lease(any_db: Database) -> None:
    which = a_delivery(any_db)
    left: list[datetime] = []

    def slow(_prepared: str, commit: Commit) -> str:
        change(any_db, which, lease_until=datetime(2020, 1, 1, tzinfo=UTC))
        commit(lambda _uow: None)
        left.append(row(any_db, which).lease_until)
        return "receipt"

    recorder = Recorder()
    assert delivery.run(any_db, which, handled_by(Effect(recorder.begin, slow, recorder.settle)))
    assert left[0] > datetime.now(UTC)


def test_a_kept_lease_is_renewed_and_a_lost_one_is_not(any_db: Database) -> None:
    which = a_delivery(any_db)
    held = claim(any_db, which, LEASE)
    assert held is not None
    leases = Leases(any_db)
    soon = datetime.now(UTC) + timedelta(seconds=1)
    change(any_db, which, lease_until=soon)
    with leases.kept([held]):
        leases.renew()
    assert row(any_db, which).lease_until > soon
    change(any_db, which, lease_until=soon, fence=held.fence + 1)
    with leases.kept([held]):
        leases.renew()
    assert row(any_db, which).lease_until == soon


def test_a_sweep_finds_what_nobody_rang_for(any_db: Database) -> None:
    which = a_delivery(any_db)
    sweeper = Sweeper(any_db, {Service.INTAKE: handled_by(publishes_more)}, Leases(any_db), grace=timedelta())
    assert sweeper.sweep() == 1
    assert row(any_db, which).state == "done"
    assert sweeper.sweep() == 0


def test_a_sweep_leaves_fresh_deliveries_to_the_doorbell(any_db: Database) -> None:
    a_delivery(any_db)
    handlers = {Service.INTAKE: handled_by(publishes_more)}
    assert Sweeper(any_db, handlers, Leases(any_db), grace=timedelta(minutes=1)).sweep() == 0


def test_a_timed_job_is_started_once_a_slot_however_many_sweep(any_db: Database) -> None:
    job = Job(every=timedelta(days=365), event=lambda _slot: CohortReported(run=RunId("r"), cohort=CohortId("c")))
    for _ in range(3):
        Sweeper(any_db, {}, Leases(any_db), grace=timedelta(), jobs={"yearly": job}).sweep()
    assert names(any_db) == [CohortReported.name]


def test_slots_of_any_length_hold_the_moment_they_belong_to() -> None:
    moment = datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)
    for every in (timedelta(minutes=1), timedelta(hours=7), timedelta(days=1)):
        assert slot_of(moment, every) <= moment < slot_of(moment, every) + every


def test_back_off_grows_and_is_bounded() -> None:
    for attempts in range(1, 60):
        wait = failure.backoff(attempts)
        assert timedelta(seconds=1) <= wait <= failure.LONGEST_WAIT
