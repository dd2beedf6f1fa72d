"""Change is told beside its error, and only between figures that mean the same."""

import math
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.core.analysis.long_table import UnreadableTable
from services.scoring.core.observations import FigureKey
from services.scoring.core.remeasuring.change import Measured, Part, Verdict, change
from services.scoring.core.remeasuring.cohort import TooSoon, checked_months, group_changes, remeasured
from services.scoring.core.remeasuring.documents import group_document, person_document
from services.scoring.core.remeasuring.pairing import Compared, Figure, Source, Terms
from services.scoring.core.remeasuring.pairs import read_pairs
from shared.cohort.definition import Criterion
from shared.framework import FrameworkPack, Item
from shared.ids import ParticipantId
from shared.words import Facet, Instrument
from tests.builders.scoring_case import FRAMEWORK, a_definition


def measured(estimate: float, error: float, degrees: float = math.inf) -> Measured:
    return Measured(estimate, [Part(1.0, error, degrees)])


def test_jacobson_and_truaxs_own_example() -> None:
    """Jacobson & Truax (1991), J. Consult. Clin. Psychol. 59:12, p. 14: 47.5 before, 32.5 after, s 7.5, r .80."""
    error = 7.5 * math.sqrt(1 - 0.80)
    found = change(measured(47.5, error), measured(32.5, error))
    assert found.standard_error == pytest.approx(4.74, abs=0.005)
    assert found.index == pytest.approx(-3.16, abs=0.005)
    assert found.verdict is Verdict.LOWER


@given(st.floats(1, 5), st.floats(1, 5), st.floats(0.01, 1), st.floats(0.01, 1), st.integers(1, 30))
def test_a_change_is_named_where_its_interval_leaves_zero_out(
    one: float, other: float, error: float, another: float, degrees: int
) -> None:
    there = change(measured(one, error, degrees), measured(other, another))
    back = change(measured(other, another), measured(one, error, degrees))
    assert there.low <= there.change <= there.high
    assert (there.verdict is Verdict.HIGHER) == (there.low > 0)
    assert (back.verdict is Verdict.LOWER) == (there.verdict is Verdict.HIGHER)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_of_people_who_did_not_change_about_one_in_twenty_is_named() -> None:
    """Seven raters at each time, who differ by 0.6 points; means and errors as results have them."""
    chance = np.random.default_rng(7)

    def result() -> Measured:
        views = chance.normal(3, 0.6, 7)
        return measured(float(views.mean()), float(views.std(ddof=1)) / 7**0.5, 6)

    named = [change(result(), result()).verdict is not Verdict.NO_CHANGE for _ in range(3_000)]
    assert 0.035 < np.mean(named) < 0.06


# ----------------------------------------------------------------------------------------------------------- pairing


KEY: FigureKey = ("A", None, None)


def source(estimate: float = 3.0, weight: float = 0.5, raters: int = 6) -> Source:
    return Source(weight, estimate, 0.2, raters, anchored=raters < 3)


def a_figure(estimate: float = 3.0, **changes: Any) -> Figure:
    sources = {Instrument.APPRAISAL_360: source(estimate), Instrument.WRITTEN_ASSESSMENT: source(estimate, raters=2)}
    given: dict[str, Any] = {"key": KEY, "estimate": estimate, "sources": sources, "described_by": "rater-means/1"}
    return Figure(**given | changes)


def compare(before: Figure, after: Figure, **later: Any) -> Compared:
    return Terms.of(a_definition(), a_definition(cohort="later", **later)).compare(before, after)


def test_figures_of_the_same_make_are_compared_whole() -> None:
    found = compare(a_figure(2.0), a_figure(4.0))
    assert (found.basis, found.withheld) == ("all sources", None)
    assert found.change is not None
    assert found.change.verdict is Verdict.HIGHER
    assert found.change.standard_error == pytest.approx(0.2)


def framework(**changes: Any) -> FrameworkPack:
    return FrameworkPack(**FRAMEWORK.model_dump() | {"version": "2"} | changes)


def test_a_new_version_that_asks_the_same_is_compared_and_one_that_asks_otherwise_is_not() -> None:
    assert compare(a_figure(), a_figure(), framework=framework()).change is not None
    items = tuple(
        Item(code=i.code, competency=i.competency, statement="Asks something else", facet=i.facet)
        if i.code == "A1k"
        else i
        for i in FRAMEWORK.items
    )
    asked = framework(items=items)
    found = compare(a_figure(), a_figure(), framework=asked)
    assert found.change is None
    assert "small/1 and small/2 don't ask the same: A1k" in str(found.withheld)
    other = a_figure(key=("B", None, None))
    assert compare(other, other, framework=asked).change is not None
    part = a_figure(key=("A", Facet.APPLY, None))
    assert compare(part, part, framework=asked).change is not None


def test_other_criteria_leave_the_360_appraisal_to_compare() -> None:
    criteria = (*a_definition().criteria, Criterion(code="K9", competency="A1", name="N", max_mark=5, facet=Facet.KNOW))
    found = compare(a_figure(2.0), a_figure(4.0), criteria=criteria)
    assert found.basis == "360 appraisal"
    assert found.change is not None
    assert found.change.standard_error == pytest.approx(0.2 * 2**0.5)


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ({Instrument.APPRAISAL_360: source(weight=0.7), Instrument.WRITTEN_ASSESSMENT: source(weight=0.3)}, "360"),
        ({Instrument.APPRAISAL_360: source(weight=1.0)}, "360"),
        ({Instrument.WRITTEN_ASSESSMENT: source(weight=1.0)}, "other kinds of evidence"),
    ],
)
def test_another_mixture_is_another_figure(sources: dict[Instrument, Source], said: str) -> None:
    found = compare(a_figure(), a_figure(sources=sources))
    assert said in (found.basis if found.change else str(found.withheld))


def test_figures_of_two_models_are_not_compared() -> None:
    found = compare(a_figure(described_by="other/1"), a_figure())
    assert found.change is None
    assert "other/1 and rater-means/1" in str(found.withheld)


# ------------------------------------------------------------------------------------------------------------ cohort


def test_less_than_a_year_is_too_soon_unless_said_otherwise() -> None:
    assert checked_months(date(2025, 3, 31), date(2026, 3, 31), 12) == pytest.approx(12, abs=0.01)
    with pytest.raises(TooSoon, match=r"11\.0 months apart; change is told after 12"):
        checked_months(date(2025, 4, 30), date(2026, 3, 31), 12)
    assert checked_months(date(2025, 4, 30), date(2026, 3, 31), 6) < 12
    with pytest.raises(TooSoon):
        checked_months(date(2026, 3, 31), date(2025, 3, 31), 0)


def remeasured_people(n: int, shift: float = 0.0) -> list[Any]:
    chance = np.random.default_rng(1)
    pairs = [(ParticipantId(f"N-{at}"), ParticipantId(f"O-{at}")) for at in range(n)]
    level = chance.normal(3, 0.5, n)
    before = {old: {KEY: a_figure(float(at))} for (_, old), at in zip(pairs, level, strict=True)}
    after = {
        new: {KEY: a_figure(float(at + shift + chance.normal(0, 0.1)))}
        for (new, _), at in zip(pairs, level, strict=True)
    }
    return list(remeasured(Terms.of(a_definition(), a_definition(cohort="later")), pairs, before, after))


def test_the_groups_change_has_an_interval_from_ten_people_on() -> None:
    (few,) = group_changes(remeasured_people(9))
    assert few.mean.value is None
    (found,) = (group_document(each) for each in group_changes(remeasured_people(40, shift=1.0)))
    assert found["verdicts"]["higher"] > 30
    assert found["mean"]["low"] < 1.0 < found["mean"]["high"]


def test_who_has_one_result_only_is_left_out() -> None:
    pairs = [(ParticipantId("N-1"), ParticipantId("O-1"))]
    terms = Terms.of(a_definition(), a_definition(cohort="later"))
    assert list(remeasured(terms, pairs, {}, {ParticipantId("N-1"): {KEY: a_figure()}})) == []


def test_a_withheld_change_keeps_every_key() -> None:
    (shown,) = (person_document(each) for each in remeasured_people(1))
    terms = Terms.of(a_definition(), a_definition(cohort="later"))
    pairs = [(ParticipantId("N-1"), ParticipantId("O-1"))]
    before = {ParticipantId("O-1"): {KEY: a_figure(described_by="x/1")}}
    after = {ParticipantId("N-1"): {KEY: a_figure()}}
    (hidden,) = (person_document(each) for each in remeasured(terms, pairs, before, after))
    assert shown.keys() == hidden.keys()
    assert hidden["change"] is None
    assert hidden["withheld"]


# ------------------------------------------------------------------------------------------------------------- pairs

LATER, EARLIER = {ParticipantId("N-1"), ParticipantId("N-2")}, {ParticipantId("O-1"), ParticipantId("O-2")}


def test_pairs_are_read_from_a_file() -> None:
    assert read_pairs(["participant;earlier\n", "N-1;O-2\n"], LATER, EARLIER) == {"N-1": "O-2"}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "no column 'participant'"),
        (["participant\n", "N-1\n"], "no column 'earlier'"),
        (["participant,earlier\n", "N-9,O-1\n"], "line 2, participant: 'N-9' is no participant"),
        (["participant,earlier\n", "N-1\n"], "line 2, earlier: '' is no participant"),
        (["participant,earlier\n", "N-1,O-1\n", "N-1,O-2\n"], "line 3"),
        (["participant,earlier\n", "N-1,O-1\n", "N-2,O-1\n"], "stands in an earlier line already"),
    ],
)
def test_pairs_with_mistakes_are_refused_with_the_line(lines: list[str], said: str) -> None:
    with pytest.raises(UnreadableTable, match=said):
        read_pairs(lines, LATER, EARLIER)
