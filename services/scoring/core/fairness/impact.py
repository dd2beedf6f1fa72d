"""Adverse impact: how often a group is selected beside a reference group, with exact p and honest intervals."""

import math
from dataclasses import dataclass

from scipy.stats import binomtest, fisher_exact

from services.scoring.core.agreement.statistic import LEVEL

FOUR_FIFTHS = 0.8
"""Ratio below which the Uniform Guidelines (1978, 29 CFR 1607.4 D) see evidence of adverse impact. A rule of thumb."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many of n were selected, with Wilson's 95 % interval (1927, J. Am. Stat. Assoc. 22:209) by scipy."""

    selected: int
    n: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Impact:
    """A focal group beside the reference group.

    `ratio`: of their rates; None where the reference has none. `difference`: focal less reference, with Newcombe's
    interval. `p`: Fisher's exact test, two-sided. `conclusive`: the exact p is below 0.05.
    """

    focal: Share
    reference: Share
    ratio: float | None
    difference: float
    low: float
    high: float
    p: float
    conclusive: bool

    @property
    def reading(self) -> str:
        """What may be said, in words."""
        if not self.conclusive:
            low, high = (f"{100 * end:+.0f}" for end in (self.low, self.high))
            return f"no conclusion possible: the difference may be anything from {low} to {high} points"
        rare = self.ratio is not None and self.ratio < FOUR_FIFTHS
        often = "less" if self.difference < 0 else "more"
        fifths = "; the ratio is below four fifths" if rare else ""
        return f"selected {often} often than the reference group, beyond chance{fifths}"


def share(selected: int, n: int) -> Share:
    """Raises ValueError unless 0 ≤ selected ≤ n and 1 ≤ n."""
    if not 0 <= selected <= n or n < 1:
        raise ValueError(f"{selected} of {n} can't be selected")
    interval = binomtest(selected, n).proportion_ci(LEVEL, method="wilson")
    return Share(selected, n, selected / n, float(interval.low), float(interval.high))


def impact(focal: Share, reference: Share) -> Impact:
    """Compare two groups. The interval is Newcombe's hybrid score (1998, Stat. Med. 17:873, method 10): the distances
    to the ends of the two Wilson intervals, added as squares.

    >>> found = impact(share(1, 3), share(3, 4))
    >>> round(found.ratio, 2), round(found.p, 2), round(found.low, 2), round(found.high, 2)
    (0.44, 0.49, -0.76, 0.23)
    """
    difference = focal.rate - reference.rate
    table = [[each.selected, each.n - each.selected] for each in (focal, reference)]
    p = float(fisher_exact(table).pvalue)
    return Impact(
        focal=focal,
        reference=reference,
        ratio=focal.rate / reference.rate if reference.selected else None,
        difference=difference,
        low=difference - math.hypot(focal.rate - focal.low, reference.high - reference.rate),
        high=difference + math.hypot(focal.high - focal.rate, reference.rate - reference.low),
        p=min(p, 1.0),
        conclusive=p < 1 - LEVEL,
    )
