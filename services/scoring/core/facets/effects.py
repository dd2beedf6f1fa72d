"""Random effects by weighted least squares with shrinkage: participant, rater and what belongs to both, all at once.

The equations of a linear mixed model (Henderson 1975, Biometrics 31:423), block by block where units hang together. A
small block is inverted exactly; a large one is solved by conjugate gradients, its variances found from draws of the
posterior with a fixed seed (Papandreou & Yuille 2010, NIPS 23), narrowed by what is exact given the other effects.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]
EXACT = 1_200
"""Unknowns of a block that is inverted exactly."""
SEED = 20_170
PRECISION = 1e-7
ITERATIONS = 400


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect: which level each unit has, and whether it adds (1) or takes away (-1)."""

    name: str
    codes: Codes
    sign: float = 1.0

    @property
    def levels(self) -> int:
        """How many levels there are."""
        return int(self.codes.max(initial=-1)) + 1


@dataclass(frozen=True, slots=True)
class Solution:
    """Posterior means of each effect's levels, their variances, and the variance of each unit's sum of effects."""

    means: tuple[Vector, ...]
    variances: tuple[Vector, ...]
    of_units: Vector

    def at_units(self, effects: Sequence[Effect]) -> Vector:
        """Each unit's sum of effects."""
        total: Vector = sum(
            (e.sign * mean[e.codes] for e, mean in zip(effects, self.means, strict=True)), np.zeros(len(self.of_units))
        )
        return total


class Design:
    """Which effects each unit has, and which units hang together through them."""

    def __init__(self, effects: Sequence[Effect]) -> None:
        self.effects = tuple(effects)
        self._starts = np.concatenate([[0], np.cumsum([effect.levels for effect in effects])])
        self.unknowns = int(self._starts[-1])
        units = len(effects[0].codes)
        columns = np.stack([e.codes + start for e, start in zip(effects, self._starts[:-1], strict=True)], axis=1)
        signs = np.tile([effect.sign for effect in effects], units)
        rows = np.repeat(np.arange(units), len(effects))
        self.matrix = sparse.csr_matrix((signs, (rows, columns.ravel())), shape=(units, self.unknowns))
        self._transposed = self.matrix.T.tocsr()
        self._columns = columns
        graph = abs(self._transposed) @ abs(self.matrix)
        self._block_count, self._block = connected_components(graph, directed=False)
        self._sizes = np.bincount(self._block, minlength=self._block_count)
        self._draws: dict[int, tuple[Vector, Vector]] = {}

    @property
    def is_exact(self) -> bool:
        """Whether every block is small enough to be inverted."""
        return bool(self._sizes.max(initial=0) <= EXACT)

    def solved(self, weight: Vector, response: Vector, variance: Sequence[float], *, draws: int) -> Solution:
        """Posterior of the effects, given each unit's weight (1 / error variance) and response, and their variances."""
        penalty = np.concatenate([np.full(e.levels, 1 / v) for e, v in zip(self.effects, variance, strict=True)])
        right = self._transposed @ (weight * response)
        if self.is_exact:
            return self._exactly(weight, right, penalty)
        return self._by_gradients(weight, right, penalty, draws)

    # ----------------------------------------------------------------------------------------------------- exactly

    def _exactly(self, weight: Vector, right: Vector, penalty: Vector) -> Solution:
        means, variances = np.zeros(self.unknowns), np.zeros(self.unknowns)
        of_units = np.zeros(len(weight))
        order = np.argsort(self._block, kind="stable")
        place = np.empty(self.unknowns, dtype=np.int64)
        starts = np.concatenate([[0], np.cumsum(self._sizes)])
        place[order] = np.arange(self.unknowns) - np.repeat(starts[:-1], self._sizes)
        unit_block = self._block[self._columns[:, 0]]
        signs = np.array([effect.sign for effect in self.effects])
        for size in np.unique(self._sizes):
            blocks = np.nonzero(self._sizes == size)[0]
            for some in np.array_split(blocks, max(1, len(blocks) * size * size // 4_000_000)):
                number = np.full(self._block_count, -1)
                number[some] = np.arange(len(some))
                units = np.nonzero(number[unit_block] >= 0)[0]
                unknown = order[(starts[some][:, None] + np.arange(size)).ravel()].reshape(len(some), size)
                matrix = np.zeros((len(some), size, size))
                which, at = number[unit_block[units]], place[self._columns[units]]
                for i, sign in enumerate(signs):
                    for j, other in enumerate(signs):
                        np.add.at(matrix, (which, at[:, i], at[:, j]), sign * other * weight[units])
                matrix[:, np.arange(size), np.arange(size)] += penalty[unknown]
                inverse = np.linalg.inv(matrix)
                means[unknown] = np.einsum("bij,bj->bi", inverse, right[unknown])
                variances[unknown] = np.einsum("bii->bi", inverse)
                for i, sign in enumerate(signs):
                    for j, other in enumerate(signs):
                        of_units[units] += sign * other * inverse[which, at[:, i], at[:, j]]
        return Solution(self._split(means), self._split(variances), of_units)

    # ------------------------------------------------------------------------------------------------- by gradients

    def _by_gradients(self, weight: Vector, right: Vector, penalty: Vector, draws: int) -> Solution:
        weights = sparse.diags(weight)
        matrix = (self._transposed @ weights @ self.matrix + sparse.diags(penalty)).tocsr()
        diagonal = matrix.diagonal()
        of_units, of_unknowns = self._chance(draws, len(weight))
        chance = self._transposed @ (np.sqrt(weight)[:, None] * of_units) + np.sqrt(penalty)[:, None] * of_unknowns
        found = _conjugate_gradients(matrix, np.column_stack([right, chance]), diagonal)
        means, drawn = found[:, 0], found[:, 1:]
        # Given all other effects a level's variance is exact; only how its mean moves with them is drawn.
        rest = drawn - (matrix @ drawn) / diagonal[:, None]
        variances = 1 / diagonal + (rest**2).mean(axis=1)
        spread = ((self.matrix @ drawn) ** 2).mean(axis=1)
        return Solution(self._split(means), self._split(variances), spread)

    def _chance(self, draws: int, units: int) -> tuple[Vector, Vector]:
        if draws not in self._draws:
            source = np.random.default_rng(SEED)
            self._draws = {draws: (source.normal(size=(units, draws)), source.normal(size=(self.unknowns, draws)))}
        return self._draws[draws]

    def _split(self, values: Vector) -> tuple[Vector, ...]:
        return tuple(np.split(values, self._starts[1:-1]))


def _conjugate_gradients(matrix: sparse.csr_matrix, right: Vector, diagonal: Vector) -> Vector:
    """Solve for several right sides at once, preconditioned by the diagonal."""
    scale = 1 / diagonal[:, None]
    solution = np.zeros_like(right)
    residual = right.copy()
    direction = scale * residual
    product = (residual * direction).sum(axis=0)
    enough = PRECISION**2 * np.maximum(product, 1e-300)
    for _ in range(ITERATIONS):
        moved = matrix @ direction
        length = product / np.maximum((direction * moved).sum(axis=0), 1e-300)
        solution += length * direction
        residual -= length * moved
        scaled = scale * residual
        following = (residual * scaled).sum(axis=0)
        if np.all(following <= enough):
            break
        direction = scaled + (following / np.maximum(product, 1e-300)) * direction
        product = following
    return solution
