"""Internal consistency of several items: alpha and omega, with intervals.

Within one rater's answers consistency mostly measures halo, so these say how items hang together, not how far one may
trust a rater's judgement: for that see `icc` and `generalizability`.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import fdtri

from services.scoring.core.agreement.statistic import LEVEL, Statistic, Z, withheld

Table = NDArray[np.float64]
UPPER = 0.5 + LEVEL / 2


@dataclass(frozen=True, slots=True)
class Consistency:
    """Alpha and what belongs to it. `dropped`: alpha without each item; `item_rest`: each item's correlation with the
    rest, both in the order of the columns.
    """

    alpha: Statistic
    standardised: float
    g6: float
    average_r: float
    standard_error: float
    dropped: tuple[float, ...]
    item_rest: tuple[float, ...]


def consistency(table: Table) -> Consistency | Statistic:
    """Cronbach's alpha (1951, Psychometrika 16:297) of `table` (shape people × items; NaN: not answered), from the
    covariances of each pair of items. The interval is Feldt's (1965, Psychometrika 30:357); the standard error Duhachek
    & Iacobucci's (2004, J. Appl. Psychol. 89:792). A withheld statistic where there is none.
    """
    table = table[~np.all(np.isnan(table), axis=1)]
    n, items = table.shape
    if n < 3 or items < 2:
        return withheld("alpha", n, "people", "it needs two items and three people")
    covariances = _pairwise(table)
    if np.isnan(covariances).any() or np.any(np.diag(covariances) <= 0):
        return withheld("alpha", n, "people", "an item does not vary, or two items were never answered by one person")
    correlations = _correlations(covariances)
    value = _alpha(covariances)
    average = float((correlations.sum() - items) / (items * (items - 1)))
    return Consistency(
        alpha=Statistic("alpha", value, *_feldt(value, n, items), n, "people"),
        standardised=_alpha(correlations),
        g6=_g6(correlations),
        average_r=average,
        standard_error=_duhachek(covariances, n),
        dropped=tuple(_alpha(_without(covariances, item)) if items > 2 else math.nan for item in range(items)),
        item_rest=tuple(_item_rest(covariances, item) for item in range(items)),
    )


def _pairwise(table: Table) -> Table:
    """Covariances, each of the people who answered both items."""
    items = table.shape[1]
    found = np.full((items, items), np.nan)
    for i in range(items):
        for j in range(i, items):
            both = table[~np.isnan(table[:, i]) & ~np.isnan(table[:, j])]
            if len(both) > 1:
                found[i, j] = found[j, i] = np.cov(both[:, i], both[:, j])[0, 1]
    return found


def _correlations(covariances: Table) -> Table:
    deviations = np.sqrt(np.diag(covariances))
    correlations: Table = covariances / np.outer(deviations, deviations)
    return correlations


def _alpha(covariances: Table) -> float:
    items = len(covariances)
    return float(items / (items - 1) * (1 - np.trace(covariances) / covariances.sum()))


def _without(covariances: Table, item: int) -> Table:
    return np.delete(np.delete(covariances, item, axis=0), item, axis=1)


def _item_rest(covariances: Table, item: int) -> float:
    rest = _without(covariances, item).sum()
    shared = covariances[item].sum() - covariances[item, item]
    return float(shared / math.sqrt(covariances[item, item] * rest)) if rest > 0 else math.nan


def _g6(correlations: Table) -> float:
    """Guttman's lambda 6 (1945, Psychometrika 10:255), from squared multiple correlations."""
    unexplained = 1 / np.diag(np.linalg.pinv(correlations))
    return float(1 - unexplained.sum() / correlations.sum())


def _feldt(value: float, n: int, items: int) -> tuple[float, float]:
    df1, df2 = n - 1, (n - 1) * (items - 1)
    return 1 - (1 - value) * float(fdtri(df1, df2, UPPER)), 1 - (1 - value) * float(fdtri(df1, df2, 1 - UPPER))


def _duhachek(covariances: Table, n: int) -> float:
    items = len(covariances)
    total, trace = covariances.sum(), np.trace(covariances)
    squared = covariances @ covariances
    spread = total * (np.trace(squared) + trace**2) - 2 * trace * squared.sum()
    return math.sqrt(2 * items**2 / ((items - 1) ** 2 * total**3) * float(spread) / n)


# -------------------------------------------------------------------------------------------------------------- omega


def omega(table: Table) -> Statistic:
    """McDonald's omega of one common factor (1999, Test Theory, p. 90), loadings by minimum residuals (Harman & Jones
    1966, Psychometrika 31:351), of the people who answered every item. The interval is Bonett's for alpha applied to
    omega (2002, J. Educ. Behav. Stat. 27:335): near for one factor.
    """
    complete = table[~np.isnan(table).any(axis=1)]
    n, items = complete.shape
    if items < 3 or n < 10 * items:
        return withheld("omega", n, "people", f"it needs three items and ten people an item, {10 * items} here")
    correlations = _correlations(np.cov(complete, rowvar=False))
    loadings = one_factor(correlations)
    common = float(loadings.sum() ** 2)
    value = common / (common + float((1 - loadings**2).sum()))
    half = Z * math.sqrt(2 * items / ((items - 1) * (n - 2)))
    return Statistic("omega", value, 1 - (1 - value) * math.exp(half), 1 - (1 - value) * math.exp(-half), n, "people")


def one_factor(correlations: Table) -> NDArray[np.float64]:
    """Loadings on one factor that leave the least squared residual correlations; the first is turned positive."""
    values, vectors = np.linalg.eigh(correlations)
    start = vectors[:, -1] * math.sqrt(max(float(values[-1]), 1e-6))

    def residual(loadings: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        left = correlations - np.outer(loadings, loadings)
        np.fill_diagonal(left, 0.0)
        return float((left**2).sum()) / 2, -2 * left @ loadings

    fit = minimize(residual, start, jac=True, method="L-BFGS-B", options={"gtol": 1e-10, "ftol": 1e-14})
    loadings: NDArray[np.float64] = np.asarray(fit.x)
    return loadings if loadings.sum() >= 0 else -loadings
