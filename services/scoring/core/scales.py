"""Figures on the common scale: intervals cut off at its ends, and rounding, which is done once, at the end."""

import math
from functools import lru_cache

from scipy.special import ndtri, stdtrit

from shared.framework import Scale

DECIMALS = 6
"""Of every stored figure: far below what a rating can tell, far above where machines' last bits differ."""
UPPER = 0.975
"""The quantile that a two-sided 95 % interval reaches."""


@lru_cache(maxsize=4096)
def reach(degrees: float) -> float:
    """How many standard errors a 95 % interval reaches to each side: the quantile of Student's t.

    `degrees` of freedom may be fractional; infinite when the variance is known, which gives the normal quantile.
    Source: Student (1908), The probable error of a mean, Biometrika 6(1).

    >>> round(reach(2), 3), round(reach(math.inf), 3)
    (4.303, 1.96)
    """
    return float(ndtri(UPPER) if math.isinf(degrees) else stdtrit(degrees, UPPER))


def interval(scale: Scale, estimate: float, standard_error: float, degrees: float) -> tuple[float, float]:
    """The 95 % interval, cut off at the ends of the scale.

    >>> interval(Scale(minimum=1, maximum=5), 4.5, 0.5, math.inf)[1]
    5.0
    """
    half = reach(degrees) * standard_error
    return cut(scale, estimate - half), cut(scale, estimate + half)


def cut(scale: Scale, value: float) -> float:
    """The point of the scale nearest to a value."""
    return min(max(value, scale.minimum), scale.maximum)


def rounded(value: float) -> float:
    """A figure as it is stored, without a negative zero.

    >>> rounded(-0.00000001)
    0.0
    """
    return round(value, DECIMALS) + 0.0
