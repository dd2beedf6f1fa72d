"""The difference of two groups' means, participants as units."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.scoring.core.scales import reach

SMALLEST = 10
"""Participants of each group below which a mean's interval leans on normality more than on data."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Focal less reference, in points of the scale, with Welch's 95 % interval (1947, Biometrika 34:28); `g`: the same
    in pooled standard deviations, Hedges' correction (1981, J. Educ. Stat. 6:107). None where `withheld` says why.
    """

    n: int
    reference_n: int
    difference: float | None
    low: float | None
    high: float | None
    g: float | None
    withheld: str | None = None

    @property
    def conclusive(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def difference(focal: Sequence[float], reference: Sequence[float]) -> Difference:
    """One value a participant in each."""
    n, m = len(focal), len(reference)
    if min(n, m) < SMALLEST:
        return _none(n, m, f"a difference of means needs {SMALLEST} people in each group")
    one, other = np.asarray(focal, dtype=float), np.asarray(reference, dtype=float)
    parts = [float(values.var(ddof=1)) / len(values) for values in (one, other)]
    apart = float(one.mean() - other.mean())
    error = math.sqrt(sum(parts))
    if error == 0:
        return _none(n, m, "nobody differs from anybody in either group")
    degrees = sum(parts) ** 2 / sum(p**2 / (k - 1) for p, k in zip(parts, (n, m), strict=True))
    half = reach(degrees) * error
    pooled = math.sqrt((parts[0] * n * (n - 1) + parts[1] * m * (m - 1)) / (n + m - 2))
    g = apart / pooled * (1 - 3 / (4 * (n + m) - 9))
    return Difference(n, m, apart, apart - half, apart + half, g)


def _none(n: int, m: int, reason: str) -> Difference:
    return Difference(n, m, None, None, None, None, reason)
