"""Laws of a cohort's calibration, and of placing somebody against it."""

import json
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import numpy as np
import pytest

from services.scoring.core.calibration.calibration import Calibration
from services.scoring.core.calibration.of_cohort import calibration_on
from services.scoring.core.calibration.placing import placed
from services.scoring.core.counted import appraisal_of, observations
from services.scoring.core.evidence import Piece, current
from services.scoring.core.observations import Observations
from services.scoring.core.requirements import NOTHING
from services.scoring.core.results import Rules, assess, result_on
from services.scoring.models import MODELS
from shared.ids import ParticipantId
from shared.words import Instrument
from tests.builders.simulated_cohort import Simulated, a_simulated_cohort

MODEL = MODELS["many-facet/1"]


@cache
def cohort() -> Simulated:
    return a_simulated_cohort(40, seed=21, assessors=8)


def calibrated(sim: Simulated, *, shuffled: int | None = None) -> Calibration:
    cases = [(each, tuple(sim.pieces[each]), NOTHING) for each in sim.participants]
    if shuffled is not None:
        Random(shuffled).shuffle(cases)
        cases = [(who, tuple(Random(shuffled).sample(pieces, len(pieces))), none) for who, pieces, none in cases]
    found = calibration_on(Rules(sim.definition, MODEL), cases)
    assert found is not None
    return found


@cache
def first() -> Calibration:
    return calibrated(cohort())


def observed(sim: Simulated, participant: ParticipantId) -> Observations:
    now = current(sim.pieces[participant])
    return observations(sim.definition, appraisal_of(sim.definition, now), now)


def documents(sim: Simulated, calibration: Calibration) -> list[dict[str, Any]]:
    rules = Rules(sim.definition, MODEL, calibration)
    found = []
    for each in sim.participants:
        due = assess(rules, sim.pieces[each], None).due
        assert due is not None
        found.append(json.loads(result_on(due, rules, each, sim.pieces[each]).document))
    return found


def test_the_order_of_participants_and_evidence_changes_no_byte_of_a_calibration() -> None:
    assert calibrated(cohort(), shuffled=5).hash == first().hash


def test_the_same_evidence_and_rules_are_not_fitted_again() -> None:
    cases = [(each, tuple(cohort().pieces[each]), NOTHING) for each in cohort().participants]
    assert calibration_on(Rules(cohort().definition, MODEL, first()), cases) is first()


def test_placing_somebody_gives_what_the_joint_fit_gave() -> None:
    part = first().parts[Instrument.DEVELOPMENT_DAY, "A"]
    for each in cohort().participants[:12]:
        seen = observed(cohort(), each)
        ratings = [
            rating
            for rating in seen.ratings
            if rating.instrument is Instrument.DEVELOPMENT_DAY and seen.framework.domain_of(rating.competency) == "A"
        ]
        found = placed(part, ratings, seen.relationships)
        assert found is not None
        place, variance = part.document["people"][each]
        assert found.place == pytest.approx(place, abs=0.15)
        assert found.variance == pytest.approx(variance, rel=0.25)


def test_an_assessor_who_turns_harsher_moves_adjusted_estimates_less_than_means() -> None:
    harsh = "A-002"

    def harsher(piece: Piece) -> Piece:
        if piece.by != harsh:
            return piece
        return replace(piece, ratings={code: max(1.0, value - 1) for code, value in piece.given.items()})

    after = replace(
        cohort(), pieces={who: [harsher(piece) for piece in pieces] for who, pieces in cohort().pieces.items()}
    )
    moved: dict[str, list[float]] = {"means": [], "adjusted": []}
    pairs = zip(documents(cohort(), first()), documents(after, calibrated(after)), strict=True)
    for one, other in pairs:
        if any(ref["by"] == harsh for ref in one["evidence"]):
            for before, now in zip(one["domains"], other["domains"], strict=True):
                day = next(s for s in now["sources"] if s["instrument"] == "development_day")
                was = next(s for s in before["sources"] if s["instrument"] == "development_day")
                moved["adjusted"].append(day["estimate"] - was["estimate"])
                moved["means"].append(_day(other, now["domain"]) - _day(one, now["domain"]))
    assert len(moved["means"]) >= 10
    assert np.mean(moved["means"]) < -0.2
    assert abs(np.mean(moved["adjusted"])) < 0.7 * abs(np.mean(moved["means"]))


def _day(document: dict[str, Any], domain: str) -> float:
    whole = (domain, None, None)
    figure = next(f for f in document["figures"] if (f["domain"], f["facet"], f["competency"]) == whole)
    return float(next(s["estimate"] for s in figure["sources"] if s["instrument"] == "development_day"))


def test_extreme_ratings_have_finite_places() -> None:
    everything = {"A-000": 5.0, "A-001": 5.0}
    pieces = [
        replace(piece, ratings=dict.fromkeys(piece.ratings, everything[piece.by])) if piece.by in everything else piece
        for piece in cohort().pieces[cohort().participants[0]]
    ]
    extreme = replace(cohort(), pieces={**cohort().pieces, cohort().participants[0]: pieces})
    found = documents(extreme, calibrated(extreme))[0]
    assert all(np.isfinite(each["place"]) and 1 <= each["low"] <= each["high"] <= 5 for each in found["domains"])


def test_raters_who_link_nobody_are_never_adjusted() -> None:
    for domain in "AB":
        part = first().parts[Instrument.APPRAISAL_360, domain]
        assert "every rater rated one participant" in str(part.reason)
        assert part.document["severities"] == {}
    for found in documents(cohort(), first()):
        for domain in found["domains"]:
            reasons = {source["instrument"]: source["reason"] for source in domain["sources"]}
            assert reasons["appraisal_360"] is not None
            assert not domain["adjusted"]
