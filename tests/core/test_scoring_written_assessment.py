"""Which marks stand when markers differ."""

from itertools import permutations

import pytest

from services.scoring.core.written_assessment import UNCLEAR, Mark, Settled, ratings, settled
from shared.cohort.definition import WrittenRequirement
from shared.ids import RaterId
from tests.builders.scoring_case import a_definition, a_mark

RULE = WrittenRequirement(markers=2, moderate_above=3)
MARKED = {RaterId("A"): 5, RaterId("B"): 5, RaterId("C"): 1, RaterId("D"): 1}


def outcome(*marks: tuple[str, float] | tuple[str, float, bool], rule: WrittenRequirement = RULE) -> Settled:
    """What stands, whatever order the marks are in."""
    given = [Mark(RaterId(mark[0]), mark[1], len(mark) == 3) for mark in marks]
    outcomes = [settled(rule, order, MARKED) for order in permutations(given)]
    assert all(each == outcomes[0] for each in outcomes)
    return outcomes[0]


def test_marks_within_the_threshold_stand() -> None:
    assert outcome(("A", 6), ("B", 3)).marks == {"A": 6, "B": 3}


def test_marks_a_hair_apart_in_binary_are_not_further_apart() -> None:
    assert outcome(("A", 6.1), ("B", 3.1)).needed is None


def test_more_marks_than_needed_all_stand_when_they_agree() -> None:
    assert outcome(("A", 6), ("B", 4), ("C", 5)).marks == {"A": 6, "B": 4, "C": 5}


def test_one_marker_is_too_few() -> None:
    assert outcome(("A", 6)).needed == "1 of 2 markers"


def test_a_moderating_mark_is_no_second_marker() -> None:
    assert outcome(("A", 6), ("C", 5, True)).needed == "1 of 2 markers"


@pytest.mark.parametrize(("apart", "words"), [(5.0, "5"), (4.5, "4.5")])
def test_marks_further_apart_need_a_third(apart: float, words: str) -> None:
    assert outcome(("A", 2 + apart), ("B", 2)).needed == f"markers differ by {words}, a third mark is needed"


def test_three_markers_further_apart_need_a_fourth() -> None:
    rule = WrittenRequirement(markers=3, moderate_above=3)
    found = outcome(("A", 8), ("B", 3), ("C", 5), rule=rule)
    assert found.needed == "markers differ by 5, a fourth mark is needed"


def test_a_mark_sent_as_moderating_stands_for_both() -> None:
    assert outcome(("A", 8), ("B", 3), ("C", 5, True)).marks == {"A": 5, "B": 5}


def test_the_mark_of_whoever_marked_fewest_criteria_moderates() -> None:
    assert outcome(("A", 8), ("B", 3), ("C", 5)).marks == {"A": 5, "B": 5}


def test_a_mark_sent_as_moderating_goes_before_that_of_whoever_marked_fewest() -> None:
    assert outcome(("A", 8), ("C", 3), ("B", 6, True)).marks == {"A": 6, "C": 6}


def test_several_moderating_marks_stand_as_their_mean() -> None:
    assert outcome(("A", 8), ("B", 3), ("C", 5, True), ("D", 6, True)).marks == {"A": 5.5, "B": 5.5}


def test_where_nobody_marked_fewest_it_is_asked_whose_mark_moderates() -> None:
    assert outcome(("A", 8), ("C", 3), ("D", 6)).needed == f"markers differ by 5 and {UNCLEAR}"


def test_a_moderating_mark_that_is_not_needed_does_not_stand() -> None:
    assert outcome(("A", 6), ("B", 5), ("C", 1, True)).marks == {"A": 6, "B": 5}
    assert outcome(("A", 6), ("B", 5), ("C", 1)).marks == {"A": 6, "B": 5}


def test_a_mark_becomes_a_rating_on_the_common_scale() -> None:
    marks = [a_mark("K1", "M-1", 7.5), a_mark("K1", "M-2", 10), a_mark("K2", "M-1", 0), a_mark("K2", "M-2", 2)]
    values = [(rating.item, rating.unit, rating.value) for rating in ratings(RULE, a_definition(), marks)]
    assert values == [("K1", "M-1", 4), ("K1", "M-2", 5), ("K2", "M-1", 1), ("K2", "M-2", 1.4)]


def test_a_moderated_criterion_still_has_its_two_markers() -> None:
    marks = [a_mark("K1", "M-1", 9), a_mark("K1", "M-2", 1), a_mark("K1", "M-3", 5), a_mark("K2", "M-1", 9)]
    values = [(rating.item, rating.unit, rating.value) for rating in ratings(RULE, a_definition(), marks)]
    assert values == []  # M-2 and M-3 marked as many criteria: nobody knows who moderates
    marks.append(a_mark("K2", "M-2", 9))
    values = [(rating.item, rating.unit, rating.value) for rating in ratings(RULE, a_definition(), marks)]
    assert values[:2] == [("K1", "M-1", 3), ("K1", "M-2", 3)]
