"""The layers on a model's figures: gate, domain results, bands, flags; followed by hand, and their laws."""

import json
from collections.abc import Sequence
from math import inf, sqrt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from services.scoring.core.evidence import Piece
from services.scoring.core.layers.bands import BandChance, chances, named, student_below
from services.scoring.core.layers.domains import METHOD, disagreeing
from services.scoring.core.results import Grounds, Rules, result_on, state_of
from services.scoring.models import MODELS
from shared.cohort.definition import Bands, CohortDefinition, Thresholds
from shared.events import ParticipantScored
from shared.ids import ParticipantId
from shared.words import Instrument, Relationship
from tests.builders.scoring_case import ITEMS, a_definition, a_response, an_observation, complete_evidence

BANDS = Bands(version="1", starts={"low": 1, "middle": 2.5, "high": 3.5})
MODEL = MODELS["rater-means/1"]
METHOD_VARIANCE = (METHOD * 4) ** 2


def document(pieces: Sequence[Piece], definition: CohortDefinition | None = None) -> dict[str, Any]:
    rules = Rules(definition or a_definition(bands=BANDS), MODEL)
    grounds = Grounds(state_of(pieces), MODEL.id, rules.digest)
    found: dict[str, Any] = json.loads(result_on(grounds, rules, ParticipantId("P-1"), pieces).document)
    return found


def domain(found: dict[str, Any], code: str) -> dict[str, Any]:
    return next(each for each in found["domains"] if each["domain"] == code)


def fired(found: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(flag["rule"], flag["domain"]) for flag in found["flags"]]


def test_a_domain_result_is_the_sources_with_the_method_in_its_error() -> None:
    found = document(complete_evidence())
    figure = next(each for each in found["figures"] if each["domain"] == "B" and not each["facet"])
    result = domain(found, "B")
    own = [(s["weight"] * s["standard_error"]) ** 2 for s in figure["sources"]]
    method = sum(s["weight"] ** 2 for s in figure["sources"]) * METHOD_VARIANCE
    total = sum(own) + method
    assert result["estimate"] == figure["estimate"]
    assert result["standard_error"] == pytest.approx(sqrt(total), abs=1e-6)
    assert result["method_error"] == pytest.approx(sqrt(method), abs=1e-6)
    degrees = total**2 / (own[0] ** 2 / 4)  # five raters; assessors and markers are anchored
    half, quarter = (stats.t.ppf(q, degrees) * sqrt(total) for q in (0.975, 0.75))
    assert (result["low"], result["high"]) == pytest.approx((max(1, 2.4 - half), 2.4 + half), abs=1e-5)
    assert (result["low_50"], result["high_50"]) == pytest.approx((2.4 - quarter, 2.4 + quarter), abs=1e-5)


def test_a_result_of_one_source_is_wider_than_the_source() -> None:
    (result,) = document([an_observation("X1", by, {"B1": 3}) for by in ("A-1", "A-2", "A-3")])["domains"]
    (source,) = result["sources"]
    assert result["standard_error"] == pytest.approx(sqrt(source["standard_error"] ** 2 + METHOD_VARIANCE), abs=1e-6)


def test_chances_of_bands_add_up_and_follow_the_distribution() -> None:
    found = chances(BANDS, student_below(3.0, 0.5, inf))
    assert [each.band for each in found] == ["low", "middle", "high"]
    assert sum(each.probability for each in found) == pytest.approx(1)
    assert found[0].probability == pytest.approx(stats.norm.cdf(-1))
    thick = chances(BANDS, student_below(3.0, 0.5, 2))
    assert thick[0].probability == pytest.approx(stats.t.cdf(-1, 2))


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ([0.1, 0.8, 0.1], ("b",)),
        ([0.1, 0.7, 0.2], ("b", "c")),
        ([0.3, 0.6, 0.1], ("a", "b")),
        ([0.4, 0.3, 0.3], ("a", "b", "c")),
        ([0.85, 0.1, 0.05], ("a",)),
    ],
)
def test_one_band_stands_only_where_it_is_sure(probabilities: list[float], expected: tuple[str, ...]) -> None:
    assert named([BandChance(name, p) for name, p in zip("abc", probabilities, strict=True)], 0.8) == expected


@settings(max_examples=100, deadline=None)
@given(st.floats(1, 5), st.floats(0.05, 2))
def test_the_bands_that_stand_hold_four_fifths_and_are_neighbours(estimate: float, error: float) -> None:
    found = chances(BANDS, student_below(estimate, error, inf))
    standing = named(found, 0.8)
    assert sum(each.probability for each in found if each.band in standing) >= 0.8 - 1e-12
    assert " ".join(standing) in " ".join(each.band for each in found)


def test_a_cohort_without_bands_has_results_without_bands() -> None:
    result = domain(document(complete_evidence(), a_definition()), "A")
    assert (result["bands"], result["band"]) == ([], [])


def test_sources_disagree_only_beyond_their_errors_and_the_method() -> None:
    appraisal, day = Instrument.APPRAISAL_360, Instrument.DEVELOPMENT_DAY
    assert disagreeing([(appraisal, 3.0, 0.04), (day, 3.5, 0.04)], 2) == ()
    assert disagreeing([(appraisal, 3.0, 0.04), (day, 3.6, 0.04)], 2) == ((appraisal, day),)


def test_sources_that_say_opposite_things_are_flagged() -> None:
    raters = [a_response(f"P{n}", Relationship.PEER, 5) for n in range(6)]
    seen = [an_observation("X1", f"A-{n}", {"B1": 1}) for n in range(4)]
    found = document([*raters, *seen])
    assert domain(found, "B")["disagreeing"] == [["appraisal_360", "development_day"]]
    assert ("sources_disagree", "B") in fired(found)


def test_the_gate_names_what_is_less_than_usual() -> None:
    found = document(complete_evidence())
    assert domain(found, "B")["outcome"] == "provisional"
    assert domain(found, "B")["lacking"] == [
        "360 appraisal: 4 raters beside the line manager, 5 are usual",
        "development day: 1 exercise shows this domain, 2 are usual",
        "development day: 1 assessor, 2 are usual",
    ]
    assert ("provisional", "B") in fired(found)


def test_the_gate_is_content_with_as_much_as_is_usual() -> None:
    more = [a_response(f"P{n}", Relationship.PEER, 3) for n in (8, 9)]
    found = domain(document([*complete_evidence(), *more]), "A")
    assert (found["outcome"], found["lacking"]) == ("scored", [])
    appraisal = found["sources"][0]
    assert (appraisal["asked"], appraisal["items"], appraisal["answered"], appraisal["not_observed"]) == (4, 4, 27, 1)


def test_answers_that_are_mostly_not_observed_are_flagged() -> None:
    rated: dict[str, float | None] = dict.fromkeys(ITEMS)
    some = [a_response(f"P{n}", Relationship.PEER, rated | {"A1k": 3, "B1k": 3}) for n in range(6)]
    assert ("often_not_observed", "A") in fired(document(some))


def test_a_straight_line_is_for_those_who_run_the_cohort_only() -> None:
    found = document([a_response(f"P{n}", Relationship.PEER, 3) for n in range(6)])
    flag = next(each for each in found["flags"] if each["rule"] == "straight_line")
    assert (flag["audience"], flag["domain"], flag["figures"]) == ("internal", None, {"of": 6, "raters": 6})
    assert "P0" not in json.dumps(found["flags"])


def test_a_groups_spread_is_told_of_five_raters_and_no_fewer() -> None:
    def split(count: int) -> list[Piece]:
        return [a_response(f"P{n}", Relationship.PEER, 5 if n % 2 else 1) for n in range(count)]

    assert ("group_disagrees", "A") not in fired(document(split(4)))
    assert ("group_disagrees", "A") in fired(document(split(6)))


def test_a_cohorts_own_thresholds_decide_and_are_named() -> None:
    own = Thresholds(version="north-1", raters=4, exercises=1, assessors=1, sources_apart=0.01, straight_answers=99)
    pieces = [*complete_evidence(), *(a_response(f"S{n}", Relationship.PEER, 3) for n in range(2))]
    usual, found = document(pieces), document(pieces, a_definition(thresholds=own))
    assert (usual["thresholds"], found["thresholds"]) == ("usual/1", "north-1")
    assert [bool(domain(each, "B")["lacking"]) for each in (usual, found)] == [True, False]
    assert [bool(domain(each, "B")["disagreeing"]) for each in (usual, found)] == [False, True]
    (flag,) = (each for each in found["flags"] if (each["rule"], each["domain"]) == ("sources_disagree", "B"))
    assert "0.01 standard errors" in flag["trigger"]
    rules = [flag["rule"] for flag in usual["flags"]], [flag["rule"] for flag in found["flags"]]
    assert ("straight_line" in rules[0], "straight_line" in rules[1]) == (True, False)
    assert usual["receipt"]["rules"] != found["receipt"]["rules"], "thresholds are a part of the rules"


def test_a_band_stands_alone_only_as_surely_as_the_cohort_asks() -> None:
    result = domain(document(complete_evidence()), "A")
    surer = a_definition(bands=BANDS, thresholds=Thresholds(version="sure", band_probability=1.0))
    assert len(domain(document(complete_evidence(), surer), "A")["band"]) > len(result["band"])


def test_usual_thresholds_are_in_no_digest() -> None:
    usual, stated = Rules(a_definition(), MODEL), Rules(a_definition(thresholds=Thresholds()), MODEL)
    assert usual.digest == stated.digest
    assert "thresholds" not in usual.definition.model_dump(mode="json")


def test_each_layer_names_its_version_and_the_hash_of_its_inputs() -> None:
    before = {each["layer"]: each for each in document(complete_evidence())["layers"]}
    assert list(before) == ["completeness", "descriptive", "adjusted", "domain", "flags"]
    assert before["descriptive"]["version"] == "rater-means/1"
    other = [*complete_evidence(), a_response("P1", Relationship.PEER, 5, after=3)]
    after = {each["layer"]: each for each in document(other)["layers"]}
    assert all(before[layer]["inputs"] != after[layer]["inputs"] for layer in before)


def test_a_receipt_names_all_that_a_result_is_a_function_of() -> None:
    one, other = document(complete_evidence()), document(complete_evidence(), a_definition())
    assert set(one["receipt"]) >= {"evidence", "framework", "rules", "model"}
    assert one["receipt"]["framework"] == other["receipt"]["framework"]
    assert one["receipt"]["rules"] != other["receipt"]["rules"], "bands are a part of the rules"


def test_no_rater_is_named_in_domains_flags_or_layers() -> None:
    found = document(complete_evidence())
    text = json.dumps([found["domains"], found["flags"], found["layers"], found["receipt"]])
    assert not [piece.by for piece in complete_evidence() if f'"{piece.by}"' in text]


def test_the_event_carries_what_the_document_says() -> None:
    found = document(complete_evidence())
    told = ParticipantScored.model_validate(found | {"result": "r", "version": 1, "hash": "h"})
    written = json.loads(told.model_dump_json(by_alias=True))
    assert [each["estimate"] for each in written["domains"]] == [each["estimate"] for each in found["domains"]]
    assert written["flags"] == found["flags"]
    assert written["layers"] == found["layers"]
