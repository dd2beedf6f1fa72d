"""Differential item functioning: whether an item is answered differently about people of two groups whose level is
the same.

Mantel's test (1963, J. Am. Stat. Assoc. 58:690) over strata of the matching score, with the participant as unit: the
item's score is the mean over the raters, as ratings by one rater share a halo. Effect size: the standardised mean
difference (Dorans & Schmitt 1991, ETS RR-91-47), in points and in the item's standard deviations. It finds uniform DIF:
a difference that changes its sign along the scale is missed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import false_discovery_control

from services.scoring.core.agreement.statistic import LEVEL, Z

Values = NDArray[np.float64]
SMALLEST = 100
"""Participants of each group below which DIF is not assessed."""
USUAL = 200
"""From which it is not provisional (Zwick 2012, ETS RR-12-08, asks for about as many)."""
STRATA = 10
MODERATE, LARGE = 0.17, 0.25
"""|SMD| / SD of ETS's categories B and C (Zwick, Thayer & Mazzeo 1997, Appl. Meas. Educ. 10:321)."""


@dataclass(frozen=True, slots=True)
class ItemFunctioning:
    """One item. `smd` > 0: answered higher about the focal group than about people of the same level in the reference
    group, in points; `effect`: the same in standard deviations of the item. `p`: Mantel, two-sided; `adjusted`: after
    Benjamini & Hochberg (1995, J. R. Stat. Soc. B 57:289) over the items. `category`: A negligible, B moderate, C
    large.
    """

    item: str
    n: int
    reference_n: int
    smd: float
    low: float
    high: float
    effect: float
    p: float
    adjusted: float
    category: str
    provisional: bool


def functioning(items: Mapping[str, Values], focal: NDArray[np.bool_]) -> tuple[list[ItemFunctioning], str | None]:
    """Every item of one scale, and why there is none where the data don't carry it.

    `items`: item → mean over raters of each participant (shape n), NaN where nobody answered it. `focal`: shape n;
    the others are the reference group. The matching score is the mean of the items that were answered.
    """
    n, m = int(focal.sum()), int((~focal).sum())
    if min(n, m) < SMALLEST:
        return [], f"DIF needs {SMALLEST} people in each group; here are {n} and {m}"
    if len(items) < 4:
        return [], f"DIF needs four items to match people by; here are {len(items)}"
    table = np.column_stack(list(items.values()))
    answered = ~np.isnan(table)
    matching = np.nansum(table, axis=1) / np.maximum(answered.sum(axis=1), 1)
    matching[~answered.any(axis=1)] = np.nan
    found = [each for name, scores in items.items() if (each := _item(name, scores, focal, matching)) is not None]
    if not found:
        return [], f"no item was answered about {SMALLEST} people of each group who can be matched"
    adjusted = false_discovery_control([each.p for each in found])
    return [_judged(each, float(p)) for each, p in zip(found, adjusted, strict=True)], None


def _item(name: str, scores: Values, focal: NDArray[np.bool_], matching: Values) -> ItemFunctioning | None:
    kept = np.isfinite(scores) & np.isfinite(matching)
    y, of_focal = scores[kept], focal[kept]
    strata = [rows for rows in _strata(matching[kept]) if of_focal[rows].any() and not of_focal[rows].all()]
    n, m = (sum(int((of_focal[rows] == wanted).sum()) for rows in strata) for wanted in (True, False))
    if min(n, m) < SMALLEST:
        return None
    parts = [_stratum(y[rows], of_focal[rows]) for rows in strata]
    apart = sum(each.excess for each in parts)
    variance = sum(each.variance for each in parts)
    deviation = float(np.std(y, ddof=1))
    if variance <= 0 or deviation <= 0:
        return None
    smd = sum(each.focal * each.difference for each in parts) / n
    error = math.sqrt(sum((each.focal * each.scale) ** 2 * each.variance for each in parts)) / n
    p = 2 * float(ndtr(-abs(apart) / math.sqrt(variance)))
    return ItemFunctioning(
        name, n, m, smd, smd - Z * error, smd + Z * error, smd / deviation, p, p, "", min(n, m) < USUAL
    )


@dataclass(frozen=True, slots=True)
class _Stratum:
    focal: int
    difference: float
    """Of the means."""
    excess: float
    """Of the focal group's sum over what chance would give it."""
    variance: float
    """Of that sum, if who is focal were chance (hypergeometric)."""
    scale: float
    """From that sum to the difference of means: 1 / n focal + 1 / n reference."""


def _stratum(y: Values, focal: NDArray[np.bool_]) -> _Stratum:
    n, t = int(focal.sum()), len(y)
    total, squares = float(y.sum()), float(((y - y.mean()) ** 2).sum())
    given = float(y[focal].sum())
    return _Stratum(
        focal=n,
        difference=given / n - (total - given) / (t - n),
        excess=given - n * total / t,
        variance=n * (t - n) / (t * (t - 1)) * squares if t > 1 else 0.0,
        scale=1 / n + 1 / (t - n),
    )


def _strata(matching: Values) -> Sequence[NDArray[np.int64]]:
    """Rows of each stratum: tenths of the matching score, equal scores together."""
    edges = np.unique(np.quantile(matching, np.linspace(0, 1, STRATA + 1)[1:-1]))
    place = np.searchsorted(edges, matching, side="left")
    return [np.nonzero(place == at)[0] for at in np.unique(place)]


def _judged(each: ItemFunctioning, adjusted: float) -> ItemFunctioning:
    size = abs(each.effect)
    found = adjusted < 1 - LEVEL and size >= MODERATE
    return replace(each, adjusted=adjusted, category="A" if not found else "C" if size > LARGE else "B")
