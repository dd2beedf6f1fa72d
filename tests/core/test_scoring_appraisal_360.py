"""Which raters are shown apart, which are merged, and whose ratings enter no figure."""

from collections import defaultdict
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.core.appraisal_360 import Appraisal, Group, appraisal
from services.scoring.core.evidence import Piece
from shared.cohort.definition import Disclosure
from shared.words import Relationship
from tests.builders.scoring_case import COMPETENCIES, ITEMS, a_definition, a_response

LAW = settings(max_examples=60, deadline=None)

SELF, MANAGER, PEER, REPORT, PARTNER = Relationship
MINIMUM = 3
PREFIXES = {PEER: "P", REPORT: "D", PARTNER: "Y"}


def answers(**counts: int) -> list[Piece]:
    """Self, line manager and so many of each other relationship, all of whom rated everything."""
    others = [
        a_response(f"{PREFIXES[Relationship(name)]}{number}", Relationship(name))
        for name, count in counts.items()
        for number in range(count)
    ]
    return [a_response("S", SELF), a_response("L", MANAGER), *others]


def shown(pieces: Iterable[Piece]) -> Appraisal:
    """What may be shown of these responses in a cohort whose groups have at least three."""
    return appraisal(a_definition(disclosure=Disclosure(group_minimum=MINIMUM)), pieces)


def groups(found: Appraisal) -> set[Group]:
    return set(found.groups.values()) - {(MANAGER,)}


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"peer": 3, "direct_report": 3, "system_partner": 3}, {(PEER,), (REPORT,), (PARTNER,)}),
        ({"peer": 4, "direct_report": 4, "system_partner": 2}, {(PEER, PARTNER), (REPORT,)}),
        ({"peer": 2, "direct_report": 3, "system_partner": 4}, {(PEER, PARTNER), (REPORT,)}),
        ({"peer": 1, "direct_report": 3, "system_partner": 1}, {(PEER, REPORT, PARTNER)}),
        ({"peer": 3, "direct_report": 2}, {(PEER, REPORT)}),
        ({"peer": 2, "direct_report": 3}, {(PEER, REPORT)}),
        ({"peer": 3, "direct_report": 2, "system_partner": 3}, {(PEER, REPORT, PARTNER)}),
        ({"direct_report": 3, "system_partner": 1}, {(REPORT, PARTNER)}),
        ({"peer": 3}, {(PEER,)}),
        ({}, set()),
    ],
)
def test_small_groups_are_merged(counts: dict[str, int], expected: set[Group]) -> None:
    found = shown(answers(**counts))
    assert (groups(found), found.withheld) == (expected, ())


@pytest.mark.parametrize(
    ("counts", "withheld"),
    [
        ({"peer": 2}, (PEER,)),
        ({"direct_report": 1, "system_partner": 1}, (REPORT, PARTNER)),
        ({"peer": 1, "direct_report": 1}, (PEER, REPORT)),
    ],
)
def test_where_merging_does_not_help_nothing_enters_a_figure(
    counts: dict[str, int], withheld: tuple[Relationship, ...]
) -> None:
    found = shown(answers(**counts))
    assert found.withheld == withheld
    assert {rating.unit for rating in found.ratings} == {"L"}


def test_self_stands_apart_and_self_and_line_manager_are_always_shown() -> None:
    found = shown(answers())
    assert {rating.unit for rating in found.own} == {"S"}
    assert {rating.unit for rating in found.ratings} == {"L"}
    assert found.groups == {"L": (MANAGER,)}


def test_the_size_of_a_group_is_that_in_the_domain_where_it_is_smallest() -> None:
    pieces = answers(peer=3, direct_report=3)
    only_a = {item: 3.0 for item in ITEMS if item.startswith("A")}
    pieces[2] = a_response("P0", PEER, only_a)
    assert groups(shown(pieces)) == {(PEER, REPORT)}


def test_a_group_that_never_rated_a_domain_is_not_small_there() -> None:
    only_a = {item: 3.0 for item in ITEMS if item.startswith("A")}
    peers = [a_response(f"P{number}", PEER, only_a) for number in range(3)]
    assert groups(shown([*answers(direct_report=3), *peers])) == {(PEER,), (REPORT,)}


def test_a_competency_that_too_few_rated_shows_nothing_of_theirs() -> None:
    seldom = {"A1k": 3.0, "A1a": None, "B1k": 3.0}
    pieces = [*answers(peer=2), *(a_response(f"Y{number}", PARTNER, seldom) for number in range(2))]
    found = shown(pieces)
    cells = {(rating.competency, rating.facet) for rating in found.ratings if rating.unit != "L"}
    assert cells == {("A1", "know"), ("B1", "know")}
    assert groups(found) == {(PEER, PARTNER)}


def test_a_minimum_of_one_shows_everybody() -> None:
    definition = a_definition(disclosure=Disclosure(group_minimum=1))
    found = appraisal(definition, answers(peer=1, direct_report=1))
    assert groups(found) == {(PEER,), (REPORT,)}


@st.composite
def responses(draw: st.DrawFn) -> list[Piece]:
    """Few raters who observed some things and others not."""
    rated = st.dictionaries(st.sampled_from(ITEMS), st.sampled_from([None, 1.0, 3.0, 5.0]))
    given = draw(st.lists(st.tuples(st.sampled_from(list(Relationship)), rated), max_size=9))
    return [a_response(f"R{number}", relationship, ratings) for number, (relationship, ratings) in enumerate(given)]


@LAW
@given(responses())
def test_behind_whatever_is_shown_stand_enough_raters_or_none(pieces: list[Piece]) -> None:
    found = shown(pieces)
    relationship = {piece.by: piece.relationship for piece in pieces}
    seen: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for rating in found.ratings:
        if relationship[rating.unit] is not MANAGER:
            seen["cell", rating.competency, rating.facet].add(rating.unit)
            seen["group", found.groups[rating.unit], COMPETENCIES[rating.competency]].add(rating.unit)
    assert all(len(units) >= MINIMUM for units in seen.values())


@LAW
@given(responses())
def test_every_rater_is_in_one_group_or_withheld_or_said_nothing_that_may_be_shown(pieces: list[Piece]) -> None:
    found = shown(pieces)
    relationship = {piece.by: piece.relationship for piece in pieces}
    assert set(found.groups) == {rating.unit for rating in found.ratings}
    assert all(relationship[rater] in group for rater, group in found.groups.items())
    assert {relationship[rater] for rater in found.groups}.isdisjoint(found.withheld)
    assert {relationship[rating.unit] for rating in found.own} <= {SELF}
