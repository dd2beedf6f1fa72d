"""Variance components by restricted maximum likelihood, for any crossing and nesting of effects, with missing cells.

Fisher scoring on the dense restricted likelihood (Patterson & Thompson 1971, Biometrika 58:545; Searle, Casella &
McCulloch 1992, Variance Components, ch. 6 and 8). No Python library fits several crossed random effects by REML at the
size at hand. Memory and time grow with the square and the cube of the number of ratings: meant for up to some 3,000.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Vector = NDArray[np.float64]
Square = NDArray[np.float64]
RESIDUAL = "residual"
MOST_RATINGS = 3_000
ITERATIONS = 200
ENOUGH = 1e-10


class TooManyRatings(ValueError):
    """More ratings than this method should be asked to hold."""


class NotConverged(ValueError):
    """The likelihood has no maximum that the iterations reach; the data say too little about some effect."""


@dataclass(frozen=True, slots=True)
class Components:
    """Estimated variances by effect, the residual last, and the covariance matrix of these estimates (inverse expected
    information; an effect at zero has row and column zero).
    """

    variance: Mapping[str, float]
    covariance: NDArray[np.float64]
    grand_mean: float

    def __getitem__(self, effect: str) -> float:
        return self.variance[effect]


def estimated(ratings: Vector, effects: Mapping[str, Sequence[object]]) -> Components:
    """Components of `ratings` (shape n, no NaN). Each effect names the level of each rating, such as who was rated.

    A variance that would be negative is zero. Raises TooManyRatings, NotConverged.
    """
    n = len(ratings)
    if n > MOST_RATINGS:
        raise TooManyRatings(f"{n} ratings; at most {MOST_RATINGS}")
    designs = [*(_indicators(levels) for levels in effects.values()), sparse.identity(n, format="csr")]
    theta = np.full(len(designs), float(np.var(ratings, ddof=1)) / len(designs))
    total = max(float(theta.sum()), 1e-12)
    for _ in range(ITERATIONS):
        score, information = _restricted(ratings, designs, theta)
        free = (theta > 0) | (score > 0)
        step = np.zeros_like(theta)
        step[free] = np.linalg.lstsq(information[np.ix_(free, free)], score[free], rcond=None)[0]
        moved = np.maximum(_kept_positive(theta, step), 0.0)
        if float(np.abs(moved - theta).max()) < ENOUGH * total:
            return _components(effects, ratings, designs, moved)
        theta = moved
    raise NotConverged("the variances can't be told apart with these ratings")


def _kept_positive(theta: Vector, step: Vector) -> Vector:
    """The whole step where it stays positive; an effect that would fall below zero falls by nine tenths until it is
    negligible, and then to zero. The residual never reaches zero.
    """
    moved = theta + step
    below = moved <= 0
    moved[below] = np.where(theta[below] < 1e-9 * theta.sum(), 0.0, 0.1 * theta[below])
    moved[-1] = max(moved[-1], 1e-12 * float(theta.sum()))
    return moved


def _indicators(levels: Sequence[object]) -> sparse.csr_matrix:
    """Ratings × levels: 1 where a rating has the level."""
    _, codes = np.unique(np.asarray([str(level) for level in levels]), return_inverse=True)
    return sparse.csr_matrix((np.ones(len(codes)), (np.arange(len(codes)), codes)))


def _covariance(designs: Sequence[sparse.csr_matrix], theta: Vector) -> Square:
    covariance: Square = sum(t * (z @ z.T) for t, z in zip(theta, designs, strict=True)).toarray()
    return covariance


def _projection(designs: Sequence[sparse.csr_matrix], theta: Vector) -> Square:
    """V⁻¹ with the grand mean projected out: P = V⁻¹ - V⁻¹1(1'V⁻¹1)⁻¹1'V⁻¹."""
    inverse = np.linalg.inv(_covariance(designs, theta))
    ones = inverse.sum(axis=1)
    projected: Square = inverse - np.outer(ones, ones) / ones.sum()
    return projected


def _restricted(ratings: Vector, designs: Sequence[sparse.csr_matrix], theta: Vector) -> tuple[Vector, Square]:
    """Score and expected information of the restricted likelihood."""
    projected = _projection(designs, theta)
    weighed = projected @ ratings
    reached = [z.T @ projected for z in designs]  # Z'P, levels × ratings
    score = [
        0.5 * (float(((z.T @ weighed) ** 2).sum()) - float(z.multiply(r.T).sum()))
        for z, r in zip(designs, reached, strict=True)
    ]
    information = np.empty((len(designs), len(designs)))
    for i, r in enumerate(reached):
        for j in range(i, len(designs)):
            information[i, j] = information[j, i] = 0.5 * float(((r @ designs[j]) ** 2).sum())
    return np.array(score), information


def _components(
    effects: Mapping[str, Sequence[object]], ratings: Vector, designs: Sequence[sparse.csr_matrix], theta: Vector
) -> Components:
    _, information = _restricted(ratings, designs, theta)
    free = theta > 0
    covariance = np.zeros_like(information)
    covariance[np.ix_(free, free)] = np.linalg.pinv(information[np.ix_(free, free)])
    weights = np.linalg.solve(_covariance(designs, theta), np.ones(len(ratings)))
    mean = float(weights @ ratings / weights.sum())
    return Components(dict(zip([*effects, RESIDUAL], map(float, theta), strict=True)), covariance, mean)
