"""Means of groups drawn towards a common one by as much as their own error makes likely (empirical Bayes).

With y a group's mean, v its error variance, M the common mean and ω² the variance between groups' true means:

    drawn = (ω² y + v M) / (ω² + v),  variance = ω² v / (ω² + v) + (v / (ω² + v))² var(M)

Source: Morris 1983, Journal of the American Statistical Association 78:47. Raw mean and n always stand beside.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from services.scoring.core.minimum_n import MINIMA
from services.scoring.core.scales import cut, reach
from shared.framework import Scale

BETWEEN_GROUPS = 0.047
"""Standard deviation between organisations' true means, in widths of the scale, where it can't be estimated: a tenth of
the variance between participants (`gaps.PARTICIPANTS`). Ours."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A group's mean after drawing, with its 95 % interval, cut off at the ends of the scale."""

    estimate: float
    low: float
    high: float


def drawn(scale: Scale, mean: float, error: float, *, towards: float, towards_error: float, between: float) -> Drawn:
    """One group's mean. `between`: standard deviation between groups' true means, in points.

    >>> found = drawn(Scale(minimum=1, maximum=5), 2.0, 0.5, towards=3.0, towards_error=0.1, between=0.5)
    >>> round(found.estimate, 2)
    2.5
    """
    own, spread = error**2, between**2
    share = own / (own + spread) if own + spread > 0 else 0.0
    estimate = (1 - share) * mean + share * towards
    half = reach(math.inf) * math.sqrt(spread * share + share**2 * towards_error**2)
    return Drawn(estimate, cut(scale, estimate - half), cut(scale, estimate + half))


@dataclass(frozen=True, slots=True)
class Common:
    """The mean of groups' true means, its standard error, and their standard deviation; whether that was estimated."""

    mean: float
    error: float
    between: float
    estimated: bool


def common_of(scale: Scale, means: Sequence[float], errors: Sequence[float]) -> Common:
    """What groups have in common: by moments (DerSimonian & Laird 1986, Controlled Clinical Trials 7:177) from enough
    groups on, below with the stated variance between them.
    """
    estimated = len(means) >= MINIMA["variance between groups"].n
    between = _moments(means, errors) if estimated else (BETWEEN_GROUPS * (scale.maximum - scale.minimum)) ** 2
    weights = [1 / (between + error**2) for error in errors]
    total = math.fsum(weights)
    mean = math.fsum(weight * each for weight, each in zip(weights, means, strict=True)) / total
    return Common(mean, math.sqrt(1 / total), math.sqrt(between), estimated)


def _moments(means: Sequence[float], errors: Sequence[float]) -> float:
    weights = [1 / error**2 for error in errors]
    total = math.fsum(weights)
    mean = math.fsum(w * m for w, m in zip(weights, means, strict=True)) / total
    spread = math.fsum(w * (m - mean) ** 2 for w, m in zip(weights, means, strict=True))
    scale = total - math.fsum(w**2 for w in weights) / total
    return max((spread - (len(means) - 1)) / scale, 0.0)
