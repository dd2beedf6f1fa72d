"""Norms: a percentile only in a group of a hundred or more, with an interval that holds both errors."""

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from services.scoring.core.norms.group import Contribution, NoNorms, NormGroup, norm_group
from services.scoring.core.norms.placing import Terms, placed, quantiles
from services.scoring.core.remeasuring.pairing import Figure, Source
from shared.framework import FrameworkPack
from shared.words import Instrument
from tests.builders.scoring_case import FRAMEWORK

KEY = ("A", None, None)
ANOTHER = FrameworkPack(**FRAMEWORK.model_dump() | {"pack": "another"})
DAYS = (date(2026, 1, 5), date(2026, 3, 31))


def a_figure(estimate: float, *, weight: float = 1.0, model: str = "rater-means/1") -> Figure:
    return Figure(KEY, estimate, {Instrument.APPRAISAL_360: Source(weight, estimate, 0.2, 6, anchored=False)}, model)


def contribution(
    n: int, *, cohort: str = "c", seed: int = 1, framework: Any = FRAMEWORK, **changes: Any
) -> Contribution:
    estimates = np.random.default_rng(seed).normal(3, 0.5, n)
    return Contribution(cohort, *DAYS, framework, [[a_figure(float(each), **changes)] for each in estimates])


# ----------------------------------------------------------------------------------------------------------- placing


@pytest.mark.parametrize(("n", "error"), [(100, 0.1), (100, 0.3), (400, 0.1), (400, 0.3)])
def test_the_interval_holds_the_true_percentile_as_often_as_it_says(n: int, error: float) -> None:
    """Where a person without error would stand among all people like the group's."""
    chance = np.random.default_rng(n)
    spread = float(np.hypot(0.5, error))
    inside = []
    for _ in range(1_500):
        values = np.sort(chance.normal(3, spread, n)).tolist()
        true = chance.normal(3, 0.5)
        estimate = true + chance.normal(0, error)
        found = placed(estimate, (estimate - 1.96 * error, estimate + 1.96 * error), values)
        assert found.low is not None
        assert found.high is not None
        inside.append(found.low <= 100 * norm.cdf((true - 3) / spread) <= found.high)
    assert 0.93 < np.mean(inside) < 0.98


def test_sampling_alone_gives_ten_points_at_a_hundred_people_and_five_at_four_hundred() -> None:
    for n, half in ((100, 10), (400, 5)):
        found = placed(0.5, (0.5, 0.5), [at / n for at in range(n)])
        assert found.low is not None
        assert found.high is not None
        assert (found.high - found.low) / 2 == pytest.approx(half, abs=0.5)
        assert found.provisional == (n < 400)


def test_below_a_hundred_people_there_is_no_norm() -> None:
    found = placed(3.0, (2.8, 3.2), [float(at) for at in range(99)])
    assert found.percentile is None
    assert found.withheld == "99 people are no norm group: 100 are"


@given(
    st.lists(st.floats(1, 5), min_size=100, max_size=140).map(sorted), st.floats(1, 5), st.floats(0, 1), st.floats(0, 1)
)
@settings(deadline=None, max_examples=60)
def test_a_percentile_lies_in_its_interval_and_rises_with_the_estimate(
    values: list[float], estimate: float, below: float, above: float
) -> None:
    found = placed(estimate, (estimate - below, estimate + above), values)
    assert found.percentile is not None
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.percentile + 1e-9
    assert found.percentile <= found.high + 1e-9 <= 100 + 1e-6
    higher = placed(estimate + 0.5, (estimate + 0.5, estimate + 0.5), values).percentile
    assert higher is not None
    assert higher >= found.percentile
    wider = placed(estimate, (estimate - below - 0.3, estimate + above + 0.3), values)
    assert wider.low is not None
    assert wider.low <= found.low


def test_quantiles_have_intervals_that_hold_the_truth() -> None:
    chance = np.random.default_rng(3)
    inside = [
        [each.low <= norm.ppf(each.share) <= each.high for each in quantiles(np.sort(chance.normal(size=120)).tolist())]
        for _ in range(800)
    ]
    assert all(0.93 < share < 0.995 for share in np.mean(inside, axis=0))


# ------------------------------------------------------------------------------------------------------------- group


def test_the_same_results_make_the_same_group_in_any_order_of_people() -> None:
    one = contribution(120)
    turned = Contribution(one.cohort, one.opens, one.closes, one.framework, list(reversed(one.people)))
    assert norm_group([one]).hash == norm_group([turned]).hash


def test_a_group_names_its_cohorts_and_holds_no_ids() -> None:
    group = norm_group([contribution(60, cohort="north"), contribution(60, cohort="south", seed=2)])
    assert (group.n, [each["cohort"] for each in group.cohorts]) == (120, ["north", "south"])
    assert group.cohorts[0]["closes"] == "2026-03-31"
    assert list(group.values[KEY][1]) == sorted(group.values[KEY][1])
    assert NormGroup(group.document).framework == FRAMEWORK


def test_fewer_than_a_hundred_people_are_no_group() -> None:
    with pytest.raises(NoNorms, match="99 people are scored in these cohorts; norms need 100"):
        norm_group([contribution(99)])
    with pytest.raises(NoNorms, match="0 people"):
        norm_group([contribution(0)])


def test_cohorts_that_ask_otherwise_or_weigh_otherwise_do_not_mix() -> None:
    other = ANOTHER
    with pytest.raises(NoNorms, match="asked alike"):
        norm_group([contribution(100), contribution(100, cohort="d", framework=other)])
    with pytest.raises(NoNorms, match="described by many/1 and rater-means/1"):
        norm_group([contribution(100), contribution(100, cohort="d", model="many/1")])
    mixed = norm_group([contribution(120), contribution(110, cohort="d", weight=0.5, seed=2)])
    assert len(mixed.values[KEY][1]) == 120


def test_only_what_means_the_same_is_placed() -> None:
    terms = Terms.of(norm_group([contribution(150)]), FRAMEWORK)
    ends = (2.8, 3.2)
    assert terms.place(a_figure(3.0), ends).percentile is not None
    assert "other sources" in str(terms.place(a_figure(3.0, weight=0.5), ends).withheld)
    assert "described by x/1" in str(terms.place(a_figure(3.0, model="x/1"), ends).withheld)
    other = Figure(("B", None, None), 3.0, a_figure(3.0).sources, "rater-means/1")
    assert "fewer than 100" in str(terms.place(other, ends).withheld)
    elsewhere = Terms.of(terms.group, ANOTHER)
    assert "don't ask the same" in str(elsewhere.place(a_figure(3.0), ends).withheld)
