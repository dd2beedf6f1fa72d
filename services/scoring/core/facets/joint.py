"""Joint (unconditional) maximum likelihood of the many-facet model, the estimator of older programs, to its limit.

For comparison only: every rating counts as independent evidence, so intervals cover half of what they claim; the spread
of measures is too wide by about L / (L - 1); extreme participants have no finite measure (Wright & Masters 1982, Rating
Scale Analysis; Linacre 1989, Many-Facet Rasch Measurement).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.facets.ratings import Ratings
from services.scoring.core.facets.threads import in_one_thread

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]
SWEEPS = 3_000
ENOUGH = 1e-7
LONGEST = 1.0


@dataclass(frozen=True, slots=True)
class Measures:
    """One facet: measures, model standard errors (others held fixed) and unadjusted mean-squares. NaN: extreme."""

    measure: Vector
    error: Vector
    infit: Vector
    outfit: Vector


@dataclass(frozen=True, slots=True)
class JointFit:
    """`cumulative`: items × categories, sums of steps, items centred at 0 in `items`. Raters and items sum to 0."""

    participants: Measures
    raters: Measures
    items: Measures
    cumulative: NDArray[np.float64]
    log_likelihood: float
    ratings: int
    converged: bool


@in_one_thread
def joint_fit(ratings: Ratings, *, common_steps: bool = True) -> JointFit:
    """Fit by Newton steps of one facet after another until no measure moves. Participants with the lowest or highest
    possible total are left out, and what they alone rated with them.
    """
    kept = _not_extreme(ratings)
    return _Joint(ratings, kept, common_steps=common_steps).run()


def _not_extreme(ratings: Ratings) -> NDArray[np.bool_]:
    kept = np.ones(len(ratings), dtype=bool)
    while True:
        before = int(kept.sum())
        for levels in (ratings.participant, ratings.rater, ratings.item):
            size = int(levels.max()) + 1
            total = np.bincount(levels[kept], ratings.score[kept], size)
            most = np.bincount(levels[kept], minlength=size) * ratings.steps
            kept &= ((total > 0) & (total < most))[levels]
        if int(kept.sum()) == before:
            return kept


class _Joint:
    def __init__(self, ratings: Ratings, kept: NDArray[np.bool_], *, common_steps: bool) -> None:
        self.common = common_steps
        self.levels = [each[kept] for each in (ratings.participant, ratings.rater, ratings.item)]
        self.score = ratings.score[kept]
        self.sizes = [int(each.max()) + 1 for each in (ratings.participant, ratings.rater, ratings.item)]
        self.measures = [np.zeros(size) for size in self.sizes]
        self.k = np.arange(ratings.steps + 1.0)
        self.steps = np.zeros((1 if common_steps else self.sizes[2], ratings.steps))
        self.of_step = np.zeros(len(self.score), dtype=np.int64) if common_steps else self.levels[2]

    def run(self) -> JointFit:
        converged = False
        for _ in range(SWEEPS):
            moved = max([self._facet(facet) for facet in range(3)] + [self._steps()])
            if moved < ENOUGH:
                converged = True
                break
        chances = self._chances()
        people, raters, items = (self._measures(facet, chances) for facet in range(3))
        within = np.concatenate([np.zeros((len(self.steps), 1)), np.cumsum(self.steps, axis=1)], axis=1)
        cumulative = self.k * self.measures[2][:, None] + within
        picked = chances[np.arange(len(self.score)), self.score]
        return JointFit(people, raters, items, cumulative, float(np.log(picked).sum()), len(self.score), converged)

    def _chances(self) -> NDArray[np.float64]:
        person, rater, item = (m[level] for m, level in zip(self.measures, self.levels, strict=True))
        within = np.concatenate([np.zeros((len(self.steps), 1)), np.cumsum(self.steps, axis=1)], axis=1)
        logits = self.k * (person - rater - item)[:, None] - within[self.of_step]
        logits -= logits.max(axis=1, keepdims=True)
        chances: NDArray[np.float64] = np.exp(logits)
        chances /= chances.sum(axis=1, keepdims=True)
        return chances

    def _facet(self, facet: int) -> float:
        chances = self._chances()
        expected = chances @ self.k
        variance = chances @ self.k**2 - expected**2
        level, size = self.levels[facet], self.sizes[facet]
        information = np.maximum(np.bincount(level, variance, size), 1e-12)
        step = np.clip(np.bincount(level, self.score - expected, size) / information, -LONGEST, LONGEST)
        self.measures[facet] += step if facet == 0 else -step
        if facet > 0:
            there = np.bincount(level, minlength=size) > 0
            self.measures[facet] -= self.measures[facet][there].mean()
        return float(np.abs(step).max())

    def _steps(self) -> float:
        """Newton over the steps of each set, their sum held at 0."""
        chances = self._chances()
        sets, count = len(self.steps), self.steps.shape[1]
        if count < 2:
            return 0.0
        reached = np.cumsum(chances[:, ::-1], axis=1)[:, ::-1][:, 1:]  # P(score ≥ j), j = 1 …
        above = (self.score[:, None] >= np.arange(1, count + 1)).astype(float)
        gradient, curvature = np.zeros((sets, count)), np.zeros((sets, count, count))
        np.add.at(gradient, self.of_step, above - reached)
        for j in range(count):
            for other in range(count):
                joint = reached[:, max(j, other)] - reached[:, j] * reached[:, other]
                curvature[:, j, other] = np.bincount(self.of_step, joint, sets)
        basis = np.vstack([np.eye(count - 1), -np.ones(count - 1)])
        inner = np.einsum("jm,sjl,ln->smn", basis, curvature, basis) + 1e-12 * np.eye(count - 1)
        step = np.linalg.solve(inner, (gradient @ basis)[:, :, None])[:, :, 0] @ basis.T
        step /= np.maximum(np.abs(step).max(axis=1, keepdims=True) / LONGEST, 1.0)
        self.steps -= step
        return float(np.abs(step).max())

    def _measures(self, facet: int, chances: NDArray[np.float64]) -> Measures:
        expected = chances @ self.k
        variance = chances @ self.k**2 - expected**2
        level, size = self.levels[facet], self.sizes[facet]
        residual = (self.score - expected) ** 2
        information, count = np.bincount(level, variance, size), np.bincount(level, minlength=size)
        with np.errstate(invalid="ignore", divide="ignore"):
            measure = np.where(count > 0, self.measures[facet], np.nan)
            infit = np.bincount(level, residual, size) / information
            outfit = np.bincount(level, residual / variance, size) / count
            return Measures(measure, 1 / np.sqrt(information), infit, outfit)
