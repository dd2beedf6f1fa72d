"""Drafting, releasing, reporting: whatever comes first, one plan goes out once. On real databases."""

from itertools import permutations
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.reporting.core.documents import CohortReportDocument
from services.reporting.handlers import cohort_scored
from services.reporting.invariants import INVARIANTS
from services.reporting.store import latest_report, plan_document, plan_pdf_bytes, pool_history, pool_of
from shared.db import Database
from shared.events import CohortReported, Event, ParticipantScored, PlanReleased, PlanSent, TalentPoolUpdated, Waiting
from shared.people import participants
from shared.words import PoolPolicy, ReleasePolicy, Service
from tests.builders.reporting import COHORT, P1, P2, P3, PEER, a_cohort_scored, a_definition, a_gap, a_rater, a_scored
from tests.builders.reporting_bench import QUICK, ReportingBench

PEOPLE = {P1: "local", P2: None, P3: "regional"}


@pytest.fixture
def bench(db: Database, tmp_path: Path) -> ReportingBench:
    return ReportingBench(db, tmp_path, people=PEOPLE)


@pytest.fixture
def any_bench(any_db: Database, tmp_path: Path) -> ReportingBench:
    return ReportingBench(any_db, tmp_path, people=PEOPLE)


def broken(db: Database) -> dict[str, list[str]]:
    with db.read() as connection:
        return {name: found for name, rule in INVARIANTS.items() if (found := rule(connection))}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_scored_and_run_in_any_order_send_one_plan(db: Database, tmp_path: Path, order: tuple[int, ...]) -> None:
    bench = ReportingBench(db, tmp_path)
    told: list[Event] = [a_scored(), a_cohort_scored(run="run-1"), a_cohort_scored(run="run-2")]
    bench.hears(*(told[n] for n in order))
    assert [mail["To"].addresses[0].addr_spec for mail in bench.mails()] == ["p-1@example.org"]
    assert bench.published(PlanSent) == bench.published(PlanReleased) == 1
    assert [plan.sent for plan in bench.plans()] == [True]
    assert broken(db) == {}


def test_a_run_sends_the_plans_of_those_who_are_scored(any_bench: ReportingBench) -> None:
    any_bench.hears(a_scored(), a_scored(participant=P2), a_cohort_scored((P1,)))
    assert [(plan.participant, plan.state) for plan in any_bench.plans()] == [(P1, "sent"), (P2, "draft")]
    assert any_bench.plans()[1].waiting == "it goes out by `talentline cohort run`"
    any_bench.hears(a_scored(participant=P3), a_cohort_scored((P1, P2, P3), run="run-2"))
    assert len(any_bench.mails()) == 3


def test_everybody_is_released_at_once_and_the_bell_rings_for_each(any_bench: ReportingBench) -> None:
    any_bench.hears(*(a_scored(participant=each) for each in PEOPLE))
    with any_bench.db.write() as uow:
        cohort_scored(QUICK, uow, a_cohort_scored(PEOPLE))
    assert [plan.state for plan in any_bench.plans()] == ["released"] * 3
    assert sorted(delivery for _, delivery in uow.due) == any_bench.due()
    assert {service for service, _ in uow.due} == {Service.REPORTING}
    any_bench.work()
    assert len(any_bench.mails()) == 3


def test_the_same_event_again_changes_nothing(bench: ReportingBench) -> None:
    bench.hears(a_scored(), a_cohort_scored(), a_scored(), a_cohort_scored())
    assert len(bench.mails()) == 1
    assert len(bench.plans()) == 1
    assert bench.published(CohortReported) == 1
    assert bench.published(TalentPoolUpdated) == 1


def test_a_newer_result_replaces_a_draft(bench: ReportingBench) -> None:
    bench.hears(a_scored({"A1": 1.0}), a_scored({"C2": 1.0}, version=2), a_cohort_scored())
    assert [plan.revision for plan in bench.plans()] == [1]
    assert bench.pdfs()[0].endswith("Competency C2")


def test_an_older_result_arriving_late_is_passed_over(bench: ReportingBench) -> None:
    bench.hears(a_scored({"C2": 1.0}, version=2), a_scored({"A1": 1.0}), a_cohort_scored())
    assert bench.pdfs()[0].endswith("Competency C2")
    assert bench.published(TalentPoolUpdated) == 1


def test_a_result_after_the_plan_went_out_makes_a_revision_that_waits(any_bench: ReportingBench) -> None:
    changed = [a_rater(PEER, n) for n in (1, 2, 3)]
    any_bench.hears(a_scored(), a_cohort_scored())
    any_bench.hears(a_scored({"C1": 1.0}, version=2, changed=changed), a_cohort_scored(run="run-2"))
    any_bench.hears(a_scored({"C2": 1.0}, version=3, changed=changed), a_cohort_scored(run="run-3"))
    assert [(plan.revision, plan.state) for plan in any_bench.plans()] == [(1, "sent"), (2, "draft")]
    assert "it waits for `talentline plan release`" in str(any_bench.plans()[1].waiting)
    assert len(any_bench.mails()) == 1
    with any_bench.db.read() as connection:
        assert plan_document(connection, COHORT, P1).goals[0].competency == "Competency C2"


def test_automatic_plans_go_out_when_first_scored_and_never_again(db: Database, tmp_path: Path) -> None:
    bench = ReportingBench(db, tmp_path, a_definition(policy=ReleasePolicy.AUTOMATIC))
    bench.hears(a_scored())
    assert len(bench.mails()) == 1
    bench.hears(a_scored(version=2), a_cohort_scored())
    assert len(bench.mails()) == 1
    assert [plan.state for plan in bench.plans()] == ["sent", "draft"]


def test_after_debrief_no_run_sends_anything(db: Database, tmp_path: Path) -> None:
    bench = ReportingBench(db, tmp_path, a_definition(policy=ReleasePolicy.AFTER_DEBRIEF))
    bench.hears(a_scored(), a_cohort_scored())
    assert bench.mails() == []
    assert bench.plans()[0].waiting == "it waits for `talentline plan release`, after the debrief"


def test_what_went_out_can_be_read_again(bench: ReportingBench) -> None:
    bench.hears(a_scored(), a_cohort_scored())
    with bench.db.read() as connection:
        assert plan_pdf_bytes(connection, COHORT, P1).decode() == bench.pdfs()[0]
        document = plan_document(connection, COHORT, P1)
    released_at = bench.plans()[0].released_at
    assert released_at is not None
    assert document.drafted == released_at.date()
    assert document.name == "Siân Llŷr-P-1"


def test_the_plan_addresses_the_person_as_the_roster_does_when_it_goes_out(bench: ReportingBench) -> None:
    bench.hears(a_scored())
    with bench.db.write() as uow:
        uow.execute(sa.update(participants).values(given_name="Siân-Mair", email="sm@example.org"))
    bench.hears(a_cohort_scored())
    (mail,) = bench.mails()
    assert str(mail["To"]) == "Siân-Mair Llŷr-P-1 <sm@example.org>"


# -------------------------------------------------------------------------------------------------------------- pool


def test_the_pool_record_follows_the_agreement(any_bench: ReportingBench) -> None:
    any_bench.hears(a_scored(), a_scored(participant=P2), a_scored(participant=P3))
    with any_bench.db.read() as connection:
        records = pool_of(connection, cohort=COHORT)
        assert [(each.participant, each.level, each.status) for each in records] == [
            (P1, "local", "proposed"),
            (P3, "regional", "proposed"),
        ]
        assert [each.participant for each in pool_of(connection, level="regional")] == [P3]
        assert set(records[0].shown()) >= {"participant", "level", "readiness", "status"}
        assert "Lowest: Domain A" in records[0].basis


def test_every_result_adds_to_the_pool_records_history(bench: ReportingBench) -> None:
    bench.hears(a_scored({"A1": 1.0, "A2": 1.0}), a_scored(version=2))
    with bench.db.read() as connection:
        history = pool_history(connection, COHORT, P1)
        (record,) = pool_of(connection)
    assert [entry.readiness for entry in history] == ["developing", "ready with development"]
    assert record.readiness == "ready with development"
    assert broken(bench.db) == {}


def test_with_policy_automatic_nobody_is_asked(db: Database, tmp_path: Path) -> None:
    bench = ReportingBench(db, tmp_path, a_definition(pool=PoolPolicy.AUTOMATIC))
    bench.hears(a_scored())
    with db.read() as connection:
        assert [record.status for record in pool_of(connection)] == ["admitted"]


# ------------------------------------------------------------------------------------------------------------ report


def report_of(db: Database) -> CohortReportDocument:
    with db.read() as connection:
        found = latest_report(connection, COHORT)
    assert found is not None
    assert found.pdf == found.document.summary.encode()
    return found.document


def test_a_run_leaves_a_report(any_bench: ReportingBench) -> None:
    waiting = (Waiting(participant=P2, missing=("peers: 2 of 3",)),)
    any_bench.hears(a_cohort_scored((P1,), waiting=waiting, gaps=(a_gap("A", 3, 2.5), a_gap("B", 3, 3.5))))
    document = report_of(any_bench.db)
    assert [row.domain for row in document.gaps] == ["A", "B"]
    assert document.waiting[0].missing == ("peers: 2 of 3",)
    any_bench.hears(a_cohort_scored((P1, P2), run="run-2"))
    assert report_of(any_bench.db).scored == 2


def test_the_latest_report_is_that_of_the_latest_run_whichever_came_first(bench: ReportingBench) -> None:
    bench.hears(a_cohort_scored((P1, P2), run="run-2"), a_cohort_scored((P1,), run="run-1"))
    assert report_of(bench.db).scored == 2


def test_somebody_who_left_the_roster_is_parked_with_a_cure(bench: ReportingBench) -> None:
    with bench.db.write() as uow:
        uow.execute(sa.delete(participants).where(participants.c.participant == P1))
    bench.hears(a_scored())
    ((state, error),) = bench.states(ParticipantScored)
    assert state == "parked"
    assert "P-1 is not on the roster of cohort pilot" in str(error)


def test_a_result_that_shows_too_small_a_group_is_parked_and_nothing_is_drafted(bench: ReportingBench) -> None:
    bench.hears(a_scored(groups={PEER: 2}, shown=[(PEER,)]))
    ((state, error),) = bench.states(ParticipantScored)
    assert state == "parked"
    assert "a group smaller than 3" in str(error)
    assert bench.plans() == []
