"""Posterior variances of crossed random effects without inverting anything: messages between units and effects.

Gaussian belief propagation (Weiss & Freeman 2001, Neural Computation 13:2173). Exact where the graph of who rated whom
has no loops, very near where its loops are long or its raters have many participants; what it leaves out of a large
graph is mostly the common level of everybody, which centring takes out anyway. No chance enters, so neither the order
of units nor names nor the number of threads change a digit that is shown.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]
ROUNDS = 100
ENOUGH = 1e-4


@dataclass(frozen=True, slots=True)
class Side:
    """One side of every unit: an outer effect (participant, or rater) and one nested in it (participant in an exercise,
    or rater with this participant), with their prior variances. `inner` None: there is none.
    """

    outer: Codes
    outer_variance: float
    inner: Codes | None = None
    inner_variance: float = 0.0

    @property
    def nests(self) -> "_Nests":
        """Prepared."""
        return _Nests(self)


class _Nests:
    """A side's levels and what they were told last."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.codes = side.outer if side.inner is None else side.inner
        self.size = int(self.codes.max(initial=-1)) + 1
        self.outer_size = int(side.outer.max(initial=-1)) + 1
        self.parent: Codes = np.zeros(self.size, dtype=np.int64)
        self.parent[self.codes] = side.outer
        self.precision: Vector = np.zeros(self.outer_size)
        self.own: Vector = np.zeros(self.size)
        self.down: Vector = self.own
        self.above: Vector = self.own

    def told(self, heard: Vector) -> Vector:
        """From each unit's message the precision that its level has without it."""
        self.own = np.bincount(self.codes, heard, self.size).astype(float)
        if self.side.inner is None:
            self.precision = np.asarray(1 / self.side.outer_variance + self.own, float)
            return self.precision[self.codes] - heard
        up = self.own / (1 + self.side.inner_variance * self.own)
        self.precision = np.asarray(1 / self.side.outer_variance + np.bincount(self.parent, up, self.outer_size), float)
        self.above = self.precision[self.parent] - up
        self.down = np.asarray(1 / (self.side.inner_variance + 1 / self.above), float)
        without: Vector = (self.down + self.own)[self.codes] - heard
        return without

    def variances(self) -> list[Vector]:
        """Of the outer levels and, where there are any, of the nested effects."""
        outer = 1 / self.precision
        if self.side.inner is None:
            return [outer]
        prior = 1 / self.side.inner_variance
        determinant = (self.own + prior) * (self.above + prior) - prior**2
        return [outer, (self.own + self.above) / determinant]


def marginal_variances(place: Side, rater: Side | None, weight: Vector) -> tuple[list[Vector], Vector]:
    """Variances of each level of each effect (of `place` outer and inner, then of `rater`), and of each unit's sum.

    `weight`: 1 / error variance of each unit. Whether an effect adds or takes away makes no difference to a variance.
    """
    sides = [place.nests] if rater is None else [place.nests, rater.nests]
    error = 1 / np.maximum(weight, 1e-12)
    heard = [1 / (error + 1.0) for _ in sides]
    rest: list[Vector] = []
    for _ in range(ROUNDS):
        rest = [1 / side.told(each) for side, each in zip(sides, heard, strict=True)]
        total = error + sum(rest)
        news = [1 / (total - each) for each in rest]
        moved = max(float(np.abs(new / old - 1).max(initial=0)) for new, old in zip(news, heard, strict=True))
        heard = news
        if moved < ENOUGH:
            break
    cavity = sum(rest, np.zeros(len(weight)))
    return [each for side in sides for each in side.variances()], 1 / (1 / cavity + weight)
