"""Agreement statistics against tables printed in papers, retyped here with their source."""

import numpy as np
import pytest
from numpy.typing import NDArray

from services.scoring.core.agreement.chance import (
    Level,
    Weights,
    agreement_beyond_chance,
    cohens_kappa,
    joint_of,
    krippendorffs_alpha,
)
from services.scoring.core.agreement.icc import intraclass_correlations
from services.scoring.core.agreement.statistic import Statistic, Z

NO = np.nan

SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
)
"""Shrout & Fleiss (1979), Psychol. Bull. 86:420, table 2: six people, four judges."""

KRIPPENDORFF = np.array(
    [
        [1, 1, NO, 1],
        [2, 2, 3, 2],
        [3, 3, 3, 3],
        [3, 3, 3, 3],
        [2, 2, 2, 2],
        [1, 2, 3, 4],
        [4, 4, 4, 4],
        [1, 1, 2, 1],
        [2, 2, 2, 2],
        [NO, 5, 5, 5],
        [NO, NO, 1, 1],
        [NO, NO, 3, NO],
    ]
)
"""Krippendorff (2011), Computing Krippendorff's alpha-reliability, section C: twelve units, four observers."""

COHEN = np.array([[0.44, 0.07, 0.09], [0.05, 0.20, 0.05], [0.01, 0.03, 0.06]])
"""Cohen (1968), Psychol. Bull. 70:213, table 1: shares of 200 units."""
COHEN_DISAGREEMENT = np.array([[0, 1, 3], [1, 0, 6], [3, 6, 0]], dtype=float)


def error_of(statistic: Statistic) -> float:
    assert statistic.value is not None
    assert statistic.low is not None
    return (statistic.value - statistic.low) / Z


def values(found: list[Statistic]) -> dict[str, float]:
    return {each.name: each.value for each in found if each.value is not None}


def test_six_intraclass_correlations_of_shrout_and_fleiss() -> None:
    found = [round(value, 2) for value in values(intraclass_correlations(SHROUT_FLEISS)).values()]
    assert found == [0.17, 0.29, 0.71, 0.44, 0.62, 0.91]


def test_their_intervals() -> None:
    found = {each.name.split(" ")[0]: (each.low, each.high) for each in intraclass_correlations(SHROUT_FLEISS)}
    assert found["ICC(1,1)"] == pytest.approx((-0.13293232, 0.72256006), abs=1e-6)
    assert found["ICC(2,1)"] == pytest.approx((0.01878651, 0.76108437), abs=1e-6)
    assert found["ICC(3,1)"] == pytest.approx((0.34246477, 0.94585826), abs=1e-6)
    assert found["ICC(2,k)"] == pytest.approx((0.07113682, 0.92723204), abs=1e-6)


@pytest.mark.parametrize(
    ("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_krippendorffs_alpha_at_four_levels(level: Level, published: float) -> None:
    found = krippendorffs_alpha(KRIPPENDORFF, level)
    assert found.value == pytest.approx(published, abs=0.0005)
    assert found.n == 11
    assert found.low is not None
    assert found.high is not None
    assert found.low < published < found.high


def test_agreement_beyond_chance_of_gwets_handbook() -> None:
    """Gwet, Handbook of Inter-Rater Reliability: the same ratings, with missing ones, and their standard errors."""
    found = agreement_beyond_chance(KRIPPENDORFF)
    assert values(found) == pytest.approx(
        {"AC1": 0.77544, "Fleiss' kappa": 0.76117, "Brennan-Prediger": 0.77273, "Conger's kappa": 0.76282}, abs=1e-5
    )
    assert error_of(found[0]) == pytest.approx(0.14295, abs=1e-5)


@pytest.mark.parametrize(
    ("weights", "value", "error"),
    [
        (Weights.ORDINAL, 0.89894, 0.1069),
        (Weights.QUADRATIC, 0.914, 0.10396),
        (Weights.LINEAR, 0.85874, 0.11733),
    ],
)
def test_weighted_agreement_beyond_chance(weights: Weights, value: float, error: float) -> None:
    ac2 = agreement_beyond_chance(KRIPPENDORFF, weights)[0]
    assert ac2.value == pytest.approx(value, abs=1e-5)
    assert error_of(ac2) == pytest.approx(error, abs=1e-5)


def test_kappa_and_weighted_kappa_of_cohens_example() -> None:
    plain = cohens_kappa(COHEN, n=200)
    assert plain.value == pytest.approx(0.492, abs=0.0005)
    assert error_of(plain) ** 2 == pytest.approx(0.00260119, abs=1e-8)
    weighted = cohens_kappa(COHEN, 1 - COHEN_DISAGREEMENT / 6, n=200)
    assert weighted.value == pytest.approx(0.348, abs=0.0005)


def test_congers_kappa_of_two_raters_is_cohens() -> None:
    chance = np.random.default_rng(3)
    table: NDArray[np.float64] = chance.integers(1, 5, size=(60, 2)).astype(float)
    table[:30, 1] = table[:30, 0]
    conger = values(agreement_beyond_chance(table))["Conger's kappa"]
    assert conger == pytest.approx(cohens_kappa(joint_of(table)).value, abs=1e-12)
