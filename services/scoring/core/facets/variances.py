"""Variance components: the anchors of small cohorts, and how they are learned in larger ones."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
LEAST, MOST = 1e-4, 25.0
ANCHORED, WIDEST = 2, 5.0
"""Units with the anchor's halo that are added to those of a small cohort, and how many times the anchor it may
be: a handful can't carry a variance.
"""
HASTE = 0.6
"""How much further than it should a variance goes in a round: it would come near in ever smaller steps."""


@dataclass(frozen=True, slots=True)
class Variances:
    """Variances of the effects, in squared logits. The defaults are the anchors of small cohorts: ours, a little wider
    than what simulated cohorts at literature-like reliability have. `severity` is 0 where every rater rated one person:
    it is then a part of `halo`.
    """

    participant: float = 1.0
    severity: float = 0.25
    halo: float = 0.6
    scene: float = 0.3

    def learned(self, found: Mapping[str, tuple[Vector, Vector]]) -> "Variances":
        """After a round that found these means and posterior variances of each effect's levels."""
        moved = {}
        for name, (mean, posterior) in found.items():
            before = float(getattr(self, name))
            wanted = schall(before, mean, posterior)
            moved[name] = min(max(wanted * (wanted / before) ** HASTE, LEAST), MOST)
        return replace(self, **moved)

    def widened(self, anchors: "Variances", found: Mapping[str, tuple[Vector, Vector]]) -> "Variances":
        """The same where anchors hold, for what differs between raters: it may grow beyond its anchor, never shrink."""
        mean, posterior = found["halo"]
        effective = max(len(mean) - float(posterior.sum()) / self.halo, 0.0)
        wanted = (float((mean * mean).sum()) + ANCHORED * anchors.halo) / (effective + ANCHORED)
        hasty = wanted * (wanted / self.halo) ** HASTE
        return replace(self, halo=min(max(hasty, anchors.halo), WIDEST * anchors.halo))

    def distance(self, other: "Variances") -> float:
        """Of that which differs most."""
        return max(abs(float(getattr(self, name)) - float(getattr(other, name))) for name in Variances.__slots__)


def schall(variance: float, mean: Vector, posterior: Vector) -> float:
    """M'm / (levels - sum of posterior variance / variance): Schall (1991, Biometrika 78:719). Sums in an order of
    their own: that of a linear algebra library depends on the number of threads.
    """
    effective = len(mean) - float(posterior.sum()) / variance
    return float((mean * mean).sum()) / effective if effective > 1e-6 else variance / 2
