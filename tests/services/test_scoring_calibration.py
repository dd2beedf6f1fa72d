"""A cohort that names the many-facet model: calibrated by a run, scored against the last calibration between runs."""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from services.scoring import handlers as scoring
from services.scoring import store
from services.scoring.core.evidence import Piece
from services.scoring.store.calibrations import CalibrationLost, calibration_named, latest_calibration
from services.scoring.tables import calibrations, results
from shared.bus import events
from shared.cohort.folder import CohortFolder
from shared.cohort.opening import open_cohort
from shared.db import Database
from shared.events import CohortCalibrated, CohortRunRequested, Event, EvidenceRecorded, ParticipantScored
from shared.handling import Together
from shared.ids import CohortId, OrganisationId, ParticipantId, RunId, new_id
from shared.people import Participant
from shared.words import Relationship
from tests.builders.scoring_case import a_response
from tests.builders.simulated_cohort import Simulated, a_simulated_cohort

COHORT = CohortId("simulated")
HANDLERS = scoring.handlers()


@cache
def simulated(people: int = 36) -> Simulated:
    return a_simulated_cohort(people, seed=3)


def opened(db: Database, cohort: Simulated) -> Database:
    people = tuple(
        Participant(each, "Anna", "Example", f"{each.lower()}@example.org", OrganisationId("O1"), None)
        for each in cohort.participants
    )
    with db.write() as uow:
        open_cohort(uow, CohortFolder(cohort.definition, people, (), ()), update=False, actor="t", has_evidence=False)
    return db


def handle(db: Database, event: Event) -> None:
    found = HANDLERS[event.name]
    handler = found.work if isinstance(found, Together) else found
    assert callable(handler)
    with db.write() as uow:
        handler(uow, event)


def record(db: Database, participant: ParticipantId, pieces: Iterable[Piece]) -> None:
    told: list[dict[str, Any]] = [{name: getattr(piece, name) for name in Piece.__slots__} for piece in pieces]
    fields = {"submission": new_id(), "cohort": COHORT, "participant": participant, "pieces": told}
    handle(db, EvidenceRecorded.model_validate(fields))


def run(db: Database) -> None:
    handle(db, CohortRunRequested(run=RunId(new_id()), cohort=COHORT))


def told(db: Database, kind: type[Event]) -> list[Any]:
    with db.read() as connection:
        query = sa.select(events.c.payload).where(events.c.name == kind.name).order_by(events.c.id)
        return [kind.model_validate(payload) for payload in connection.execute(query).scalars()]


def documents(db: Database) -> dict[str, dict[str, Any]]:
    """Everybody's latest result."""
    with db.read() as connection:
        query = sa.select(results.c.participant, results.c.document).order_by(results.c.version)
        return {row.participant: json.loads(row.document) for row in connection.execute(query)}


def test_a_cohort_is_calibrated_by_a_run_and_scored_against_the_last_calibration_between_runs(any_db: Database) -> None:
    cohort = simulated()
    opened(any_db, cohort)
    *first, last = cohort.participants
    for each in first:
        record(any_db, each, cohort.pieces[each])
    before = documents(any_db)
    assert {found["calibration"] for found in before.values()} == {None}
    (reason,) = {source["reason"] for found in before.values() for d in found["domains"] for source in d["sources"]}
    assert reason == "the cohort is not calibrated: that takes 30 scored participants and a run"

    run(any_db)
    (calibrated,) = told(any_db, CohortCalibrated)
    assert (calibrated.number, calibrated.model, calibrated.participants) == (1, "many-facet/1", 35)
    assert (calibrated.parts[0].source, calibrated.parts[0].domain) == ("appraisal_360", "A")
    after = documents(any_db)
    assert {found["calibration"] for found in after.values()} == {calibrated.calibration}
    assert {found["basis"] for each in after.values() for found in each["domains"]} == {"many-facet"}

    record(any_db, last, cohort.pieces[last])
    later = documents(any_db)[last]
    assert later["calibration"] == calibrated.calibration
    assert {found["basis"] for found in later["domains"]} == {"many-facet"}

    run(any_db)
    assert [each.number for each in told(any_db, CohortCalibrated)] == [1, 2]
    assert {found["calibration"] for found in documents(any_db).values()} == {
        told(any_db, CohortCalibrated)[-1].calibration
    }
    run(any_db)
    assert len(told(any_db, CohortCalibrated)) == 2, "nothing has changed"
    with any_db.read() as connection:
        versions = connection.execute(sa.select(sa.func.max(results.c.version))).scalar_one()
    assert versions == 3


def test_below_its_minimum_the_model_describes_and_says_why(db: Database) -> None:
    cohort = a_simulated_cohort(7, seed=5)
    opened(db, cohort)
    for each in cohort.participants:
        record(db, each, cohort.pieces[each])
    run(db)
    assert told(db, CohortCalibrated) == []
    for found in documents(db).values():
        for domain in found["domains"]:
            assert (domain["basis"], domain["adjusted"], domain["place"]) == ("means", False, None)
            assert all("not calibrated" in source["reason"] for source in domain["sources"])
    assert len(told(db, ParticipantScored)) == 7, "a run scores nobody again"


def test_evidence_that_changes_after_a_calibration_is_placed_against_it(db: Database) -> None:
    cohort = simulated()
    opened(db, cohort)
    for each in cohort.participants:
        record(db, each, cohort.pieces[each])
    run(db)
    one = cohort.participants[0]
    before = documents(db)[one]["domains"][0]
    record(db, one, [a_response("R-0-0", Relationship.PEER, 5, after=4)])
    after = documents(db)[one]["domains"][0]
    assert after["place"] > before["place"]
    assert after["place_error"] == pytest.approx(before["place_error"], rel=0.2)


def test_a_calibration_that_is_gone_is_told_of(db: Database) -> None:
    with db.read() as connection:
        assert latest_calibration(connection, COHORT, "many-facet/1") is None
        with pytest.raises(CalibrationLost, match="restore a backup"):
            calibration_named(connection, COHORT, "f" * 64)


def test_what_is_kept_is_what_results_name(db: Database) -> None:
    cohort = simulated()
    opened(db, cohort)
    for each in cohort.participants:
        record(db, each, cohort.pieces[each])
    run(db)
    with db.read() as connection:
        row = connection.execute(sa.select(calibrations)).one()
        found = latest_calibration(connection, COHORT, "many-facet/1")
        cases = store.cases_of(connection, COHORT, cohort.participants)
    assert found is not None
    assert found.hash == row.hash
    assert set(found.evidence) == set(cohort.participants)
    assert {case.scored.calibration for case in cases.values() if case.scored} == {row.hash}


def _mean(found: dict[str, Any], domain: str) -> float:
    """The described figure of a domain as a whole."""
    whole = (domain, None, None)
    return float(next(f["estimate"] for f in found["figures"] if (f["domain"], f["facet"], f["competency"]) == whole))


def test_adjusting_brings_estimates_nearer_to_the_truth_than_means(db: Database) -> None:
    cohort = a_simulated_cohort(60, seed=11, assessors=8, severity=1.2)
    opened(db, cohort)
    for each in cohort.participants:
        record(db, each, cohort.pieces[each])
    run(db)
    found = documents(db)
    for number, domain in enumerate("AB"):
        truth = cohort.truth[domain]
        results_ = [found[each]["domains"][number] for each in cohort.participants]
        means = [_mean(found[each], domain) for each in cohort.participants]
        fair = [each["estimate"] for each in results_]
        assert np.corrcoef(fair, truth)[0, 1] > np.corrcoef(means, truth)[0, 1]
        places, errors = (np.array([each[name] for each in results_]) for name in ("place", "place_error"))
        covered = np.abs(places - (truth - truth.mean())) < 1.96 * errors
        assert covered.mean() > 0.85
