"""Self beside others: a name only for a difference beyond its error, a surface only from 100 people on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.scoring.core.self_others.cohort import Views, pictures, profiles
from services.scoring.core.self_others.comparing import Category, Others, compared
from services.scoring.core.self_others.documents import document
from services.scoring.core.self_others.surface import SMALLEST, SelfOthers, self_others
from shared.framework import Scale
from shared.ids import ParticipantId
from shared.words import Instrument

Values = NDArray[np.float64]
SCALE = Scale(minimum=1, maximum=5)


def others(estimate: float = 3.0, *, error: float = 0.2, raters: int = 8, items: int = 12) -> Others:
    return Others(estimate, error, raters, items, anchored=raters < 3)


# ------------------------------------------------------------------------------------------------------- comparisons


def test_a_difference_within_its_error_has_no_name() -> None:
    found = compared(3.4, others(3.0), SCALE)
    assert found.category is Category.IN_AGREEMENT
    assert found.low < 0 < found.high


@pytest.mark.parametrize(("own", "category"), [(4.2, Category.OVER), (1.8, Category.UNDER)])
def test_a_difference_beyond_its_error_is_named(own: float, category: Category) -> None:
    assert compared(own, others(3.0), SCALE).category is category


def test_the_error_of_a_difference_is_larger_than_that_of_the_others() -> None:
    found = compared(3.0, others(error=0.2, items=4), SCALE)
    assert found.standard_error == pytest.approx((0.2**2 + 0.7**2 / 4) ** 0.5)


@given(st.floats(1, 5), st.floats(1, 5), st.floats(0, 1), st.integers(1, 20), st.integers(1, 40))
def test_a_named_difference_is_one_whose_interval_leaves_zero_out(
    own: float, estimate: float, error: float, raters: int, items: int
) -> None:
    found = compared(own, others(estimate, error=error, raters=raters, items=items), SCALE)
    assert found.low <= found.difference <= found.high
    assert (found.category is Category.OVER) == (found.low > 0)
    assert (found.category is Category.UNDER) == (found.high < 0)


@given(st.floats(0.05, 1), st.integers(3, 20), st.integers(1, 40))
def test_more_error_never_turns_agreement_into_a_name(error: float, raters: int, items: int) -> None:
    loose, tight = (compared(4.0, others(3.0, error=e, raters=raters, items=items), SCALE) for e in (error, error / 2))
    if tight.category is Category.IN_AGREEMENT:
        assert loose.category is Category.IN_AGREEMENT


def test_of_people_who_see_themselves_as_others_do_few_are_named() -> None:
    """Two thousand people without any true difference, five raters of 12 items each: about one in twenty is named."""
    chance = np.random.default_rng(4)
    n, raters, items = 2_000, 5, 12
    views = chance.normal(0, 0.6, (n, raters)) + chance.normal(0, 0.7 / items**0.5, (n, raters))
    own = chance.normal(0, 0.7 / items**0.5, n)
    errors = views.std(axis=1, ddof=1) / raters**0.5
    found = [
        compared(3 + o, others(3 + float(v.mean()), error=float(e), raters=raters, items=items), SCALE)
        for o, v, e in zip(own, views, errors, strict=True)
    ]
    share = np.mean([each.category is not Category.IN_AGREEMENT for each in found])
    assert 0.03 < share < 0.065


# ----------------------------------------------------------------------------------------------------------- surface

BETA = (3.0, 0.2, 0.5, -0.1, 0.25, -0.15)


def drawn(n: int, *, seed: int = 1, noise: float = 0.5) -> tuple[Values, Values, Values]:
    """Self, others and an outcome that follows from them by BETA, on a scale whose middle is 3."""
    chance = np.random.default_rng(seed)
    s, o = chance.multivariate_normal([0, 0], [[0.5, 0.15], [0.15, 0.4]], n).T
    terms = np.column_stack([np.ones(n), s, o, s**2, s * o, o**2])
    return s + 3, o + 3, terms @ np.array(BETA) + chance.normal(0, noise, n)


def surface_of(found: SelfOthers) -> list[float]:
    assert found.fit is not None
    return [each.value for each in found.fit.surface]


def test_a_surface_without_noise_is_found_exactly() -> None:
    found = self_others(*drawn(150, noise=0.0), midpoint=3.0)
    assert found.fit is not None
    assert [each.value for each in found.fit.coefficients] == pytest.approx(BETA)
    assert surface_of(found) == pytest.approx([0.7, 0.0, -0.3, -0.5], abs=1e-9)


def test_its_intervals_hold_the_truth_as_often_as_they_say() -> None:
    truth = (0.7, 0.0, -0.3, -0.5)
    inside = []
    for seed in range(300):
        fit = self_others(*drawn(120, seed=seed), midpoint=3.0).fit
        assert fit is not None
        inside += [each.low <= true <= each.high for each, true in zip(fit.surface, truth, strict=True)]
    assert 0.93 < np.mean(inside) < 0.97


def test_below_a_hundred_people_it_is_withheld_with_the_reason() -> None:
    own, others_, outcome = drawn(SMALLEST)
    assert self_others(own, others_, outcome, midpoint=3.0).fit is not None
    own[0] = np.nan
    found = self_others(own, others_, outcome, midpoint=3.0)
    assert found.fit is None
    assert found.withheld == "99 people have all three figures; a surface needs 100"
    assert found.correlation.value is not None


@pytest.mark.parametrize("constant", [0, 1, 2])
def test_what_does_not_vary_explains_nothing(constant: int) -> None:
    columns = list(drawn(120))
    columns[constant] = np.full(120, 4.0)
    found = self_others(*columns, midpoint=3.0)
    assert found.fit is None
    assert "the same for everybody" in str(found.withheld)


def test_self_that_only_repeats_others_is_not_told_apart() -> None:
    own, _, outcome = drawn(120)
    found = self_others(own, own.copy(), outcome, midpoint=3.0)
    assert found.fit is None
    assert "can't be told apart" in str(found.withheld)


@given(st.integers(0, 50))
@settings(deadline=None, max_examples=15)
def test_exchanging_self_and_others_turns_disagreement_round(seed: int) -> None:
    own, others_, outcome = drawn(110, seed=seed)
    a1, a2, a3, a4 = surface_of(self_others(own, others_, outcome, midpoint=3.0))
    assert surface_of(self_others(others_, own, outcome, midpoint=3.0)) == pytest.approx([a1, a2, -a3, a4])


@given(st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=15)
def test_the_order_of_people_changes_nothing(random: object) -> None:
    columns = drawn(110)
    order = np.random.default_rng(random.getrandbits(32)).permutation(110)  # type: ignore[attr-defined]
    shuffled = self_others(*(column[order] for column in columns), midpoint=3.0)
    assert surface_of(shuffled) == pytest.approx(surface_of(self_others(*columns, midpoint=3.0)))


def test_an_outcome_that_has_nothing_to_do_with_either_is_said_to() -> None:
    own, others_, _ = drawn(200)
    found = self_others(own, others_, np.random.default_rng(11).normal(0, 1, 200), midpoint=3.0)
    assert found.words == (
        "Self and others together do not explain the outcome beyond chance: the surface says nothing.",
    )


def test_curvatures_are_read_only_where_the_second_order_terms_add_something() -> None:
    strong = self_others(*drawn(2_000), midpoint=3.0)
    assert "the further self and others are apart, the lower the outcome" in strong.words[0]
    chance = np.random.default_rng(2)
    own, others_ = chance.normal(3, 0.7, (2, 300))
    linear = self_others(own, others_, others_ + chance.normal(0, 0.5, 300), midpoint=3.0)
    assert any("curvatures are not read" in each for each in linear.words)


# ------------------------------------------------------------------------------------------------------------ cohort


def view(n: int, own: float | None, estimate: float | None) -> Views:
    said = None if estimate is None else others(estimate)
    return Views(ParticipantId(f"P-{n}"), ("A", None, None), own, said, {Instrument.DEVELOPMENT_DAY: 3.0})


def test_only_figures_with_both_views_are_compared() -> None:
    views = [view(1, 4.0, 3.0), view(2, None, 3.0), view(3, 4.0, None)]
    assert [each.participant for each in profiles(views, SCALE)] == ["P-1"]


def test_a_cohorts_picture_counts_categories_and_withholds_the_surface() -> None:
    views = [view(n, own, 3.0 + n / 100) for n, own in enumerate((3.0, 3.1, 4.9, 4.8, 1.2))]
    (picture,) = document(profiles(views, SCALE), pictures(views, SCALE))["domains"]
    assert picture["categories"] == {"in_agreement": 2, "over": 2, "under": 1}
    (surface,) = picture["surfaces"]
    assert (surface["outcome"], surface["fit"]) == ("development_day", None)
    assert surface["withheld"] == "5 people have all three figures; a surface needs 100"
