"""Random effects by weighted least squares with shrinkage: participant, rater and what belongs to both, all at once.

The equations of a linear mixed model (Henderson 1975, Biometrics 31:423). Where few enough effects are left once all
others are eliminated, they are inverted exactly (`elimination`); larger ones are solved by conjugate gradients
(`gradients`) and their variances found by `messages`, put right by those of some participants that are solved for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from services.scoring.core.facets.elimination import Elimination
from services.scoring.core.facets.gradients import Gradients, Nesting
from services.scoring.core.facets.messages import Side, marginal_variances

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]
EXACT = 2_000
"""Linked unknowns, others eliminated, that are inverted exactly where variances are shown."""
QUICK = 300
"""The same while learning, in every round."""
SOLVED_FOR = 24
"""Participants (and raters), spread over the range of variances, by whom those of messages are put right."""
NEGATIVE = frozenset({"severity", "halo"})
"""Effects that take away: kept so that a nested effect has the sign of the one it is nested in."""
PLACE, RATER = ("participant", "scene"), ("severity", "halo")


@dataclass(frozen=True, slots=True)
class Solution:
    """Posterior means of each effect's levels, their variances, and the variance of each unit's sum of effects. The
    variances of participants are of what stands above or below their mean: a level common to all is no part of it.
    """

    means: Mapping[str, Vector]
    variances: Mapping[str, Vector]
    of_units: Vector
    at_units: Vector
    """Each unit's sum of effects."""


class Design:
    """Which effects each unit has: codes of levels by name, participant first, then any of scene, severity, halo."""

    def __init__(self, effects: Mapping[str, Codes]) -> None:
        self.effects = dict(effects)
        self.levels = {name: int(codes.max(initial=-1)) + 1 for name, codes in effects.items()}
        ends = np.cumsum(list(self.levels.values())).tolist()
        self._span = {name: slice(*each) for name, each in zip(effects, pairwise([0, *ends]), strict=True)}
        signs = np.array([-1.0 if name in NEGATIVE else 1.0 for name in effects])
        columns = np.stack([codes + self._span[name].start for name, codes in effects.items()], axis=1)
        rows = np.repeat(np.arange(len(columns)), len(signs))
        shape = (len(columns), ends[-1])
        self.matrix = sparse.csr_matrix((np.tile(signs, len(columns)), (rows, columns.ravel())), shape=shape)
        self._gradients = Gradients(self.matrix, [self._nesting(*names) for names in (PLACE, RATER)])

    @cached_property
    def _elimination(self) -> Elimination:
        """By whichever side leaves less work. Participants can stay only where nothing is nested in either side."""
        sides = [name for name in ("severity", "participant") if name in self.effects]
        if set(self.effects) != {"participant", "severity"}:
            sides = [name for name in sides if name == "severity"]
        kept = [self._span[name] for name in sides] or [slice(0, 0)]
        return min((Elimination(self.matrix, span) for span in kept), key=lambda each: each.work)

    def solved(
        self, weight: Vector, response: Vector, variance: Mapping[str, float], *, shown: bool = True
    ) -> Solution:
        """Posterior of the effects, given each unit's weight (1 / error variance) and response, and the effects' prior
        variances by name. `shown` False, in passing: exact in small designs only.
        """
        penalty = np.concatenate([np.full(size, 1 / variance[name]) for name, size in self.levels.items()])
        right = self.matrix.T @ (weight * response)
        if self._elimination.work <= float(EXACT if shown else QUICK) ** 3:
            means, variances, of_units = self._elimination.solved(weight, right, penalty, self._span["participant"])
            return Solution(self._split(means), self._split(variances), of_units, self.matrix @ means)
        return self._by_messages(weight, right, penalty, variance, put_right=shown)

    # --------------------------------------------------------------------------------------------------- by messages

    def _by_messages(
        self, weight: Vector, right: Vector, penalty: Vector, variance: Mapping[str, float], *, put_right: bool
    ) -> Solution:
        means = self._gradients.solved(weight, right, penalty)
        place, rater = self._side(PLACE, variance), self._side(RATER, variance)
        found, of_units = marginal_variances(place or Side(np.zeros(0, np.int64), 1.0), rater, weight)
        variances = dict(zip((n for n in (*PLACE, *RATER) if n in self.effects), found, strict=True))
        if put_right:
            for name in ("participant", "severity"):
                if name in self.effects:
                    variances[name] = self._put_right(name, variances[name], weight, penalty)
        return Solution(self._split(means), variances, of_units, self.matrix @ means)

    def _put_right(self, name: str, near: Vector, weight: Vector, penalty: Vector) -> Vector:
        """Messages go round in circles where raters share participants, and believe what they said themselves. So some
        levels' variances are solved for, and all are scaled by what those were short of.
        """
        span, size = self._span[name], len(near)
        chosen = np.argsort(near, kind="stable")[np.linspace(0, size - 1, min(SOLVED_FOR, size)).astype(np.int64)]
        common = np.zeros(len(penalty))
        if name == "participant":
            common[span] = 1 / size
            common = self._gradients.solved(weight, common, penalty, afresh=True)
        exact = [self._gradients.variance(span.start + int(n), weight, penalty) - 2 * common[span][n] for n in chosen]
        level = float(common[span].mean())
        scaled: Vector = near * (float(np.sum(exact)) + level * len(chosen)) / float(near[chosen].sum())
        return scaled

    def _side(self, names: tuple[str, str], variance: Mapping[str, float]) -> Side | None:
        held = [name for name in names if name in self.effects]
        if not held:
            return None
        outer, inner = held[0], held[1] if len(held) > 1 else None
        return Side(
            self.effects[outer], variance[outer], self.effects[inner] if inner else None, variance.get(inner or "", 0.0)
        )

    def _nesting(self, outer: str, inner: str) -> Nesting | None:
        if outer not in self.effects or inner not in self.effects:
            return None
        parent = np.zeros(self.levels[inner], dtype=np.int64)
        parent[self.effects[inner]] = self.effects[outer]
        return Nesting(self._span[outer], self._span[inner], parent)

    def _split(self, values: Vector) -> dict[str, Vector]:
        return {name: values[span] for name, span in self._span.items()}
