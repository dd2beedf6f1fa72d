"""Agreement within one group of raters about one person: rwg, rwg(j) and AD. Not a reliability: people may agree on
everybody in the same way.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from services.scoring.core.agreement.statistic import LEVEL, Statistic, withheld

Table = NDArray[np.float64]
UPPER = 0.5 + LEVEL / 2


def uniform_variance(steps: int) -> float:
    """Variance of ratings given by chance alone, every step alike: the usual null of rwg.

    >>> uniform_variance(5)
    2.0
    """
    return (steps**2 - 1) / 12


SKEWED_SHARES = {5: (0.05, 0.15, 0.20, 0.35, 0.25)}
"""Ratings by chance of raters who share a slight leniency, by steps of the scale (LeBreton & Senter 2008, Organ. Res.
Methods 11:815, table 2).
"""


def slightly_skewed_variance(steps: int) -> float | None:
    """Variance of ratings by chance with a slight skew; None for scales for which no shares are kept here.

    >>> round(slightly_skewed_variance(5), 2)
    1.34
    """
    shares = np.array(SKEWED_SHARES.get(steps, ()))
    if not len(shares):
        return None
    k = np.arange(1.0, steps + 1)
    return float(shares @ k**2 - (shares @ k) ** 2)


def rwg_j(table: Table, null_variance: float) -> Statistic:
    """James, Demaree & Wolf's rwg(j) (1984, J. Appl. Psychol. 69:85) of `table` (shape raters × items; raters with a
    hole are left out), against a null distribution of this variance; 0 where raters vary more than it. With one item:
    rwg. n counts raters.

    The interval follows from the χ² interval of the mean item variance, raters as units: wide, as it is with few.
    """
    name = "rwg" if table.shape[1] == 1 else "rwg(j)"
    complete = table[~np.isnan(table).any(axis=1)]
    n, items = complete.shape
    meaning = f"raters, against a null variance of {null_variance:g}"
    if n < 2:
        return withheld(name, n, meaning, "it needs two raters who rated every item")
    observed = float(complete.var(axis=0, ddof=1).mean())
    low, high = (
        _stepped(observed * (n - 1) / float(chdtri(n - 1, share)), null_variance, items) for share in (UPPER, 1 - UPPER)
    )
    return Statistic(name, _stepped(observed, null_variance, items), low, high, n, meaning)


def _stepped(variance: float, null_variance: float, items: int) -> float:
    agreement = max(0.0, 1 - variance / null_variance)
    bottom = items * agreement + (1 - agreement)
    return items * agreement / bottom if bottom > 0 else 0.0


def average_deviation(table: Table, *, median: bool = False) -> Statistic:
    """AD (Burke, Finkelstein & Dusig 1999, Organ. Res. Methods 2:49): the mean distance of ratings from their item's
    mean (or median), in steps of the scale, over items; 0 is full agreement. n counts raters.
    """
    name = "AD(Md)" if median else "AD(M)"
    complete = table[~np.isnan(table).any(axis=1)]
    n = len(complete)
    if n < 2:
        return withheld(name, n, "raters, in steps of the scale", "it needs two raters who rated every item")
    centre = np.median(complete, axis=0) if median else complete.mean(axis=0)
    value = float(np.abs(complete - centre).mean())
    return Statistic(name, value, None, None, n, "raters, in steps of the scale", "no interval known")
