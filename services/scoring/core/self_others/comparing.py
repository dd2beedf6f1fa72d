"""Self beside others, one figure at a time: the difference, its error, and a name only where it is beyond that."""

import math
from dataclasses import dataclass
from enum import StrEnum

from services.scoring.core.scales import reach
from shared.framework import Scale

RESIDUAL = 0.175
"""Standard deviation of one rating around its giver's mean, in widths of the scale (0.7 points of 1 to 5); the same
stated value as in `rater-means/1`. A participant gives each item once, so own error can't be estimated from them.
"""
NEGLIGIBLE = 1e-4
"""Share of the others in the error below which its degrees of freedom do not count."""


class Category(StrEnum):
    """How self lies to others."""

    IN_AGREEMENT = "in_agreement"
    """The difference does not exceed its error. It may still be there."""
    OVER = "over"
    """Self is higher, beyond error."""
    UNDER = "under"
    """Self is lower, beyond error."""

    @property
    def label(self) -> str:
        """The words that people read."""
        return {"in_agreement": "no difference beyond error", "over": "self higher", "under": "self lower"}[self.value]


@dataclass(frozen=True, slots=True)
class Others:
    """What the others say: mean of their raters' means, its standard error, the raters behind it, and the items.

    `anchored`: the error rests on a stated variance (fewer than three raters).
    """

    estimate: float
    standard_error: float
    raters: int
    items: int
    anchored: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """Self less others on the cohort's scale, its standard error, 95 % interval and category."""

    own: float
    others: float
    difference: float
    standard_error: float
    low: float
    high: float
    category: Category
    raters: int
    items: int


def compared(own: float, others: Others, scale: Scale) -> Compared:
    """Compare a participant's own mean with that of the others on the same items.

    SE² = SE_others² + (0.175 · width)² / items. The others' error has the rater as its unit; the participant's view is
    what is compared, so of it only the choice of items is error. Student's t with Welch's degrees of freedom (1947,
    Biometrika 34:28). The category is `over` or `under` where the interval leaves 0 out.
    """
    of_others = others.standard_error**2
    of_own = (RESIDUAL * (scale.maximum - scale.minimum)) ** 2 / max(others.items, 1)
    error = math.sqrt(of_others + of_own)
    share = of_others / error**2
    known = others.anchored or share < NEGLIGIBLE
    degrees = math.inf if known else (others.raters - 1) / share**2
    half = reach(degrees) * error
    difference = own - others.estimate
    low, high = difference - half, difference + half
    category = Category.OVER if low > 0 else Category.UNDER if high < 0 else Category.IN_AGREEMENT
    return Compared(own, others.estimate, difference, error, low, high, category, others.raters, others.items)
