"""What coordinators ask for: releases, decisions, printed plans. On a real database."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.reporting.commands import (
    NoSuchRecord,
    ReleaseOutcome,
    UnclearDecision,
    decide,
    plan_pdf,
    release,
)
from services.reporting.core.pool import Decision
from services.reporting.invariants import INVARIANTS
from services.reporting.store import NoSuchPlan, PoolRecord, message_bytes, plan_pdf_bytes, pool_history, pool_of
from services.reporting.tables import messages, plans, pool_records
from shared.bus import audit
from shared.db import Database
from shared.events import TalentPoolUpdated
from shared.ids import ParticipantId, RaterId
from shared.words import ReleasePolicy
from tests.builders.reporting import COHORT, P1, P2, PEER, a_cohort_scored, a_definition, a_rater, a_scored
from tests.builders.reporting_bench import ReportingBench, printed

DEBRIEF = a_definition(policy=ReleasePolicy.AFTER_DEBRIEF)
THREE_PEERS = tuple(a_rater(PEER, n) for n in (1, 2, 3))


@pytest.fixture
def bench(db: Database, tmp_path: Path) -> ReportingBench:
    return ReportingBench(db, tmp_path, DEBRIEF, people={P1: "local", P2: "regional"})


def asked(bench: ReportingBench, *participants: ParticipantId) -> list[ReleaseOutcome]:
    with bench.db.write() as uow:
        outcomes = release(uow, COHORT, list(participants) or None, "Coordinator")
    bench.work()
    return outcomes


def audited(db: Database) -> list[tuple[str, str, str]]:
    with db.read() as connection:
        rows = connection.execute(sa.select(audit.c.actor, audit.c.action, audit.c.subject).order_by(audit.c.id))
        return [(row.actor, row.action, row.subject) for row in rows]


def test_after_the_debrief_a_coordinator_releases_plans(bench: ReportingBench) -> None:
    bench.hears(a_scored(), a_scored(participant=P2))
    (outcome,) = asked(bench, P1)
    assert (outcome.released, outcome.revision) == (True, 1)
    assert len(bench.mails()) == 1
    (outcome,) = asked(bench)
    assert outcome.participant == P2
    assert len(bench.mails()) == 2
    assert audited(bench.db) == [
        ("Coordinator", "plan.release", "pilot/P-1/1"),
        ("Coordinator", "plan.release", "pilot/P-2/1"),
    ]
    assert asked(bench) == []


def test_a_plan_is_released_once(bench: ReportingBench) -> None:
    bench.hears(a_scored())
    assert [outcome.released for outcome in asked(bench, P1)] == [True]
    (again,) = asked(bench, P1)
    assert not again.released
    assert "sent already" in again.words
    assert len(bench.mails()) == 1


def test_who_has_no_plan_is_told(bench: ReportingBench) -> None:
    (outcome,) = asked(bench, ParticipantId("P-9"))
    assert (outcome.released, outcome.revision) == (False, None)
    assert "plans follow scores" in outcome.words


def test_first_plans_of_a_cohort_that_sends_by_run_are_left_to_the_run(db: Database, tmp_path: Path) -> None:
    bench = ReportingBench(db, tmp_path)
    bench.hears(a_scored())
    (outcome,) = asked(bench)
    assert not outcome.released
    assert "cohort run" in outcome.words
    assert bench.mails() == []


def revised(bench: ReportingBench, *changed: RaterId) -> ReleaseOutcome:
    """A first plan is out, these raters answered anew, and the revision is asked for."""
    bench.hears(a_scored(), a_cohort_scored())
    asked(bench, P1)
    bench.hears(a_scored({"C2": 1.0}, version=2, changed=changed))
    (outcome,) = asked(bench, P1)
    return outcome


def test_a_revision_goes_out_when_asked_for(bench: ReportingBench) -> None:
    assert revised(bench, *THREE_PEERS).released
    assert sorted(str(mail["Subject"]) for mail in bench.mails()) == [
        "Your personal development plan: Aspiring leaders",
        "Your updated personal development plan: Aspiring leaders",
    ]
    assert [plan.state for plan in bench.plans()] == ["sent", "sent"]


@pytest.mark.parametrize("changed", [THREE_PEERS[:1], THREE_PEERS[:2]])
def test_a_revision_that_exposes_raters_is_refused_with_the_reason(
    bench: ReportingBench, changed: tuple[RaterId, ...]
) -> None:
    outcome = revised(bench, *changed)
    assert not outcome.released
    assert "could be worked out from the difference" in outcome.words
    assert len(bench.mails()) == 1
    assert bench.plans()[1].waiting == outcome.words


# ---------------------------------------------------------------------------------------------------------- printing


def test_a_draft_is_printed_and_a_sent_plan_is_given_as_it_was_sent(bench: ReportingBench) -> None:
    bench.hears(a_scored())
    with bench.db.read() as connection:
        draft = plan_pdf(connection, COHORT, P1, render=printed)
        with pytest.raises(NoSuchPlan, match="no mail was made"):
            plan_pdf_bytes(connection, COHORT, P1)
        with pytest.raises(NoSuchPlan, match="there is no such plan"):
            plan_pdf(connection, COHORT, P2)
    assert draft.startswith(b"%PDF pilot/P-1/1")
    asked(bench, P1)
    with bench.db.read() as connection:
        sent = plan_pdf(connection, COHORT, P1, render=lambda _: b"printed anew")
        assert sent.decode() in bench.pdfs()
        assert message_bytes(connection, COHORT, P1) in [file.read_bytes() for file in bench.mail.glob("*.eml")]


# --------------------------------------------------------------------------------------------------------- decisions


def decided(bench: ReportingBench, decision: Decision = Decision.ADMIT, **changes: Any) -> PoolRecord:
    asked_for: dict[str, Any] = {"participant": P1, "level": "local", "by": "A. Chair", "reason": "ready for more"}
    asked_for |= changes
    with bench.db.write() as uow:
        return decide(uow, asked_for.pop("participant"), asked_for.pop("level"), decision, **asked_for)


@pytest.mark.parametrize(
    ("decision", "status"), [("admit", "admitted"), ("defer", "deferred"), ("decline", "declined")]
)
def test_a_named_person_decides(bench: ReportingBench, decision: str, status: str) -> None:
    bench.hears(a_scored())
    record = decided(bench, Decision(decision))
    assert (record.participant, record.level, record.status, record.by) == (P1, "local", status, "A. Chair")
    assert bench.published(TalentPoolUpdated) == 2
    assert audited(bench.db) == [("A. Chair", f"pool.{decision}", "pilot/P-1/local")]
    with bench.db.read() as connection:
        assert [entry.status.value for entry in pool_history(connection, COHORT, P1)] == ["proposed", status]


def test_a_decision_outlasts_the_next_result(bench: ReportingBench) -> None:
    bench.hears(a_scored())
    decided(bench, Decision.DECLINE)
    bench.hears(a_scored(dict.fromkeys(("A1", "A2", "A3"), 4.9), version=2))
    with bench.db.read() as connection:
        (record,) = pool_of(connection)
    assert (record.status, record.readiness) == ("declined", "ready now")


def test_a_decision_needs_a_name_a_reason_and_a_record(bench: ReportingBench) -> None:
    bench.hears(a_scored())
    for missing in ({"by": " "}, {"reason": ""}):
        with pytest.raises(UnclearDecision, match="name of the person who decides and a reason"):
            decided(bench, Decision.ADMIT, **missing)
    with pytest.raises(NoSuchRecord, match=r"P-1 has no pool record for the level regional; there is: local \(pilot\)"):
        decided(bench, level="regional")
    with pytest.raises(NoSuchRecord, match="there is: none"):
        decided(bench, participant=P2)
    with bench.db.read() as connection:
        assert [entry.status.value for entry in pool_history(connection, COHORT, P1)] == ["proposed"]


# -------------------------------------------------------------------------------------------------------- invariants


def broken(db: Database) -> set[str]:
    with db.read() as connection:
        return {name.partition(".")[2] for name, rule in INVARIANTS.items() if rule(connection)}


def test_invariants_hold_and_see_what_breaks_them(bench: ReportingBench) -> None:
    bench.hears(a_scored(), a_scored(participant=P2))
    asked(bench, P1)
    decided(bench)
    assert broken(bench.db) == set()
    with bench.db.write() as uow:
        uow.execute(sa.update(messages).values(state="pending"))
    assert broken(bench.db) == {"every_sent_plan_has_a_receipt"}
    with bench.db.write() as uow:
        uow.execute(sa.update(plans).values(state="released"))
        uow.execute(sa.update(pool_records).values(entry=1))
    assert broken(bench.db) == {
        "every_released_plan_is_on_its_way",
        "every_pool_record_stands_as_its_history_says",
    }


def test_a_plan_kept_back_after_its_run_is_seen(db: Database, tmp_path: Path) -> None:
    bench = ReportingBench(db, tmp_path)
    bench.hears(a_scored(), a_cohort_scored())
    with db.write() as uow:
        uow.execute(sa.update(plans).values(state="draft"))
    assert "every_plan_released_by_a_run_is_released" in broken(db)
