"""What a participant's evidence still lacks, in words a coordinator can act on."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.core.completeness import missing
from shared.cohort.definition import AppraisalRequirement, DayRequirement
from shared.words import Relationship
from tests.builders.scoring_case import (
    a_definition,
    a_mark,
    a_response,
    an_observation,
    complete_evidence,
    requirements,
)

COMPLETE = complete_evidence()
EVERYTHING = (
    "360 appraisal: self: 0 of 1",
    "360 appraisal: line manager: 0 of 1",
    "360 appraisal: peers: 0 of 3",
    "development day: X1: 0 of 2 assessors",
    "development day: X2: 0 of 2 assessors",
    "written assessment: K1: 0 of 2 markers",
    "written assessment: K2: 0 of 2 markers",
)

LAW = settings(max_examples=60, deadline=None)


def test_without_evidence_everything_is_missing_in_a_fixed_order() -> None:
    assert missing(a_definition(), []) == EVERYTHING


def test_with_all_evidence_nothing_is_missing() -> None:
    assert missing(a_definition(), COMPLETE) == ()


def test_what_is_not_asked_for_is_not_missing() -> None:
    asked = requirements(development_day=None, written_assessment=None, appraisal_360=None)
    assert missing(a_definition(evidence=asked), []) == ()
    none_needed = AppraisalRequirement(responses={Relationship.SYSTEM_PARTNER: 0})
    assert missing(a_definition(evidence=requirements(appraisal_360=none_needed)), [])[0].startswith("development day")


@LAW
@given(st.sets(st.sampled_from(range(len(COMPLETE)))), st.data())
def test_order_and_repetition_change_no_reason(chosen: set[int], data: st.DataObject) -> None:
    pieces = [COMPLETE[index] for index in chosen]
    shuffled = data.draw(st.permutations([*pieces, *pieces[:3]]))
    assert missing(a_definition(), shuffled) == missing(a_definition(), pieces)


@LAW
@given(st.sets(st.sampled_from(range(len(COMPLETE)))))
def test_more_evidence_within_the_threshold_never_adds_a_reason(chosen: set[int]) -> None:
    pieces = [COMPLETE[index] for index in chosen]
    lacking = {reason.rsplit(":", 1)[0] for reason in missing(a_definition(), pieces)}
    without = {reason.rsplit(":", 1)[0] for reason in missing(a_definition(), pieces[:-1])}
    assert lacking <= without


@pytest.mark.parametrize(
    "index", [index for index, piece in enumerate(COMPLETE) if piece.by not in {"P1", "P2", "P3", "P4"}]
)
def test_each_needed_piece_is_missed(index: int) -> None:
    assert len(missing(a_definition(), COMPLETE[:index] + COMPLETE[index + 1 :])) == 1


def test_not_observed_is_missing_and_never_a_zero() -> None:
    pieces = [piece for piece in COMPLETE if piece.key != an_observation("X2", "A-3", {}).key]
    unseen = [*pieces, an_observation("X2", "A-3", {"A2": None})]
    assert missing(a_definition(), unseen) == ("development day: X2: 1 of 2 assessors",)


def test_a_response_with_nothing_rated_does_not_count() -> None:
    pieces = [piece for piece in COMPLETE if piece.by != "L"]
    empty = a_response("L", Relationship.LINE_MANAGER, dict.fromkeys(("A1k", "B1a"), None))
    assert missing(a_definition(), [*pieces, empty]) == ("360 appraisal: line manager: 0 of 1",)


def test_a_rating_of_something_unknown_does_not_count() -> None:
    pieces = [piece for piece in COMPLETE if piece.by != "L"]
    empty = a_response("L", Relationship.LINE_MANAGER, {"gone": 3})
    assert missing(a_definition(), [*pieces, empty]) == ("360 appraisal: line manager: 0 of 1",)


def test_an_assessor_counts_with_any_competency_rated() -> None:
    pieces = [piece for piece in COMPLETE if piece.key != an_observation("X1", "A-2", {}).key]
    partly = an_observation("X1", "A-2", {"A1": None, "B1": 4})
    assert missing(a_definition(), [*pieces, partly]) == ()


def test_an_assessor_does_not_count_for_an_exercise_with_what_it_does_not_show() -> None:
    asked = requirements(development_day=DayRequirement(exercises=("X2",), assessors=1), written_assessment=None)
    definition = a_definition(evidence=asked)
    elsewhere = [*COMPLETE[:6], an_observation("X2", "A-1", {"B1": 4})]
    assert missing(definition, elsewhere) == ("development day: X2: 0 of 1 assessors",)


def test_marks_that_differ_too_much_are_missing_a_third() -> None:
    pieces = [piece for piece in COMPLETE if piece.key != a_mark("K1", "M-2", 0).key]
    assert missing(a_definition(), [*pieces, a_mark("K1", "M-2", 1)]) == (
        "written assessment: K1: markers differ by 5, a third mark is needed",
    )


def test_a_superseded_piece_is_not_counted() -> None:
    taken_back = a_mark("K2", "M-1", None, after=5)
    assert missing(a_definition(), [*COMPLETE, taken_back]) == ("written assessment: K2: 1 of 2 markers",)
