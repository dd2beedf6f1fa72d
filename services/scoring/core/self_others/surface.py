"""Polynomial regression with response surface: what an outcome has to do with self, others, and their (dis)agreement.

Difference scores hide which of the two matters; this does not (Edwards & Parry 1993, Acad. Manage. J. 36:1577; Edwards
1994, Organ. Behav. Hum. Decis. Process. 58:51; Shanock et al. 2010, J. Bus. Psychol. 25:543).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc, stdtrit

from services.scoring.core.agreement.statistic import LEVEL, Statistic, Z, mean_of, withheld

Values = NDArray[np.float64]
UPPER = 0.5 + LEVEL / 2
SMALLEST = 100
"""People below which second-order terms are noise."""
TERMS = ("b0", "S", "O", "S2", "SO", "O2")
SURFACE = {
    "a1": ((0, 1, 1, 0, 0, 0), "slope along agreement (self = others)"),
    "a2": ((0, 0, 0, 1, 1, 1), "curvature along agreement"),
    "a3": ((0, 1, -1, 0, 0, 0), "slope along disagreement (self = -others)"),
    "a4": ((0, 0, 0, 1, -1, 1), "curvature along disagreement"),
}
"""Sums of the coefficients of TERMS, and what they are (Edwards & Parry 1993, p. 1582)."""
APART = 0.5
"""Standardised self and others further apart than this count as discrepant (Fleenor, McCauley & Brutus 1996, Leadersh.
Q. 7:487). Below a tenth of such people a surface says little about disagreement (Shanock et al. 2010).
"""


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A figure of the fit, its standard error, and its 95 % interval by Student's t with n - 6 degrees of freedom."""

    name: str
    value: float
    se: float
    low: float
    high: float
    meaning: str


@dataclass(frozen=True, slots=True)
class Fit:
    """outcome = b0 + S + O + S² + SO + O², self and others centred at `midpoint`.

    `p`: of all five terms together (F test); `p_second`: of the three of second order together. Read the surface only
    where they are small.
    """

    midpoint: float
    coefficients: tuple[Coefficient, ...]
    surface: tuple[Coefficient, ...]
    r2: float
    p: float
    p_second: float


@dataclass(frozen=True, slots=True)
class SelfOthers:
    """Self and others over n people. `fit` is None where it is withheld, with the reason.

    `over` and `under`: shares of people whose standardised self is more than half a standard deviation above or below.
    """

    n: int
    correlation: Statistic
    mean_difference: Statistic
    over: float | None
    under: float | None
    fit: Fit | None
    withheld: str | None
    words: tuple[str, ...] = ()


def self_others(own: Values, others: Values, outcome: Values, *, midpoint: float) -> SelfOthers:
    """Self-ratings, others' ratings (same scale) and an outcome, one each a person (shape n); NaN where not observed.

    `midpoint` is the middle of the rating scale: both are centred there. People without all three are left out.
    """
    kept = np.isfinite(own) & np.isfinite(others) & np.isfinite(outcome)
    own, others, outcome = own[kept] - midpoint, others[kept] - midpoint, outcome[kept]
    n = len(own)
    over, under = _discrepant(own, others)
    reason = _reason(own, others, outcome)
    fit = None if reason else _fitted(own, others, outcome, midpoint)
    if fit is None and reason is None:
        reason = "self and others move so much together that their terms can't be told apart"
    words = tuple(_words(fit, over, under)) if fit else ()
    return SelfOthers(n, correlation(own, others), mean_difference(own, others), over, under, fit, reason, words)


def correlation(own: Values, others: Values) -> Statistic:
    """Pearson's r over people, interval by Fisher's z (1921, Metron 1:3). NaN is left out in pairs."""
    own, others = _paired(own, others)
    n = len(own)
    meaning = "people; whether the same people are high, not whether at the same height"
    if n < 4 or own.std() == 0 or others.std() == 0:
        return withheld("r of self and others", n, meaning, "it needs four people, and ratings that differ")
    r = float(np.clip(np.corrcoef(own, others)[0, 1], -1, 1))
    if abs(r) > 1 - 1e-12:
        return Statistic("r of self and others", r, None, None, n, meaning, "no interval for a perfect correlation")
    low, high = (math.tanh(math.atanh(r) + sign * Z / math.sqrt(n - 3)) for sign in (-1, 1))
    return Statistic("r of self and others", r, low, high, n, meaning)


def mean_difference(own: Values, others: Values) -> Statistic:
    """Mean of self less others over people, interval by Student's t for pairs. NaN is left out in pairs."""
    own, others = _paired(own, others)
    return mean_of("self less others", own - others, "people, in points of the scale")


def _paired(own: Values, others: Values) -> tuple[Values, Values]:
    kept = np.isfinite(own) & np.isfinite(others)
    return own[kept], others[kept]


def _discrepant(own: Values, others: Values) -> tuple[float | None, float | None]:
    if len(own) < 2 or own.std() == 0 or others.std() == 0:
        return None, None
    apart = (own - own.mean()) / own.std(ddof=1) - (others - others.mean()) / others.std(ddof=1)
    return float((apart > APART).mean()), float((apart < -APART).mean())


def _reason(own: Values, others: Values, outcome: Values) -> str | None:
    if len(own) < SMALLEST:
        return f"{len(own)} people have all three figures; a surface needs {SMALLEST}"
    for name, values in (("self", own), ("others", others), ("outcome", outcome)):
        if values.std() == 0:
            return f"{name} is the same for everybody"
    return None


def _fitted(own: Values, others: Values, outcome: Values, midpoint: float) -> Fit | None:
    """Ordinary least squares; None where the six terms are not six."""
    design = np.column_stack([np.ones_like(own), own, others, own**2, own * others, others**2])
    size = np.linalg.norm(design, axis=0)
    if np.linalg.matrix_rank(design / size) < len(TERMS):
        return None
    n, left = len(outcome), len(outcome) - len(TERMS)
    beta = np.linalg.lstsq(design, outcome, rcond=None)[0]
    unexplained = _squares(design, outcome)
    covariance = np.linalg.inv(design.T @ design) * unexplained / left
    total = float(((outcome - outcome.mean()) ** 2).sum())
    first = _squares(design[:, :3], outcome)
    quantile = float(stdtrit(left, UPPER))

    def coefficient(name: str, weights: Sequence[float], meaning: str) -> Coefficient:
        w = np.asarray(weights, dtype=float)
        value, se = float(w @ beta), math.sqrt(float(w @ covariance @ w))
        return Coefficient(name, value, se, value - quantile * se, value + quantile * se, meaning)

    return Fit(
        midpoint=midpoint,
        coefficients=tuple(coefficient(name, np.eye(len(TERMS))[at], "") for at, name in enumerate(TERMS)),
        surface=tuple(coefficient(name, weights, meaning) for name, (weights, meaning) in SURFACE.items()),
        r2=1 - unexplained / total,
        p=_p(total, unexplained, n - 1 - left, left),
        p_second=_p(first, unexplained, 3, left),
    )


def _squares(design: Values, outcome: Values) -> float:
    """Sum of squared residuals."""
    beta = np.linalg.lstsq(design, outcome, rcond=None)[0]
    return float(((outcome - design @ beta) ** 2).sum())


def _p(without: float, within: float, terms: int, left: int) -> float:
    """Of the F test that `terms` terms add nothing."""
    return float(fdtrc(terms, left, (without - within) / terms / (within / left))) if within > 0 else 0.0


ALPHA = 1 - LEVEL
MEANINGS = {
    ("a1", 1): "Where self and others agree, the outcome is higher the higher both are",
    ("a1", -1): "Where self and others agree, the outcome is lower the higher both are",
    ("a2", 1): "along agreement it rises faster towards the ends",
    ("a2", -1): "along agreement it falls off towards the ends",
    ("a3", 1): "the outcome is higher where self is above others than where it is below",
    ("a3", -1): "the outcome is higher where self is below others than where it is above",
    ("a4", 1): "the further self and others are apart, the higher the outcome",
    ("a4", -1): "the further self and others are apart, the lower the outcome",
}


def _words(fit: Fit, over: float | None, under: float | None) -> list[str]:
    """What may be said, and no more: only surface values whose interval leaves 0 out, in a fit that explains."""
    if fit.p >= ALPHA:
        return ["Self and others together do not explain the outcome beyond chance: the surface says nothing."]
    curved = fit.p_second < ALPHA
    told = [
        MEANINGS[each.name, 1 if each.value > 0 else -1]
        for each in fit.surface
        if (each.low > 0 or each.high < 0) and (curved or each.name in {"a1", "a3"})
    ]
    words = [f"{'; '.join(told)}." if told else "No surface value differs from 0 beyond its error."]
    if not curved:
        words.append("The terms of second order add nothing beyond chance: curvatures are not read.")
    if over is not None and under is not None and over + under < 0.1:
        words.append("Fewer than one in ten people differ much: it says little about disagreement.")
    words.append("An association, no cause: self, others and outcome were measured in the same people.")
    return [each[0].upper() + each[1:] for each in words]
