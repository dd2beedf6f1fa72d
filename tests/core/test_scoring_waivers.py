"""Doing without something that is asked for: what a waiver makes of completeness, of a result, and of its hash."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.core.completeness import NOTHING_LEFT, done_without, lacking, missing
from services.scoring.core.requirements import NotMissing, Requirement, named
from services.scoring.core.results import Rules, assess, result_on
from services.scoring.models import MODELS
from shared.cohort.definition import AppraisalRequirement, WrittenRequirement
from shared.ids import ParticipantId
from shared.words import Instrument, Relationship
from tests.builders.scoring_case import a_definition, a_mark, a_response, complete_evidence, requirements

ANNA = ParticipantId("P-A")
DEFINITION = a_definition()
RULES = Rules(DEFINITION, MODELS["rater-means/1"])
COMPLETE = complete_evidence()
X2 = Requirement(Instrument.DEVELOPMENT_DAY, "X2")
K2 = Requirement(Instrument.WRITTEN_ASSESSMENT, "K2")
PEERS = Requirement(Instrument.APPRAISAL_360, "peer")
WITHOUT_X2 = [piece for piece in COMPLETE if piece.element != "X2"]


def document(pieces: Any, waived: frozenset[Requirement], rules: Rules = RULES) -> dict[str, Any]:
    due = assess(rules, pieces, None, waived).due
    assert due is not None
    found: dict[str, Any] = json.loads(result_on(due, rules, ANNA, pieces, waived).document)
    return found


def test_what_is_waived_is_not_missing_and_what_is_not_waived_still_is() -> None:
    pieces = [piece for piece in WITHOUT_X2 if piece.element != "K2"]
    assert missing(DEFINITION, pieces, frozenset({X2})) == ("written assessment: K2: 0 of 2 markers",)
    assert missing(DEFINITION, pieces, frozenset({X2, K2})) == ()


def test_a_waiver_of_what_is_there_does_nothing() -> None:
    assert done_without(DEFINITION, COMPLETE, frozenset({X2, K2})) == ()
    assert document(COMPLETE, frozenset({X2, K2})) == document(COMPLETE, frozenset())
    assert "waived" not in document(COMPLETE, frozenset({X2}))


def test_a_result_names_what_it_does_without_and_no_count() -> None:
    pieces = COMPLETE[:2] + COMPLETE[3:5] + COMPLETE[6:]
    assert missing(DEFINITION, pieces) == ("360 appraisal: peers: 2 of 3",)
    told = document(pieces, frozenset({PEERS}))["waived"]
    assert told == [{"instrument": "appraisal_360", "element": "peer", "name": "360 appraisal: peers"}]


def test_evidence_that_arrives_makes_another_result_due_and_so_does_a_waiver() -> None:
    reduced = assess(RULES, WITHOUT_X2, None, frozenset({X2})).due
    assert assess(RULES, WITHOUT_X2, reduced, frozenset({X2})).due is None
    again = assess(RULES, COMPLETE, reduced, frozenset({X2})).due
    assert again not in {None, reduced}
    assert again == assess(RULES, COMPLETE, None).due


def test_a_withdrawn_waiver_makes_the_case_wait_again() -> None:
    found = assess(RULES, WITHOUT_X2, assess(RULES, WITHOUT_X2, None, frozenset({X2})).due)
    assert (found.missing, found.due) == (("development day: X2: 0 of 2 assessors",), None)


def test_a_mark_without_its_second_stands_when_the_second_is_waived() -> None:
    pieces = [piece for piece in COMPLETE if not (piece.element == "K2" and piece.by == "M-2")]
    found = document(pieces, frozenset({K2}))
    written = next(f for f in found["figures"] if (f["domain"], f["facet"]) == ("B", "know"))["sources"][-1]
    assert (written["raters"], written["estimate"]) == (1, round(1 + 4 * 9 / 20, 6))


def test_marks_that_differ_too_much_both_stand_when_the_third_is_waived() -> None:
    pieces = [*(piece for piece in COMPLETE if piece.element != "K2"), a_mark("K2", "M-1", 2), a_mark("K2", "M-2", 12)]
    assert missing(DEFINITION, pieces) == ("written assessment: K2: markers differ by 10, a third mark is needed",)
    found = document(pieces, frozenset({K2}))
    written = next(f for f in found["figures"] if (f["domain"], f["facet"]) == ("B", "know"))["sources"][-1]
    assert (written["raters"], written["estimate"]) == (2, round(1 + 4 * 7 / 20, 6))


def test_nobody_is_scored_on_nothing_whatever_is_waived() -> None:
    everything = frozenset(lack.requirement for lack in lacking(DEFINITION, []))
    assert missing(DEFINITION, [], everything) == (NOTHING_LEFT,)
    only_self = [a_response("S", Relationship.SELF, 4)]
    assert missing(DEFINITION, only_self, everything) == (NOTHING_LEFT,)


def test_two_peers_alone_are_too_few_to_be_scored_on() -> None:
    asked = AppraisalRequirement(responses={Relationship.PEER: 3})
    definition = a_definition(
        evidence=requirements(appraisal_360=asked, development_day=None, written_assessment=None),
        weights={Instrument.APPRAISAL_360: 1.0},
    )
    two = [a_response(f"P{n}", Relationship.PEER, 3) for n in (1, 2)]
    assert missing(definition, two, frozenset({PEERS})) == (NOTHING_LEFT,)
    three = [*two, a_response("P3", Relationship.PEER, 3)]
    assert missing(definition, three, frozenset({PEERS})) == ()


def test_a_requirement_is_named_as_it_is_missing_with_or_without_its_count() -> None:
    found = lacking(DEFINITION, WITHOUT_X2)
    for said in ("development day: X2", "Development Day:  x2", "development day: X2: 0 of 2 assessors"):
        assert named("P-A", said, found).requirement == X2


@pytest.mark.parametrize(
    "said", ["X2", "development day: X1", "", "360 appraisal", "x" * 5000, "\x1b[31m\ud800\n", "%s {}"]
)
def test_a_wrong_name_gets_the_list_of_what_is_missing(said: str) -> None:
    with pytest.raises(NotMissing) as error:
        named("P-A", said, lacking(DEFINITION, WITHOUT_X2))
    words = str(error.value)
    assert "development day: X2: 0 of 2 assessors" in words
    assert len(words) < 400
    assert "\x1b" not in words


def test_a_near_name_gets_a_hint() -> None:
    with pytest.raises(NotMissing, match="did you mean “development day: X2”"):
        named("P-A", "developement day: X2", lacking(DEFINITION, WITHOUT_X2))
    with pytest.raises(NotMissing, match="nothing"):
        named("P-A", "development day: X2", [])


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from(range(len(COMPLETE)))), st.data())
def test_waiving_all_that_is_missing_completes_whatever_may_be_scored(chosen: set[int], data: st.DataObject) -> None:
    pieces = data.draw(st.permutations([COMPLETE[index] for index in sorted(chosen)]))
    waived = frozenset(lack.requirement for lack in lacking(DEFINITION, pieces))
    found = assess(RULES, pieces, None, waived)
    assert found.missing in {(), (NOTHING_LEFT,)}
    if found.due is not None:
        result = result_on(found.due, RULES, ANNA, pieces, waived)
        assert json.loads(result.document)["figures"]
        assert {lack.requirement for lack in result.waived} == waived


def test_a_waiver_of_a_criterion_that_is_asked_for_no_longer_does_nothing() -> None:
    no_writing = a_definition(evidence=requirements(written_assessment=None))
    assert done_without(no_writing, COMPLETE, frozenset({K2})) == ()
    three = a_definition(evidence=requirements(written_assessment=WrittenRequirement(markers=3, moderate_above=3)))
    assert [str(lack) for lack in done_without(three, COMPLETE, frozenset({K2}))] == [
        "written assessment: K2: 2 of 3 markers"
    ]
