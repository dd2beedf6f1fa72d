"""A result's place in a norm group: its percentile, and how far both errors let it be elsewhere."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, betaincinv

from services.scoring.core.agreement.statistic import LEVEL
from services.scoring.core.norms.group import SMALLEST, USUAL, NormGroup, mix_of
from services.scoring.core.remeasuring.pairing import Figure
from shared.framework import FrameworkPack
from shared.framework.comparing import Comparison, compared

LOWER = (1 - LEVEL) / 2
SHOWN = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
"""Quantiles that a norm table has."""


@dataclass(frozen=True, slots=True)
class Place:
    """A percentile (0 to 100: share of the group below, ties half), its 95 % interval; None where `withheld` says why.

    `provisional`: fewer than 400 people stand behind the norm.
    """

    percentile: float | None
    low: float | None
    high: float | None
    n: int
    provisional: bool
    withheld: str | None = None


@dataclass(frozen=True, slots=True)
class Quantile:
    """A value of the group below which a share lies, with its 95 % interval over groups like this one."""

    share: float
    value: float
    low: float
    high: float


def placed(estimate: float, ends: tuple[float, float], values: Sequence[float]) -> Place:
    """The percentile of an estimate whose own 95 % interval is `ends`, among the sorted `values` of a norm group.

    Two errors: the person's (the percentiles of `ends`) and that the group is a sample (Jeffreys' interval of the
    share; Brown, Cai & DasGupta 2001, Stat. Sci. 16:101). Their distances from the percentile add as squares (the
    method of variance estimates recovery, Zou & Donner 2008, Stat. Med. 27:1693, as in Newcombe's interval).

    >>> values = [x / 100 for x in range(200, 400)]
    >>> found = placed(3.0, (2.8, 3.2), values)
    >>> round(found.percentile), round(found.low), round(found.high)
    (50, 38, 62)
    """
    n = len(values)
    if n < SMALLEST:
        return Place(None, None, None, n, provisional=False, withheld=f"{n} people are no norm group: {SMALLEST} are")
    share = _below(values, estimate)
    below = share * n
    sampled = [float(betaincinv(below + 0.5, n - below + 0.5, at)) for at in (LOWER, 1 - LOWER)]
    person = [_below(values, end) for end in ends]
    low = share - math.hypot(share - min(sampled[0], share), share - min(person[0], share))
    high = share + math.hypot(max(sampled[1], share) - share, max(person[1], share) - share)
    return Place(100 * share, 100 * max(low, 0.0), 100 * min(high, 1.0), n, provisional=n < USUAL)


@dataclass(frozen=True)
class Terms:
    """A norm group beside one cohort's framework: what may be compared with it."""

    group: NormGroup
    frameworks: Comparison

    @classmethod
    def of(cls, group: NormGroup, framework: FrameworkPack) -> "Terms":
        """Compare the frameworks once."""
        return cls(group, compared(group.framework, framework))

    def place(self, figure: Figure, ends: tuple[float, float]) -> Place:
        """A figure's place, or why it has none."""
        mix, values = self.group.values.get(figure.key, ((), ()))
        if not values:
            return _none(f"fewer than {SMALLEST} people of the group have this figure")
        if not self.frameworks.comparable(*figure.key):
            return _none(f"{self.frameworks.old} and {self.frameworks.new} don't ask the same for it")
        if figure.described_by != self.group.described_by:
            return _none(f"described by {figure.described_by}, the group by {self.group.described_by}")
        if mix_of(figure) != mix:
            return _none("it is a mixture of other sources than the group's")
        return placed(figure.estimate, ends, values)


def quantiles(values: Sequence[float]) -> list[Quantile]:
    """The norm table of sorted values: order statistics, and distribution-free intervals from the binomial (Conover
    1999, Practical Nonparametric Statistics, § 3.2).
    """
    n = len(values)
    found = []
    for share in SHOWN:
        chance = bdtr(np.arange(n + 1), n, share)
        first, last = (int(np.searchsorted(chance, at)) for at in (LOWER, 1 - LOWER))
        at = float(np.quantile(values, share))
        found.append(Quantile(share, at, values[max(first - 1, 0)], values[min(last, n - 1)]))
    return found


def _below(values: Sequence[float], at: float) -> float:
    """Share below, ties half."""
    left, right = bisect_left(values, at), bisect_right(values, at)
    return (left + right) / 2 / len(values)


def _none(reason: str) -> Place:
    return Place(None, None, None, 0, provisional=False, withheld=reason)
