"""Scoring in a real database: evidence comes, a case is complete, a cohort is run."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa

from services.scoring import handlers as scoring
from services.scoring import store
from services.scoring.commands import request_run
from services.scoring.core.canonical import hashed
from services.scoring.core.evidence import ImpossibleEvidence, Piece
from services.scoring.invariants import COMPLETE_IS_SCORED
from services.scoring.tables import evidence, results, runs
from shared.bus import audit, events
from shared.cohort.definition import CohortDefinition, WrittenRequirement
from shared.cohort.folder import CohortFolder
from shared.cohort.opening import open_cohort
from shared.db import Database
from shared.errors import UnknownCohort
from shared.events import (
    ROUTES,
    CohortRunRequested,
    CohortScored,
    Event,
    EvidenceRecorded,
    InvariantsDue,
    ParticipantScored,
    ReconciliationDue,
)
from shared.handling import Together
from shared.ids import CohortId, OrganisationId, ParticipantId, RunId, SubmissionId, new_id
from shared.invariants.findings import found
from shared.people import Participant
from shared.words import Relationship, Service
from tests.builders.pilot_evidence import pilot_evidence, pilot_folder
from tests.builders.scoring_case import (
    a_definition,
    a_mark,
    a_response,
    complete_evidence,
    requirements,
)

Told = TypeVar("Told", bound=Event)

COHORT = CohortId("small")
ANNA, BEN, CARL = ParticipantId("P-A"), ParticipantId("P-B"), ParticipantId("P-C")
HANDLERS = scoring.handlers()
COMPLETE = complete_evidence()


def opened(db: Database, definition: CohortDefinition | None = None, *, update: bool = False) -> Database:
    """The database with the small cohort open: three participants of two organisations."""
    people = tuple(
        Participant(each, "Anna", "Example", f"{each.lower()}@example.org", OrganisationId(organisation), None)
        for each, organisation in ((CARL, "O2"), (ANNA, "O1"), (BEN, "O1"))
    )
    folder = CohortFolder(definition or a_definition(), people, (), ())
    with db.write() as uow:
        open_cohort(uow, folder, update=update, actor="test", has_evidence=update, people_with_evidence=set())
    return db


def handle(db: Database, event: Event) -> None:
    found = HANDLERS[event.name]
    handler = found.work if isinstance(found, Together) else found
    assert callable(handler)
    with db.write() as uow:
        handler(uow, event)


def record(db: Database, participant: ParticipantId, pieces: Iterable[Piece], cohort: CohortId = COHORT) -> None:
    """Scoring hears of these pieces, all in one submission."""
    told: list[dict[str, Any]] = [{name: getattr(piece, name) for name in Piece.__slots__} for piece in pieces]
    fields = {"submission": new_id(), "cohort": cohort, "participant": participant, "pieces": told}
    handle(db, EvidenceRecorded.model_validate(fields))


def run(db: Database, run_id: str | None = None, cohort: CohortId = COHORT) -> CohortScored:
    """Run the cohort; gives what was told last."""
    handle(db, CohortRunRequested(run=RunId(run_id or new_id()), cohort=cohort))
    return published(db, CohortScored)[-1]


def published(db: Database, kind: type[Told]) -> list[Told]:
    with db.read() as connection:
        query = sa.select(events.c.payload).where(events.c.name == kind.name).order_by(events.c.id)
        return [kind.model_validate(payload) for payload in connection.execute(query).scalars()]


def versions(db: Database, participant: ParticipantId) -> list[int]:
    with db.read() as connection:
        query = sa.select(results.c.version).where(results.c.participant == participant).order_by(results.c.version)
        return list(connection.execute(query).scalars())


def test_a_participant_is_scored_when_the_last_piece_comes(any_db: Database) -> None:
    opened(any_db)
    record(any_db, ANNA, COMPLETE[:-1])
    assert versions(any_db, ANNA) == []
    record(any_db, ANNA, COMPLETE[-1:])
    assert versions(any_db, ANNA) == [1]
    (told,) = published(any_db, ParticipantScored)
    assert (told.participant, told.version, told.model, told.framework) == (ANNA, 1, "rater-means/1", "small/1")
    assert {each.evidence for each in told.evidence} == {piece.evidence for piece in COMPLETE}
    assert len(told.figures) == 9


def test_what_is_told_is_what_is_kept(db: Database) -> None:
    record(opened(db), ANNA, COMPLETE)
    (told,) = published(db, ParticipantScored)
    with db.read() as connection:
        row = connection.execute(sa.select(results)).one()
    assert row.hash == told.hash == hashed(row.document)
    kept = json.loads(row.document)
    assert kept["figures"] == json.loads(told.model_dump_json(by_alias=True))["figures"]


def test_the_same_evidence_again_scores_nothing_again(any_db: Database) -> None:
    opened(any_db)
    for _ in range(3):
        record(any_db, ANNA, COMPLETE)
    assert versions(any_db, ANNA) == [1]
    assert len(published(any_db, ParticipantScored)) == 1
    with any_db.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(evidence)).scalar_one() == len(COMPLETE)


def test_superseding_evidence_makes_a_new_version_and_keeps_the_old(any_db: Database) -> None:
    record(opened(any_db), ANNA, COMPLETE)
    record(any_db, ANNA, [a_response("P1", Relationship.PEER, 5, after=9)])
    assert versions(any_db, ANNA) == [1, 2]
    with any_db.read() as connection:
        rows = store.results_of(connection, COHORT, every=True)
        assert {row.version for row in store.results_of(connection, COHORT)} == {2}
    assert len({row.hash for row in rows}) == 2


def test_an_older_piece_that_arrives_late_changes_nothing(any_db: Database) -> None:
    newer = a_response("P1", Relationship.PEER, 5, after=9)
    record(opened(any_db), ANNA, [*COMPLETE, newer])
    record(any_db, ANNA, [a_response("P1", Relationship.PEER, 1, after=8)])
    assert versions(any_db, ANNA) == [1]


def test_evidence_that_returns_to_what_it_was_is_scored_again_with_the_same_bytes(db: Database) -> None:
    record(opened(db), ANNA, COMPLETE)
    first = a_response("P1", Relationship.PEER, 5, after=8, evidence="a" * 64)
    record(db, ANNA, [first])
    record(db, ANNA, [a_response("P1", Relationship.PEER, 1, after=9)])
    record(db, ANNA, [a_response("P1", Relationship.PEER, 5, after=10, evidence="a" * 64)])
    told = published(db, ParticipantScored)
    assert [each.version for each in told] == [1, 2, 3, 4]
    assert told[3].hash == told[1].hash != told[2].hash


def test_any_order_of_arrival_gives_the_same_bytes(db: Database) -> None:
    opened(db)
    for piece in COMPLETE:
        record(db, ANNA, [piece])
    for piece in reversed(COMPLETE):
        record(db, BEN, [piece])
    with db.read() as connection:
        documents = [json.loads(document) for document in connection.execute(sa.select(results.c.document)).scalars()]
    assert len(documents) == 2
    anna, ben = ({**document, "participant": ""} for document in documents)
    assert anna == ben


def test_evidence_that_becomes_incomplete_keeps_the_result_and_waits(db: Database) -> None:
    record(opened(db), ANNA, COMPLETE)
    record(db, ANNA, [a_mark("K1", "M-1", 1, after=9)])
    told = run(db)
    assert versions(db, ANNA) == [1]
    assert told.scored == ()
    assert told.waiting[0].missing == ("written assessment: K1: markers differ by 7, a third mark is needed",)
    with db.read() as connection:
        status = store.status_of(connection, a_definition())[0]
    assert (status.complete, status.scored) == (False, True)


def test_impossible_evidence_is_refused_whole(db: Database) -> None:
    opened(db)
    with pytest.raises(ImpossibleEvidence):
        record(db, ANNA, [*COMPLETE, a_mark("K1", "M-3", 11)])
    with db.read() as connection:
        assert not store.has_evidence(connection, COHORT)


def test_evidence_of_an_unknown_cohort_is_an_error_that_names_it(db: Database) -> None:
    with pytest.raises(UnknownCohort, match="small"):
        record(db, ANNA, COMPLETE)


def test_late_evidence_is_counted_and_named(db: Database) -> None:
    opened(db)
    record(db, ANNA, [*COMPLETE[:-1], a_mark("K2", "M-2", 11, late=True)])
    assert published(db, ParticipantScored)[0].late == 1


def test_a_run_tells_who_is_scored_who_waits_and_what_lacks(any_db: Database) -> None:
    opened(any_db)
    record(any_db, ANNA, COMPLETE)
    record(any_db, BEN, COMPLETE[:-1])
    told = run(any_db)
    assert [each.participant for each in told.scored] == [ANNA]
    assert [(each.participant, len(each.missing)) for each in told.waiting] == [(BEN, 1), (CARL, 7)]
    assert {gap.n for gap in told.gaps} == {1}
    assert {gap.organisation for gap in told.gaps} == {None, "O1"}
    with any_db.read() as connection:
        kept = store.gaps_of(connection, COHORT)
    assert kept is not None
    assert kept.run == told.run
    assert [(gap.domain, gap.facet, gap.organisation, gap.estimate, gap.low) for gap in kept.rows] == [
        (gap.domain, gap.facet, gap.organisation, gap.estimate, gap.low) for gap in told.gaps
    ]


def test_a_run_that_was_done_is_not_done_again(any_db: Database) -> None:
    record(opened(any_db), ANNA, COMPLETE)
    for _ in range(2):
        run(any_db, "0190aaaa-0000-7000-8000-000000000000")
    assert len(published(any_db, CohortScored)) == 1
    with any_db.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(runs)).scalar_one() == 1


def test_a_later_run_shows_the_later_gaps(db: Database) -> None:
    record(opened(db), ANNA, COMPLETE)
    run(db)
    record(db, BEN, COMPLETE)
    second = run(db)
    with db.read() as connection:
        kept = store.gaps_of(connection, COHORT)
    assert kept is not None
    assert (kept.run, {gap.n for gap in kept.rows if gap.organisation is None}) == (second.run, {2})


def test_a_run_scores_anew_what_new_rules_make_due(any_db: Database) -> None:
    record(opened(any_db), ANNA, COMPLETE)
    heavier = dict.fromkeys(a_definition().weights, 1 / 3)
    opened(any_db, a_definition(weights=heavier), update=True)
    told = run(any_db)
    assert [(each.participant, each.version) for each in told.scored] == [(ANNA, 2)]
    run(any_db)
    assert versions(any_db, ANNA) == [1, 2]


def test_a_run_scores_what_nobody_scored(any_db: Database) -> None:
    opened(any_db)
    unscored(any_db, ANNA)
    assert [each.participant for each in run(any_db).scored] == [ANNA]
    assert len(published(any_db, ParticipantScored)) == 1


def unscored(db: Database, participant: ParticipantId) -> None:
    """Complete evidence that came to rest without having been asked, as after a fault."""
    with db.write() as uow:
        now = datetime(2026, 2, 1, tzinfo=UTC)
        store.hold_cases(uow, COHORT, [participant], now)
        store.add_pieces(uow, COHORT, participant, SubmissionId(new_id()), COMPLETE, now)


def test_reconciliation_scores_what_nobody_scored(any_db: Database) -> None:
    opened(any_db)
    unscored(any_db, ANNA)
    unscored(any_db, BEN)
    record(any_db, CARL, COMPLETE[:3])
    slot = ReconciliationDue(slot=datetime(2026, 2, 1, 12, 5, tzinfo=UTC))
    for _ in range(2):
        handle(any_db, slot)
    assert [told.participant for told in published(any_db, ParticipantScored)] == [ANNA, BEN]
    with any_db.read() as connection:
        assert [(each.name, each.mended) for each in found(connection)] == [(COMPLETE_IS_SCORED, 2)]
        noted = connection.execute(sa.select(audit).where(audit.c.actor == "reconciler")).one()
    assert (noted.action, noted.detail["sample"]) == ("invariant.mended", ["small/P-A", "small/P-B"])


def test_whom_new_rules_complete_is_scored_without_a_finding(db: Database) -> None:
    opened(db)
    record(db, ANNA, COMPLETE[:-1])
    fewer = requirements(written_assessment=WrittenRequirement(markers=1, moderate_above=3))
    opened(db, a_definition(evidence=fewer), update=True)
    handle(db, ReconciliationDue(slot=datetime(2026, 2, 1, 12, 5, tzinfo=UTC)))
    assert [told.participant for told in published(db, ParticipantScored)] == [ANNA]
    with db.read() as connection:
        assert found(connection) == []


def test_reconciliation_comes_round_to_every_case(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "RECONCILED", 1)
    opened(db)
    for each in (ANNA, BEN, CARL):
        unscored(db, each)
    for minute in range(40):
        handle(db, ReconciliationDue(slot=datetime(2026, 2, 1, 12, minute, tzinfo=UTC)))
    assert {told.participant for told in published(db, ParticipantScored)} == {ANNA, BEN, CARL}


def test_asking_for_a_run_names_it_by_its_chain_and_is_audited(db: Database) -> None:
    opened(db)
    with db.write() as uow:
        run_id = request_run(uow, COHORT, actor="Somebody")
        assert str(run_id) == str(uow.cause.correlation)
    (told,) = published(db, CohortRunRequested)
    assert (told.run, told.cohort) == (run_id, COHORT)
    with db.read() as connection:
        noted = connection.execute(sa.select(audit).where(audit.c.action == "cohort.run_requested")).one()
    assert (noted.actor, noted.subject) == ("Somebody", COHORT)


def test_a_run_of_an_unknown_cohort_is_refused(db: Database) -> None:
    with pytest.raises(UnknownCohort), db.write() as uow:
        request_run(uow, CohortId("elsewhere"), actor="Somebody")


def test_scoring_listens_to_what_the_routes_send_it() -> None:
    heard = {name for name, services in ROUTES.items() if Service.SCORING in services}
    assert set(HANDLERS) == heard - {InvariantsDue.name}  # which deploy answers for every service


def test_the_pilot_runs_from_evidence_to_gaps(db: Database) -> None:
    folder = pilot_folder()
    cohort = CohortId(folder.definition.cohort)
    with db.write() as uow:
        open_cohort(uow, folder, update=False, actor="test", has_evidence=False)
    for late in (False, True):
        for participant, pieces in pilot_evidence(late=late).items():
            record(db, participant, pieces, cohort)
        told = run(db, cohort=cohort)
        assert [len(told.scored), len(told.waiting)] == ([7, 0] if late else [5, 2])
    assert next(gap.domain for gap in told.gaps if gap.organisation is None) == "IK"
