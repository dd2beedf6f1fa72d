"""How the command line looks at scoring, what must always hold, and which model an installation uses."""

from collections.abc import Iterable

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from services.scoring import handlers as scoring
from services.scoring import store
from services.scoring.core.evidence import Piece
from services.scoring.invariants import INVARIANTS
from services.scoring.settings import ScoringSettings
from services.scoring.tables import cases, evidence, results
from shared.clock import now
from shared.cohort.folder import CohortFolder
from shared.cohort.opening import open_cohort
from shared.db import Database
from shared.events import EvidenceRecorded
from shared.handling import Together
from shared.ids import CohortId, OrganisationId, ParticipantId, SubmissionId, new_id
from shared.people import Participant
from shared.words import Relationship
from tests.builders.scoring_case import a_definition, a_response, complete_evidence

COHORT = CohortId("small")
ANNA, BEN = ParticipantId("P-A"), ParticipantId("P-B")
COMPLETE = complete_evidence()
FIXED_KEYS = "participant domain facet estimate low high self raters items model framework hash"


@pytest.fixture
def opened(db: Database) -> Database:
    """A database with the small cohort open, and two participants in it."""
    people = tuple(
        Participant(each, "Anna", "Example", f"{each.lower()}@example.org", OrganisationId("O1"), None)
        for each in (BEN, ANNA)
    )
    with db.write() as uow:
        open_cohort(uow, CohortFolder(a_definition(), people, (), ()), update=False, actor="test", has_evidence=False)
    return db


def record(db: Database, participant: ParticipantId, pieces: Iterable[Piece]) -> None:
    together = scoring.handlers()[EvidenceRecorded.name]
    assert isinstance(together, Together)
    assert callable(together.work)
    told = [{name: getattr(piece, name) for name in Piece.__slots__} for piece in pieces]
    fields = {"submission": new_id(), "cohort": COHORT, "participant": participant, "pieces": told}
    with db.write() as uow:
        together.work(uow, EvidenceRecorded.model_validate(fields))


def leave_unasked(db: Database, pieces: Iterable[Piece]) -> None:
    with db.write() as uow:
        store.hold_cases(uow, COHORT, [ANNA], now())
        store.add_pieces(uow, COHORT, ANNA, SubmissionId(new_id()), pieces, now())


def broken(db: Database) -> dict[str, list[str]]:
    """What breaks an invariant."""
    with db.read() as connection:
        found = {name: rule(connection) for name, rule in INVARIANTS.items()}
    return {name: ids for name, ids in found.items() if ids}


def test_status_tells_of_everybody_on_the_roster_in_order(opened: Database) -> None:
    record(opened, BEN, COMPLETE)
    with opened.read() as connection:
        anna, ben = store.status_of(connection, a_definition())
    assert (anna.participant, anna.complete, anna.scored, len(anna.missing)) == (ANNA, False, False, 7)
    assert (ben.participant, ben.complete, ben.scored, ben.missing) == (BEN, True, True, ())


def test_status_names_withheld_groups_and_counts_what_came_late(opened: Database) -> None:
    record(opened, ANNA, [a_response("D1", Relationship.DIRECT_REPORT, 3, late=True)])
    with opened.read() as connection:
        anna, _ = store.status_of(connection, a_definition())
    assert (anna.withheld, anna.late) == ((Relationship.DIRECT_REPORT,), 1)


def test_results_are_flat_rows_of_domains_and_facets(opened: Database) -> None:
    record(opened, BEN, COMPLETE)
    record(opened, ANNA, COMPLETE)
    with opened.read() as connection:
        rows = store.results_of(connection, COHORT)
    assert [(row.participant, row.domain, row.facet) for row in rows[:4]] == [
        (ANNA, "A", None),
        (ANNA, "A", "know"),
        (ANNA, "A", "apply"),
        (ANNA, "B", None),
    ]
    assert len(rows) == 12
    assert set(FIXED_KEYS.split()) <= set(rows[0].shown())
    assert (rows[3].self_rating, rows[3].shown()["self"], rows[3].anchored) == (5, 5, True)


def test_competencies_are_shown_when_asked_for(opened: Database) -> None:
    record(opened, ANNA, COMPLETE)
    with opened.read() as connection:
        rows = store.results_of(connection, COHORT, competencies=True)
    assert [row.competency for row in rows if row.competency] == ["A1", "A2", "B1"]


def test_superseded_results_are_shown_when_asked_for(opened: Database) -> None:
    record(opened, ANNA, COMPLETE)
    record(opened, ANNA, [a_response("P1", Relationship.PEER, 5, after=3)])
    with opened.read() as connection:
        assert {row.version for row in store.results_of(connection, COHORT)} == {2}
        assert {row.version for row in store.results_of(connection, COHORT, every=True)} == {1, 2}


def test_before_the_first_run_there_are_no_gaps(opened: Database) -> None:
    with opened.read() as connection:
        assert store.gaps_of(connection, COHORT) is None


def test_people_with_evidence_are_those_whom_it_is_about_and_from(opened: Database) -> None:
    record(opened, ANNA, COMPLETE[:3])
    with opened.read() as connection:
        assert store.has_evidence(connection, COHORT)
        assert store.people_with_evidence(connection, COHORT) == {"P-A", "S", "L", "P1"}


def test_nothing_is_broken_after_ordinary_work(opened: Database) -> None:
    record(opened, ANNA, COMPLETE)
    record(opened, ANNA, [a_response("P1", Relationship.PEER, 5, after=3)])
    record(opened, BEN, COMPLETE[:4])
    assert broken(opened) == {}


def test_a_complete_case_that_nobody_scored_is_found(opened: Database) -> None:
    leave_unasked(opened, COMPLETE)
    assert broken(opened) == {"scoring.every_complete_case_is_scored": ["small/P-A"]}


def test_newer_evidence_that_nobody_scored_is_found(opened: Database) -> None:
    record(opened, ANNA, COMPLETE)
    leave_unasked(opened, [a_response("P1", Relationship.PEER, 5, after=3)])
    assert broken(opened) == {"scoring.every_complete_case_is_scored": ["small/P-A"]}


def test_older_evidence_that_changes_nothing_is_not_taken_for_unscored(opened: Database) -> None:
    record(opened, ANNA, COMPLETE)
    record(opened, ANNA, [a_response("P1", Relationship.PEER, 5, after=-3)])
    assert broken(opened) == {}


def test_a_removed_result_is_found(opened: Database) -> None:
    record(opened, ANNA, COMPLETE)
    record(opened, ANNA, [a_response("P1", Relationship.PEER, 5, after=3)])
    with opened.write() as uow:
        uow.execute(sa.delete(results).where(results.c.version == 1))
    assert broken(opened) == {"scoring.every_result_is_numbered_without_a_hole": ["small/P-A"]}


def test_a_calibration_that_is_gone_is_found(opened: Database) -> None:
    record(opened, ANNA, COMPLETE)
    with opened.write() as uow:
        uow.execute(sa.update(results).values(calibration="c" * 64))
    assert broken(opened) == {"scoring.every_calibration_named_is_kept": ["small/cccccccccccc"]}


def test_a_result_without_evidence_is_found(opened: Database) -> None:
    record(opened, ANNA, COMPLETE)
    with opened.write() as uow:
        uow.execute(sa.delete(evidence))
        (result,) = uow.execute(sa.select(results.c.id)).scalars()
        assert uow.execute(sa.select(cases.c.participant)).scalars().all() == [ANNA]
    assert broken(opened) == {"scoring.every_result_has_evidence": [result]}


def test_an_unknown_model_is_refused_with_those_that_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALENTLINE_SCORING_MODEL", "guess/1")
    with pytest.raises(ValidationError, match="unknown scoring model guess/1; known are many-facet/1, rater-means/1"):
        ScoringSettings()
