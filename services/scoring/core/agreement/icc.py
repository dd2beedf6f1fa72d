"""Intraclass correlations: how much of what differs between ratings differs between the people rated.

Six forms under both their names: Shrout & Fleiss (1979, Psychol. Bull. 86:420) and McGraw & Wong (1996, Psychol.
Methods 1:30). Complete tables by analysis of variance with those papers' intervals; tables with holes by a mixed model,
nothing dropped, with intervals by the delta method on Fisher's z.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtri

from services.scoring.core.agreement.components import NotConverged, TooManyRatings, estimated
from services.scoring.core.agreement.statistic import LEVEL, Statistic, Z, withheld

Table = NDArray[np.float64]
UPPER = 0.5 + LEVEL / 2


@dataclass(frozen=True, slots=True)
class Form:
    """One of the six. `k`: for the mean of all raters. `names`: Shrout & Fleiss, McGraw & Wong."""

    names: tuple[str, str]
    meaning: str
    averaged: bool
    one_way: bool = False
    absolute: bool = False


FORMS: tuple[Form, ...] = (
    Form(("ICC(1,1)", "ICC(1)"), "one rating, each person rated by other raters", averaged=False, one_way=True),
    Form(("ICC(2,1)", "ICC(A,1)"), "one rating, absolute agreement", averaged=False, absolute=True),
    Form(("ICC(3,1)", "ICC(C,1)"), "one rating, consistency", averaged=False),
    Form(("ICC(1,k)", "ICC(k)"), "mean of {k} ratings, each person rated by other raters", averaged=True, one_way=True),
    Form(("ICC(2,k)", "ICC(A,k)"), "mean of {k} raters, absolute agreement", averaged=True, absolute=True),
    Form(("ICC(3,k)", "ICC(C,k)"), "mean of {k} raters, consistency", averaged=True),
)


def intraclass_correlations(table: Table) -> list[Statistic]:
    """All six forms for `table` (shape people × raters; NaN: not rated), each with its 95 % interval; n counts people.

    People with fewer than two ratings say nothing about agreement and are left out.
    """
    table = table[np.sum(~np.isnan(table), axis=1) >= 2]
    table = table[:, ~np.all(np.isnan(table), axis=0)] if len(table) else table
    n, k = table.shape
    if n < 2 or k < 2:
        return [_none(form, n, k, "it needs two people with two ratings each") for form in FORMS]
    if np.nanvar(table) == 0:
        return [_none(form, n, k, "every rating is the same") for form in FORMS]
    return _complete(table) if not np.isnan(table).any() else _with_holes(table)


def _name(form: Form) -> str:
    return f"{form.names[0]} = {form.names[1]}"


def _none(form: Form, n: int, k: int, reason: str) -> Statistic:
    return withheld(_name(form), n, form.meaning.format(k=k), reason)


# ---------------------------------------------------------------------------------------------------- complete tables


@dataclass(frozen=True, slots=True)
class _Squares:
    """Mean squares of a complete table: between people, within people, between raters, residual."""

    n: int
    k: int
    people: float
    within: float
    raters: float
    residual: float


def _squares(table: Table) -> _Squares:
    n, k = table.shape
    grand = table.mean()
    people = k * float(((table.mean(axis=1) - grand) ** 2).sum())
    raters = n * float(((table.mean(axis=0) - grand) ** 2).sum())
    total = float(((table - grand) ** 2).sum())
    return _Squares(
        n,
        k,
        people / (n - 1),
        (total - people) / (n * (k - 1)),
        raters / (k - 1),
        (total - people - raters) / ((n - 1) * (k - 1)),
    )


def _complete(table: Table) -> list[Statistic]:
    squares = _squares(table)
    if squares.people == 0:
        return [_none(form, squares.n, squares.k, "all people have the same mean") for form in FORMS]
    found = []
    for form in FORMS:
        single, low, high = _one_way(squares) if form.one_way else _two_way(squares, absolute=form.absolute)
        stepped = [_stepped_up(each, squares.k) for each in (single, low, high)] if form.averaged else None
        value, low, high = stepped or (single, low, high)
        found.append(Statistic(_name(form), value, low, high, squares.n, form.meaning.format(k=squares.k)))
    return found


def _stepped_up(single: float, k: int) -> float:
    """Reliability of the mean of k ratings from that of one (Spearman and Brown).

    >>> round(_stepped_up(0.5, 4), 2)
    0.8
    """
    bottom = 1 + (k - 1) * single
    return k * single / bottom if bottom > 0 else -math.inf


def _ratio(f: float, k: int) -> float:
    """(F - 1) / (F + k - 1): what a ratio of mean squares says of one rating."""
    return 1.0 if math.isinf(f) else (f - 1) / (f + k - 1)


def _by_f(f: float, df1: float, df2: float, k: int) -> tuple[float, float, float]:
    low = f / float(fdtri(df1, df2, UPPER))
    high = f * float(fdtri(df2, df1, UPPER))
    return _ratio(f, k), _ratio(low, k), _ratio(high, k)


def _over(top: float, bottom: float) -> float:
    return top / bottom if bottom > 0 else math.inf


def _one_way(s: _Squares) -> tuple[float, float, float]:
    return _by_f(_over(s.people, s.within), s.n - 1, s.n * (s.k - 1), s.k)


def _two_way(s: _Squares, *, absolute: bool) -> tuple[float, float, float]:
    f = _over(s.people, s.residual)
    if not absolute:
        return _by_f(f, s.n - 1, (s.n - 1) * (s.k - 1), s.k)
    value = (s.people - s.residual) / (s.people + (s.k - 1) * s.residual + s.k * (s.raters - s.residual) / s.n)
    return value, *_absolute_interval(s, value)


def _absolute_interval(s: _Squares, value: float) -> tuple[float, float]:
    """Shrout & Fleiss (1979), p. 424, after Satterthwaite."""
    if s.residual == 0:
        return math.nan, 1.0
    f_raters = s.raters / s.residual
    a = s.k * value * f_raters + s.n * (1 + (s.k - 1) * value) - s.k * value
    b = (s.k * value * f_raters) ** 2 + (s.n * (1 + (s.k - 1) * value) - s.k * value) ** 2 / (s.n - 1)
    degrees = (s.n - 1) * (s.k - 1) * a**2 / ((s.n - 1) * b) if b > 0 else (s.n - 1) * (s.k - 1)
    upper, lower = float(fdtri(s.n - 1, degrees, UPPER)), float(fdtri(degrees, s.n - 1, UPPER))
    within = s.k * s.raters + (s.k * s.n - s.k - s.n) * s.residual
    low = s.n * (s.people - upper * s.residual) / (upper * within + s.n * s.people)
    high = s.n * (lower * s.people - s.residual) / (within + s.n * lower * s.people)
    return low, high


# ------------------------------------------------------------------------------------------------- tables with holes


def _with_holes(table: Table) -> list[Statistic]:
    """By REML on the ratings that are there; `k` of the averaged forms is the number of raters (columns)."""
    n, k = table.shape
    people, raters = np.nonzero(~np.isnan(table))
    ratings = table[people, raters]
    try:
        fit = estimated(ratings, {"people": people.tolist(), "raters": raters.tolist()})
    except (NotConverged, TooManyRatings) as error:
        return [_none(form, n, k, str(error)) for form in FORMS]
    found = []
    for form in FORMS:
        share = _share(form, k)
        theta = np.array(list(fit.variance.values()))
        value = share(theta)
        if theta[0] == 0:
            found.append(_none(form, n, k, "people do not differ by more than chance"))
            continue
        slope = _slope(share, theta)
        deviation = math.sqrt(max(float(slope @ fit.covariance @ slope), 0.0))
        low, high = _by_z(value, deviation)
        found.append(Statistic(_name(form), value, low, high, n, form.meaning.format(k=k)))
    return found


def _share(form: Form, k: int) -> Callable[[NDArray[np.float64]], float]:
    """The form as a function of the components (people, raters, residual)."""
    size = k if form.averaged else 1

    def two_way(theta: NDArray[np.float64]) -> float:
        people, raters, residual = theta
        return float(people / (people + (residual + (raters if form.absolute else 0.0)) / size))

    def one_way(theta: NDArray[np.float64]) -> float:
        """By the mean squares that a complete table with these components would have, as R's psych does."""
        people, raters, residual = theta
        between, within = k * people + residual, raters + residual
        return float((between - within) / (between + (0 if form.averaged else k - 1) * within))

    return one_way if form.one_way else two_way


def _slope(share: Callable[[NDArray[np.float64]], float], theta: NDArray[np.float64]) -> NDArray[np.float64]:
    step = 1e-6 * max(float(theta.sum()), 1e-12)
    ahead = [share(theta + step * np.eye(len(theta))[each]) for each in range(len(theta))]
    return (np.array(ahead) - share(theta)) / step


def _by_z(value: float, error: float) -> tuple[float, float]:
    """An interval on Fisher's z, where a correlation's error is more nearly normal."""
    bounded = min(max(value, -1 + 1e-9), 1 - 1e-9)
    half = Z * error / (1 - bounded**2)
    return math.tanh(math.atanh(bounded) - half), math.tanh(math.atanh(bounded) + half)


def of_groups(groups: Sequence[Sequence[float]]) -> list[Statistic]:
    """ICC(1) and ICC(2) of one rating and of a group's mean, for groups of unequal size, by one-way analysis of
    variance with the mean group size (Bliese 2000, in Klein & Kozlowski, Multilevel Theory, p. 355). n counts groups.
    """
    sized = [np.asarray(group, dtype=float) for group in groups if len(group)]
    n, total = len(sized), sum(len(group) for group in sized)
    if n < 2 or total <= n:
        return [
            withheld(name, n, "groups", "it needs two groups, and two ratings in one") for name in ("ICC(1)", "ICC(2)")
        ]
    grand = float(np.concatenate(sized).mean())
    between = sum(len(g) * (float(g.mean()) - grand) ** 2 for g in sized) / (n - 1)
    within = sum(float(((g - g.mean()) ** 2).sum()) for g in sized) / (total - n)
    size = total / n
    f = _over(between, within)
    bounds = (f, f / float(fdtri(n - 1, total - n, UPPER)), f * float(fdtri(total - n, n - 1, UPPER)))
    one, low, high = ((each - 1) / (each + size - 1) if not math.isinf(each) else 1.0 for each in bounds)
    mean, mean_low, mean_high = (1 - 1 / each if each > 0 else -math.inf for each in bounds)
    return [
        Statistic("ICC(1)", one, low, high, n, "one rating, groups of unequal size"),
        Statistic("ICC(2)", mean, mean_low, mean_high, n, "a group's mean"),
    ]
