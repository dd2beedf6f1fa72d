"""Waivers in a real database: a named person decides, scoring hears of it, and the result says so."""

import json

import pytest
import sqlalchemy as sa

from services.scoring import store
from services.scoring.commands.waivers import CantWaive, waive, withdraw_waiver
from services.scoring.core.requirements import NotMissing
from services.scoring.invariants import INVARIANTS
from services.scoring.store.waivers import Waiver, waivers_of
from services.scoring.tables import cases, results
from shared.bus import audit, events
from shared.clock import now
from shared.cohort.store import definition_of
from shared.db import Database
from shared.errors import UnknownCohort
from shared.events import ParticipantScored, ReconciliationDue, RequirementWaived, ScoredResult, WaiverWithdrawn
from shared.ids import CohortId, ParticipantId
from shared.invariants.findings import found
from tests.services.test_scoring_handlers import (
    ANNA,
    BEN,
    COHORT,
    COMPLETE,
    handle,
    opened,
    published,
    record,
    run,
    versions,
)

X2 = "development day: X2"
REASON = "The second assessor was ill; agreed with Ffion Nakamura."
WITHOUT_X2 = [piece for piece in COMPLETE if piece.element != "X2"]


def waived(db: Database, requirement: str = X2, participant: ParticipantId = ANNA, *, heard: bool = True) -> Waiver:
    """Waive as a coordinator does; scoring hears of it unless told otherwise."""
    with db.write() as uow:
        made = waive(uow, COHORT, participant, requirement, by="  A.  Chair ", reason=REASON)
    if heard:
        handle(db, published(db, RequirementWaived)[-1])
    return made


def withdrawn(db: Database, requirement: str = X2, participant: ParticipantId = ANNA) -> None:
    with db.write() as uow:
        withdraw_waiver(uow, COHORT, participant, requirement, by="A. Chair", reason="The sheet was found.")
    handle(db, published(db, WaiverWithdrawn)[-1])


def broken(db: Database) -> dict[str, list[str]]:
    with db.read() as connection:
        return {name: found for name, rule in INVARIANTS.items() if (found := rule(connection))}


def test_a_waiver_of_the_last_thing_missing_scores_on_reduced_evidence(any_db: Database) -> None:
    opened(any_db)
    record(any_db, ANNA, WITHOUT_X2)
    assert versions(any_db, ANNA) == []
    waived(any_db)
    (told,) = published(any_db, ParticipantScored)
    assert [each.name for each in told.waived] == [X2]
    with any_db.read() as connection:
        rows = store.results_of(connection, COHORT)
        (status,) = store.status_of(connection, definition_of(connection, COHORT), [ANNA])
    assert {row.waived for row in rows} == {(X2,)}
    assert (status.complete, status.scored, [str(lack) for lack in status.waived]) == (
        True,
        True,
        [f"{X2}: 0 of 2 assessors"],
    )
    assert broken(any_db) == {}


def test_the_evidence_that_arrives_after_all_makes_a_result_on_all_of_it(any_db: Database) -> None:
    opened(any_db)
    record(any_db, ANNA, WITHOUT_X2)
    waived(any_db)
    record(any_db, ANNA, COMPLETE[8:9])
    record(any_db, ANNA, COMPLETE[9:10])
    assert versions(any_db, ANNA) == [1, 2, 3]
    assert [len(told.waived) for told in published(any_db, ParticipantScored)] == [1, 1, 0]
    reasons = run(any_db)
    assert [each.waived for each in reasons.scored] == [()]
    with any_db.read() as connection:
        (waiver,) = waivers_of(connection, COHORT)
        (status,) = store.status_of(connection, definition_of(connection, COHORT), [ANNA])
    assert waiver.withdrawn_at is None
    assert status.waived == ()


def test_a_run_says_who_is_scored_on_reduced_evidence(any_db: Database) -> None:
    opened(any_db)
    record(any_db, ANNA, WITHOUT_X2)
    record(any_db, BEN, COMPLETE)
    waived(any_db)
    scored = {each.participant: each.waived for each in run(any_db).scored}
    assert scored == {ANNA: (X2,), BEN: ()}


def test_waiving_one_of_two_things_leaves_the_other_missing(db: Database) -> None:
    opened(db)
    record(db, ANNA, [piece for piece in WITHOUT_X2 if piece.element != "K1"])
    waived(db)
    assert versions(db, ANNA) == []
    assert [w.missing for w in run(db).waiting if w.participant == ANNA] == [
        ("written assessment: K1: 0 of 2 markers",)
    ]
    waived(db, "written assessment: K1")
    assert versions(db, ANNA) == [1]


def test_before_scoring_has_heard_of_it_a_waiver_breaks_no_invariant_and_nobody_mends_anything(db: Database) -> None:
    opened(db)
    record(db, ANNA, WITHOUT_X2)
    waived(db, heard=False)
    assert broken(db) == {}
    handle(db, ReconciliationDue(slot=now()))
    assert versions(db, ANNA) == []
    with db.read() as connection:
        assert [each.mended for each in found(connection)] == []
    handle(db, published(db, RequirementWaived)[-1])
    handle(db, published(db, RequirementWaived)[-1])
    assert versions(db, ANNA) == [1]


def test_a_withdrawn_waiver_is_kept_and_the_result_stays_while_the_case_waits(any_db: Database) -> None:
    opened(any_db)
    record(any_db, ANNA, WITHOUT_X2)
    waived(any_db)
    withdrawn(any_db)
    told = run(any_db)
    assert [w.missing for w in told.waiting if w.participant == ANNA] == [("development day: X2: 0 of 2 assessors",)]
    assert told.scored == ()
    assert versions(any_db, ANNA) == [1]
    waived(any_db)
    assert versions(any_db, ANNA) == [1]
    with any_db.read() as connection:
        first, second = waivers_of(connection, COHORT, ANNA)
    assert (first.by, first.withdrawn_reason, second.withdrawn_at) == ("A. Chair", "The sheet was found.", None)
    assert broken(any_db) == {}


def test_a_waiver_withdrawn_before_it_was_heard_of_never_counts(db: Database) -> None:
    opened(db)
    record(db, ANNA, WITHOUT_X2)
    waived(db, heard=False)
    withdrawn(db)
    handle(db, published(db, RequirementWaived)[-1])
    assert versions(db, ANNA) == []


def test_each_decision_is_audited_and_events_carry_references_only(db: Database) -> None:
    opened(db)
    record(db, ANNA, WITHOUT_X2)
    waived(db)
    withdrawn(db)
    with db.read() as connection:
        noted = connection.execute(sa.select(audit).where(audit.c.subject == f"{COHORT}/{ANNA}")).all()
        stored = connection.execute(sa.select(events.c.payload)).scalars().all()
        documents = connection.execute(sa.select(results.c.document)).scalars().all()
    assert [(row.actor, row.action) for row in noted] == [
        ("A. Chair", "requirement.waived"),
        ("A. Chair", "waiver.withdrawn"),
    ]
    assert [row.detail["requirement"] for row in noted] == [X2, X2]
    assert noted[0].detail["reason"] == REASON
    everything = json.dumps([*stored, *documents])
    assert "Chair" not in everything
    assert "ill" not in json.dumps(stored)
    assert "Nakamura" not in everything


def test_a_waiver_may_come_before_any_evidence_and_pins_nothing(db: Database) -> None:
    opened(db)
    waived(db)
    with db.read() as connection:
        assert not store.has_evidence(connection, COHORT)
    record(db, ANNA, WITHOUT_X2)
    assert versions(db, ANNA) == [1]


@pytest.mark.parametrize(
    ("participant", "requirement", "by", "reason", "error", "words"),
    [
        (ANNA, "X2", "A. Chair", "ill", NotMissing, "development day: X2: 0 of 2 assessors"),
        (ANNA, X2, "  ", "ill", CantWaive, "needs the name"),
        (ANNA, X2, "A. Chair", "\n\t", CantWaive, "a reason"),
        (ANNA, X2, "A" * 201, "ill", CantWaive, "at most 200"),
        (ANNA, X2, "A. Chair", "x" * 2001, CantWaive, "2,000"),
        (ParticipantId("nobody'; DROP TABLE--"), X2, "A. Chair", "ill", CantWaive, "cohort status"),
    ],
)
def test_a_waiver_that_can_not_be_is_refused_with_the_cure_and_leaves_nothing(
    db: Database,
    participant: ParticipantId,
    requirement: str,
    by: str,
    reason: str,
    error: type[Exception],
    words: str,
) -> None:
    opened(db)
    with pytest.raises(error, match=words), db.write() as uow:
        waive(uow, COHORT, participant, requirement, by=by, reason=reason)
    with db.read() as connection:
        assert waivers_of(connection, COHORT) == []
        assert connection.execute(sa.select(cases)).all() == []


def test_names_and_reasons_are_kept_as_a_terminal_may_show_them(db: Database) -> None:
    opened(db)
    with db.write() as uow:
        waive(uow, COHORT, ANNA, X2, by="A.\x1b[31m Chair\ud800", reason="ill\r\n\x00today \u202eagain")
    with db.read() as connection:
        (kept,) = waivers_of(connection, COHORT)
    assert (kept.by, kept.reason) == ("A. [31m Chair", "ill today again")


def test_the_same_is_not_waived_twice_and_what_is_not_waived_not_withdrawn(db: Database) -> None:
    opened(db)
    waived(db)
    with pytest.raises(CantWaive, match="waived already"):
        waived(db, heard=False)
    with pytest.raises(CantWaive, match="those that hold: development day: X2"), db.write() as uow:
        withdraw_waiver(uow, COHORT, ANNA, "X1", by="A", reason="b")
    with pytest.raises(CantWaive, match="those that hold: none"), db.write() as uow:
        withdraw_waiver(uow, COHORT, BEN, X2, by="A", reason="b")
    with pytest.raises(UnknownCohort), db.write() as uow:
        waive(uow, CohortId("nowhere"), ANNA, X2, by="A", reason="b")


def test_an_older_worker_passes_over_what_it_does_not_know() -> None:
    told = {"participant": ANNA, "result": "r", "version": 1}
    assert ScoredResult.model_validate(told).waived == ()
