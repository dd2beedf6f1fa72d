"""From evidence to a result: figures followed by hand, and the laws that every result obeys."""

import json
from collections.abc import Mapping, Sequence
from math import sqrt
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from services.scoring.core.canonical import hashed
from services.scoring.core.evidence import Piece
from services.scoring.core.results import Grounds, Rules, assess, result_on, state_of, withheld
from services.scoring.models import MODELS
from shared.cohort.definition import AppraisalRequirement, CohortDefinition, Disclosure
from shared.events import Figure, SourceFigure
from shared.ids import ParticipantId
from shared.words import Facet, Instrument, Relationship
from tests.builders.scoring_case import (
    ITEMS,
    a_definition,
    a_mark,
    a_response,
    an_observation,
    complete_evidence,
    requirements,
)

LAW = settings(max_examples=60, deadline=None)

MODEL = MODELS["rater-means/1"]
SOMEBODY = ParticipantId("P-1")
COMPLETE = complete_evidence()


def document(pieces: Sequence[Piece], definition: CohortDefinition | None = None) -> dict[str, Any]:
    """The result document on these pieces, complete or not."""
    rules = Rules(definition or a_definition(), MODEL)
    grounds = Grounds(state_of(pieces), MODEL.id, rules.digest)
    found: dict[str, Any] = json.loads(result_on(grounds, rules, SOMEBODY, pieces).document)
    return found


def figures(pieces: Sequence[Piece], definition: CohortDefinition | None = None) -> dict[tuple[str, ...], Figure]:
    """The figures by what they are about, such as ("A",), ("A", "know"), ("A", "A1")."""
    parsed = [Figure.model_validate(each) for each in document(pieces, definition)["figures"]]
    return {tuple(part for part in (each.domain, each.facet, each.competency) if part): each for each in parsed}


def test_a_domain_is_what_one_calculates_by_hand() -> None:
    figure = figures(COMPLETE)[("B",)]
    # 360: means over B1k and B1a of line manager and peers; day: one assessor; written: 9 and 11 of 20
    means = [2.5, 2.0, 3.0, 1.5, 3.0]
    others = sum((mean - 2.4) ** 2 for mean in means) / 4 / 5
    day = 0.8**2 + 0.7**2
    written = (0.8**2 + 0.7**2) / 2
    parts = [0.5**2 * others, 0.3**2 * day, 0.2**2 * written]
    error = sqrt(sum(parts))
    half = stats.t.ppf(0.975, sum(parts) ** 2 / (parts[0] ** 2 / 4)) * error
    assert figure.estimate == pytest.approx(0.5 * 2.4 + 0.3 * 2 + 0.2 * 3, abs=1e-6)
    assert figure.standard_error == pytest.approx(error, abs=1e-6)
    assert (figure.low, figure.high) == pytest.approx((2.4 - half, 2.4 + half), abs=1e-6)
    assert (figure.raters, figure.items, figure.anchored) == (8, 4, True)
    appraisal, observed, marked = figure.sources
    assert (appraisal.estimate, appraisal.raters, appraisal.items, appraisal.anchored) == (2.4, 5, 2, False)
    assert appraisal.high == pytest.approx(2.4 + stats.t.ppf(0.975, 4) * sqrt(others), abs=1e-6)
    assert (observed.estimate, observed.raters, observed.anchored) == (2, 1, True)
    assert observed.low == 1  # 2 - 1.96 · 1.06 lies below the scale
    assert (marked.estimate, marked.raters, marked.items, marked.anchored) == (3, 2, 1, True)
    assert marked.high == pytest.approx(3 + stats.norm.ppf(0.975) * sqrt(written), abs=1e-6)


def test_self_stands_beside_with_its_gap_and_the_groups_that_may_be_shown() -> None:
    figure = figures(COMPLETE)[("B",)]
    assert (figure.self_rating, figure.gap) == (5, 2.6)
    shown = [(group.relationships, group.raters, group.estimate) for group in figure.groups]
    assert shown == [((Relationship.LINE_MANAGER,), 1, 2.5), ((Relationship.PEER,), 4, 2.375)]


def test_a_competency_is_its_own_ratings_only_and_has_no_groups() -> None:
    figure = figures(COMPLETE)[("A", "A2")]
    assert [source.instrument for source in figure.sources] == [Instrument.APPRAISAL_360, Instrument.DEVELOPMENT_DAY]
    assert [source.weight for source in figure.sources] == [0.625, 0.375]
    assert figure.sources[0].estimate == pytest.approx((4 + 3 + 4 + 4 + 3.5) / 5)
    assert figure.sources[1].estimate == 4.5
    assert figure.groups == ()


def test_a_facet_is_that_of_item_cell_and_criterion() -> None:
    found = figures(COMPLETE)
    assert [source.instrument for source in found["A", "apply"].sources] == list(Instrument)[:2]
    assert [source.instrument for source in found["A", "know"].sources] == [
        Instrument.APPRAISAL_360,
        list(Instrument)[2],
    ]
    assert found["A", "apply"].items == 2 + 2  # items A1a and A2a, cells X1/A1 and X2/A2
    assert found["A", "apply"].sources[1].raters == 3


def test_figures_stand_in_the_order_of_the_framework() -> None:
    assert list(figures(COMPLETE)) == [
        *[("A",), ("A", "know"), ("A", "apply"), ("A", "A1"), ("A", "A2")],
        *[("B",), ("B", "know"), ("B", "apply"), ("B", "B1")],
    ]


def test_a_figure_without_evidence_is_absent() -> None:
    pieces = [piece for piece in COMPLETE if piece.instrument is Instrument.DEVELOPMENT_DAY]
    assert set(figures(pieces)) == {
        ("A",),
        ("A", "apply"),
        ("A", "A1"),
        ("A", "A2"),
        ("B",),
        ("B", "apply"),
        ("B", "B1"),
    }
    assert figures([]) == {}


def test_a_self_response_alone_makes_no_figure() -> None:
    assert figures([a_response("S", Relationship.SELF, 4)]) == {}


def test_units_that_agree_exactly_do_not_claim_certainty() -> None:
    figure = figures([a_response(f"P{n}", Relationship.PEER, 4) for n in range(4)])[("A",)]
    assert figure.standard_error == pytest.approx(sqrt(1 / 12 / 4), abs=1e-6)
    assert figure.low < 4 < figure.high


def test_a_second_unit_narrows_an_anchored_interval() -> None:
    one = figures([an_observation("X2", "A-1", {"A2": 3})])["A", "A2"]
    two = figures([an_observation("X2", "A-1", {"A2": 3}), an_observation("X2", "A-2", {"A2": 3})])["A", "A2"]
    assert (one.anchored, two.anchored) == (True, True)
    assert two.high - two.low < one.high - one.low


def test_more_raters_narrow_the_interval_on_average() -> None:
    chance = Random(7)

    def width(raters: int) -> float:
        ratings = [dict.fromkeys(ITEMS, float(chance.randint(2, 4))) for _ in range(raters)]
        figure = figures([a_response(f"P{n}", Relationship.PEER, given) for n, given in enumerate(ratings)])[("A",)]
        return figure.high - figure.low

    mean_widths = [sum(width(raters) for _ in range(40)) / 40 for raters in (4, 6, 10, 16)]
    assert mean_widths == sorted(mean_widths, reverse=True)


def test_a_moderated_criterion_has_the_moderating_mark_and_two_markers() -> None:
    marks = [a_mark("K1", "M-1", 9), a_mark("K1", "M-2", 2), a_mark("K1", "M-3", 5, moderating=True)]
    (source,) = figures(marks)["A", "A1"].sources
    assert (source.estimate, source.raters, source.items) == (3, 2, 1)


def test_an_instrument_that_weighs_nothing_or_is_not_asked_for_is_in_no_figure() -> None:
    weightless = a_definition(weights={Instrument.APPRAISAL_360: 1.0, Instrument.DEVELOPMENT_DAY: 0.0})
    assert {s.instrument for f in figures(COMPLETE, weightless).values() for s in f.sources} == {
        Instrument.APPRAISAL_360
    }
    unasked = a_definition(evidence=requirements(appraisal_360=None))
    found = figures(COMPLETE, unasked)[("A",)]
    assert [source.instrument for source in found.sources] == list(Instrument)[1:]
    assert (found.self_rating, found.gap, found.groups) == (None, None, ())


def test_small_groups_are_named_as_withheld() -> None:
    pieces = [piece for piece in COMPLETE if piece.by not in {"P1", "P2"}]
    assert withheld(a_definition(), pieces) == (Relationship.PEER,)
    assert document(pieces)["withheld"] == ["peer"]
    assert figures(pieces)[("B",)].sources[0].raters == 1


def test_a_result_is_due_once_for_each_evidence_state() -> None:
    rules = Rules(a_definition(), MODEL)
    due = assess(rules, COMPLETE, None).due
    assert due is not None
    assert assess(rules, COMPLETE[::-1], due).due is None
    again = [*COMPLETE, a_response("P5", Relationship.PEER, 3)]
    assert assess(rules, again, due).due not in {None, due}
    nothing_said = [*COMPLETE, a_response("P5", Relationship.PEER, dict.fromkeys(ITEMS))]
    assert assess(rules, nothing_said, due).due is None


def test_nothing_is_due_while_something_is_missing() -> None:
    found = assess(Rules(a_definition(), MODEL), COMPLETE[:-1], None)
    assert (found.due, found.missing) == (None, ("written assessment: K2: 1 of 2 markers",))


@pytest.mark.parametrize(
    ("change", "matters"),
    [
        ({"title": "Another title"}, False),
        ({"weights": {Instrument.APPRAISAL_360: 1.0}}, True),
        ({"disclosure": Disclosure(group_minimum=2)}, True),
        ({"evidence": requirements(appraisal_360=AppraisalRequirement(responses={}))}, True),
    ],
)
def test_only_rules_that_a_result_depends_on_make_a_new_one_due(change: dict[str, Any], *, matters: bool) -> None:
    due = assess(Rules(a_definition(), MODEL), COMPLETE, None).due
    assert (assess(Rules(a_definition(**change), MODEL), COMPLETE, due).due is not None) == matters


def test_a_document_names_evidence_model_and_framework_and_no_time() -> None:
    rules = Rules(a_definition(), MODEL)
    due = assess(rules, COMPLETE, None).due
    assert due is not None
    result = result_on(due, rules, SOMEBODY, COMPLETE)
    found = json.loads(result.document)
    assert (found["model"], found["framework"], found["participant"]) == ("rater-means/1", "small/1", "P-1")
    assert {each["evidence"] for each in found["evidence"]} == {piece.evidence for piece in COMPLETE}
    assert "2026" not in result.document
    assert result.hash == hashed(result.document)


@st.composite
def evidence(draw: st.DrawFn) -> list[Piece]:
    """Any evidence that can arrive, complete or not."""
    rating = st.sampled_from([None, 1.0, 2.0, 3.0, 4.0, 5.0])
    rated = st.dictionaries(st.sampled_from(ITEMS), rating, max_size=len(ITEMS))
    responses = draw(st.lists(st.tuples(st.sampled_from(list(Relationship)), rated), max_size=8))
    observations = draw(st.lists(st.tuples(st.sampled_from(["X1", "X2"]), st.sampled_from("abc"), rating), max_size=4))
    marks = draw(
        st.lists(st.tuples(st.sampled_from(["K1", "K2"]), st.sampled_from("mno"), st.integers(0, 10)), max_size=5)
    )
    return [
        *(a_response(f"R{n}", relationship, ratings) for n, (relationship, ratings) in enumerate(responses)),
        *(an_observation(x, by, dict.fromkeys(("A1", "A2", "B1"), value)) for x, by, value in observations),
        *(a_mark(criterion, by, mark) for criterion, by, mark in marks),
    ]


def apart_from_self(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{name: value for name, value in each.items() if name not in {"self", "gap"}} for each in found["figures"]]


@LAW
@given(evidence(), st.data())
def test_the_order_of_evidence_changes_no_byte(pieces: list[Piece], data: st.DataObject) -> None:
    assert document(data.draw(st.permutations(pieces))) == document(pieces)


@LAW
@given(evidence(), st.dictionaries(st.sampled_from(ITEMS), st.sampled_from([1.0, 5.0])))
def test_self_never_moves_a_figure(pieces: list[Piece], ratings: dict[str, float]) -> None:
    others = [piece for piece in pieces if piece.relationship is not Relationship.SELF]
    with_self = [*others, a_response("S", Relationship.SELF, ratings)]
    assert apart_from_self(document(with_self)) == apart_from_self(document(others))


@LAW
@given(evidence())
def test_not_observed_is_the_same_as_not_answered(pieces: list[Piece]) -> None:
    answered = [
        Piece(**{name: getattr(piece, name) for name in Piece.__slots__} | {"ratings": piece.given}) for piece in pieces
    ]
    assert document(answered) == document(pieces)


@LAW
@given(evidence())
def test_every_figure_lies_on_the_scale_and_within_its_interval(pieces: list[Piece]) -> None:
    for figure in figures(pieces).values():
        both: list[Figure | SourceFigure] = [figure, *figure.sources]
        for each in both:
            assert 1 <= each.low <= each.estimate <= each.high <= 5
            assert each.standard_error > 0
            assert each.raters > 0
            assert each.items > 0


@LAW
@given(evidence())
def test_a_figure_is_the_weighted_mean_of_its_sources(pieces: list[Piece]) -> None:
    for figure in figures(pieces).values():
        assert sum(source.weight for source in figure.sources) == pytest.approx(1, abs=1e-5)
        mean = sum(source.weight * source.estimate for source in figure.sources)
        assert figure.estimate == pytest.approx(mean, abs=1e-5)
        assert figure.raters == sum(source.raters for source in figure.sources)
        assert figure.items == sum(source.items for source in figure.sources)
        assert figure.anchored == any(source.raters < 3 for source in figure.sources)


@LAW
@given(evidence())
def test_groups_and_facets_stand_where_they_belong(pieces: list[Piece]) -> None:
    for figure in figures(pieces).values():
        assert figure.facet is None or figure.competency is None
        assert figure.facet in {None, *Facet}
        whole = figure.facet is None and figure.competency is None
        assert whole or not figure.groups
        in_groups = sum(group.raters for group in figure.groups)
        others = sum(s.raters for s in figure.sources if s.instrument is Instrument.APPRAISAL_360)
        assert not whole or in_groups == others
