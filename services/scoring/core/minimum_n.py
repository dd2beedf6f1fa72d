"""The smallest n of each statistic: below it talentline does not show the figure, and says why. The one place for it.

Source: the method review's simulated cohorts, and what each statistic's literature asks for. docs/statistics.md has the
same table for readers.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Minimum:
    """`n` of `unit` that a statistic needs; `instead`: what stands there below."""

    n: int
    unit: str
    instead: str


PARTICIPANTS, RATERS = "participants", "raters"
MINIMA: Mapping[str, Minimum] = {
    "mean of a participant": Minimum(1, RATERS, "nothing: there is no evidence"),
    "interval from raters' own spread": Minimum(3, RATERS, "an interval on stated variances, marked as such"),
    "rater group shown apart": Minimum(3, RATERS, "the group merged with others, or withheld"),
    "spread within a rater group": Minimum(5, RATERS, "the group's mean only"),
    "band from means": Minimum(1, PARTICIPANTS, "no band"),
    "rater-adjusted estimate": Minimum(30, PARTICIPANTS, "means with the rater as unit, and the reason"),
    "band from adjusted estimates": Minimum(30, PARTICIPANTS, "a band from means"),
    "severity of raters": Minimum(30, PARTICIPANTS, "nothing: severities would be noise"),
    "variance components": Minimum(100, PARTICIPANTS, "stated variances (anchors)"),
    "method variance": Minimum(100, PARTICIPANTS, "a stated variance (anchor)"),
    "ranks of participants": Minimum(30, PARTICIPANTS, "estimates with intervals, in no order of merit"),
    "percentiles and norms": Minimum(100, PARTICIPANTS, "no norms"),
    "differential item functioning": Minimum(100, "participants of each group", "cannot be assessed, with counts"),
    "self and others by polynomial regression": Minimum(100, PARTICIPANTS, "profiles with errors"),
    "steps of an item's own": Minimum(100, "ratings of the item", "steps common to all items"),
    "category of an answer scale": Minimum(10, "ratings of the category", "categories pooled, and reported"),
    "fit of a rater or item": Minimum(20, "ratings", "no mean-square is read"),
    "variance between groups": Minimum(5, "groups", "a stated variance"),
    "figure in a public table": Minimum(10, PARTICIPANTS, "suppressed, and the next smallest with it"),
}
"""Statistic → its minimum."""


def withheld(statistic: str, n: int) -> str | None:
    """Why a statistic is not shown at this n, in words; None where it is. Raises KeyError for an unknown statistic.

    >>> withheld("percentiles and norms", 7)
    'percentiles and norms: 7 participants, fewer than 100: no norms'
    """
    minimum = MINIMA[statistic]
    if n >= minimum.n:
        return None
    return f"{statistic}: {n} {minimum.unit}, fewer than {minimum.n}: {minimum.instead}"
