"""Laws of agreement statistics, and what they say when the data carry nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from services.scoring.core.agreement.chance import (
    Weights,
    agreement_beyond_chance,
    cohens_kappa,
    krippendorffs_alpha,
)
from services.scoring.core.agreement.components import RESIDUAL, Components, TooManyRatings, estimated
from services.scoring.core.agreement.consistency import Consistency, consistency, omega, one_factor
from services.scoring.core.agreement.generalizability import decision
from services.scoring.core.agreement.icc import intraclass_correlations, of_groups
from services.scoring.core.agreement.statistic import Statistic
from services.scoring.core.agreement.within_group import average_deviation, rwg_j, uniform_variance

Table = NDArray[np.float64]
TABLES = arrays(np.float64, st.tuples(st.integers(4, 9), st.integers(2, 5)), elements=st.integers(1, 5).map(float))


def simulated(people: int, raters: int, *, seed: int = 1, severity: float = 0.0, noise: float = 1.0) -> Table:
    """Ratings of people by raters; the people's own standard deviation is 1."""
    chance = np.random.default_rng(seed)
    return (
        chance.normal(size=(people, 1))
        + chance.normal(scale=severity, size=(1, raters))
        + chance.normal(scale=noise, size=(people, raters))
    )


def by_name(found: list[Statistic]) -> dict[str, Statistic]:
    return {each.name.split(" ")[0]: each for each in found}


# ------------------------------------------------------------------------------------------------------ components


def test_components_of_a_complete_table_are_those_of_the_analysis_of_variance() -> None:
    table = simulated(30, 4, severity=0.7)
    people, raters = np.nonzero(np.ones_like(table))
    fit = estimated(table[people, raters], {"people": people.tolist(), "raters": raters.tolist()})
    grand, rows, columns = table.mean(), table.mean(axis=1), table.mean(axis=0)
    residual = ((table - rows[:, None] - columns + grand) ** 2).sum() / (29 * 3)
    assert fit[RESIDUAL] == pytest.approx(residual, rel=1e-6)
    assert fit["people"] == pytest.approx((4 * rows.var(ddof=1) - residual) / 4, rel=1e-6)
    assert fit["raters"] == pytest.approx((30 * columns.var(ddof=1) - residual) / 30, rel=1e-6)
    assert fit.grand_mean == pytest.approx(grand)


def test_an_effect_that_is_not_there_has_no_variance_rather_than_a_negative_one() -> None:
    chance = np.random.default_rng(8)
    groups = np.repeat(np.arange(20), 5)
    ratings = chance.normal(size=100)
    for group in range(20):
        ratings[groups == group] -= ratings[groups == group].mean()  # less between groups than chance would give
    fit = estimated(ratings, {"group": groups.tolist()})
    assert fit["group"] == pytest.approx(0.0, abs=1e-9)
    assert fit[RESIDUAL] == pytest.approx(ratings.var(ddof=1), rel=1e-6)


def test_more_ratings_than_it_should_hold_are_refused() -> None:
    with pytest.raises(TooManyRatings, match="at most 3000"):
        estimated(np.zeros(3_001), {"people": list(range(3_001))})


# ------------------------------------------------------------------------------------------------------------- icc


def test_a_table_with_holes_is_read_whole_and_agrees_with_the_complete_one() -> None:
    table = simulated(60, 4, severity=0.5)
    complete = by_name(intraclass_correlations(table))
    table[::3, 1] = np.nan
    holes = by_name(intraclass_correlations(table))
    for name, each in complete.items():
        assert holes[name].value == pytest.approx(each.value, abs=0.08)
        assert holes[name].n == 60


def test_severity_lowers_absolute_agreement_only() -> None:
    mild, harsh = (by_name(intraclass_correlations(simulated(80, 4, severity=s))) for s in (0.0, 3.0))
    assert harsh["ICC(3,1)"].value == pytest.approx(mild["ICC(3,1)"].value, abs=1e-9)
    assert (harsh["ICC(2,1)"].value or 0) < (mild["ICC(2,1)"].value or 0) - 0.2


@given(TABLES, st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_the_order_of_people_and_raters_changes_nothing(table: Table, seed: int) -> None:
    chance = np.random.default_rng(seed)
    shuffled = table[chance.permutation(len(table))][:, chance.permutation(table.shape[1])]
    for before, after in zip(intraclass_correlations(table), intraclass_correlations(shuffled), strict=True):
        assert before.value == pytest.approx(after.value, abs=1e-9, nan_ok=True)
        assert before.withheld == after.withheld


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (np.full((5, 1), 3.0), "it needs two people with two ratings each"),
        (np.full((5, 3), 3.0), "every rating is the same"),
        (np.full((0, 3), 3.0), "it needs two people with two ratings each"),
    ],
)
def test_without_grounds_there_is_a_reason_instead_of_a_figure(table: Table, reason: str) -> None:
    for each in intraclass_correlations(table):
        assert (each.value, each.low, each.withheld) == (None, None, reason)


def test_groups_of_equal_size_give_the_one_way_form() -> None:
    table = simulated(12, 5)
    one, mean = of_groups([list(row) for row in table])
    forms = by_name(intraclass_correlations(table))
    assert (one.value, one.low, one.high) == pytest.approx(
        (forms["ICC(1,1)"].value, forms["ICC(1,1)"].low, forms["ICC(1,1)"].high)
    )
    assert mean.value == pytest.approx(forms["ICC(1,k)"].value)


def test_intervals_cover_what_is_true() -> None:
    """200 simulated panels of 20 people and 4 raters, true ICC(1) of 0.5: at least 90 % of 95 % intervals cover it."""
    covered = 0
    for seed in range(200):
        found = by_name(intraclass_correlations(simulated(20, 4, seed=seed)))["ICC(3,1)"]
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.5 <= found.high
    assert covered >= 180


# ----------------------------------------------------------------------------------------------------- consistency


def test_alpha_of_parallel_items_is_the_stepped_up_correlation() -> None:
    chance = np.random.default_rng(5)
    table = chance.normal(size=(4_000, 1)) + chance.normal(size=(4_000, 6))
    found = consistency(table)
    assert isinstance(found, Consistency)
    assert found.alpha.value == pytest.approx(6 * 0.5 / (1 + 5 * 0.5), abs=0.02)
    assert omega(table).value == pytest.approx(found.alpha.value, abs=0.01)


def test_one_factor_gives_back_the_loadings_it_was_made_with() -> None:
    loadings = np.array([0.9, 0.7, 0.5, 0.6])
    correlations = np.outer(loadings, loadings)
    np.fill_diagonal(correlations, 1.0)
    assert one_factor(correlations) == pytest.approx(loadings, abs=1e-5)


def test_an_item_that_never_varies_gives_a_reason() -> None:
    table = simulated(20, 3)
    table[:, 1] = 4.0
    found = consistency(table)
    assert isinstance(found, Statistic)
    assert found.withheld == "an item does not vary, or two items were never answered by one person"
    assert omega(simulated(20, 3)).withheld == "it needs three items and ten people an item, 30 here"


# ---------------------------------------------------------------------------------------------------------- chance


@given(TABLES)
@settings(max_examples=40, deadline=None)
def test_nobody_agrees_more_than_fully(table: Table) -> None:
    for weights in Weights:
        for each in agreement_beyond_chance(table, weights):
            assert each.withheld or (each.value is not None and each.value <= 1 + 1e-9)


def test_full_agreement_is_one_whatever_chance_is() -> None:
    table = np.repeat(np.array([[1.0], [2.0], [2.0], [3.0], [2.0]]), 3, axis=1)
    assert [each.value for each in agreement_beyond_chance(table)] == pytest.approx([1.0] * 4)
    assert krippendorffs_alpha(table, "ordinal").value == pytest.approx(1.0)


def test_beside_skewed_margins_kappa_falls_and_ac_does_not() -> None:
    table = np.ones((100, 2))
    table[:4, 0] = 2.0
    table[4:8, 1] = 2.0
    found = {each.name: each.value or 0.0 for each in agreement_beyond_chance(table)}
    assert found["AC1"] > 0.9
    assert found["Fleiss' kappa"] < 0.0


def test_one_category_alone_gives_a_reason() -> None:
    table = np.full((6, 3), 4.0)
    assert {each.withheld for each in agreement_beyond_chance(table)} == {"every rating is the same category"}
    assert krippendorffs_alpha(table, "nominal").withheld is not None
    assert cohens_kappa(np.array([[6.0]])).withheld is not None


# ---------------------------------------------------------------------------------------- within group, generalizing


def test_agreement_within_a_group_falls_from_one_to_nothing() -> None:
    alike, split = np.full((4, 3), 4.0), np.array([[1.0], [5.0], [1.0], [5.0]]).repeat(3, axis=1)
    assert rwg_j(alike, uniform_variance(5)).value == 1.0
    assert rwg_j(split, uniform_variance(5)).value == 0.0
    assert average_deviation(alike).value == 0.0
    assert average_deviation(split).value == 2.0
    assert rwg_j(alike[:1], 2.0).withheld == "it needs two raters who rated every item"


def test_a_fixed_design_of_brennan_gives_his_coefficients() -> None:
    """Brennan (2001), table 3.2, synthetic data set 4, p × (r:t): components as printed; three tasks of four raters."""
    printed = Components(
        {"person": 0.4731, "task": 0.3252, "rater:task": 0.6475, "person:task": 0.5596, "residual": 2.3802},
        np.zeros((5, 5)),
        4.75,
    )
    facets = {
        "task": ["task"],
        "rater:task": ["task", "rater"],
        "person:task": ["person", "task"],
        "residual": ["person", "task", "rater"],
    }
    found = decision(printed, facets, {"task": 3, "rater": 4})
    assert (found.g, found.phi) == pytest.approx((0.5514, 0.4636), abs=1e-4)
    assert (found.sem_relative, found.sem_absolute) == pytest.approx((0.6204, 0.7398), abs=1e-4)
    more = decision(printed, facets, {"task": 10, "rater": 2})
    assert (more.g, more.phi) == pytest.approx((0.730, 0.6635), abs=1e-3)
