"""Random effects by weighted least squares with shrinkage: participant, rater and what belongs to both, all at once.

The equations of a linear mixed model (Henderson 1975, Biometrics 31:423), block by block where units hang together. A
small block is inverted exactly; a large one is solved by conjugate gradients, its variances found by `messages`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from services.scoring.core.facets.messages import Side, marginal_variances

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]
EXACT = 1_500
"""Unknowns of a block that is inverted exactly, where variances are shown."""
QUICK = 60
"""The same while learning, where only their sum counts."""
PRECISION = 1e-7
ITERATIONS = 400
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
    """Which effects each unit has (codes of levels by name: participant first, then any of scene, severity, halo), and
    which units hang together through them.
    """

    def __init__(self, effects: Mapping[str, Codes]) -> None:
        self.effects = dict(effects)
        self.levels = {name: int(codes.max(initial=-1)) + 1 for name, codes in effects.items()}
        self._starts = np.concatenate([[0], np.cumsum(list(self.levels.values()))])
        self._start = dict(zip(self.levels, self._starts[:-1].tolist(), strict=True))
        self.unknowns = int(self._starts[-1])
        self._columns = np.stack([codes + self._start[name] for name, codes in effects.items()], axis=1)
        self._signs = np.array([-1.0 if name in NEGATIVE else 1.0 for name in effects])
        units = len(self._columns)
        rows = np.repeat(np.arange(units), len(effects))
        self.matrix = sparse.csr_matrix(
            (np.tile(self._signs, units), (rows, self._columns.ravel())), shape=(units, self.unknowns)
        )
        self._transposed = self.matrix.T.tocsr()
        graph = abs(self._transposed) @ abs(self.matrix)
        self._block_count, self._block = connected_components(graph, directed=False)
        self._sizes = np.bincount(self._block, minlength=self._block_count)
        self._last: Vector | None = None

    def solved(self, weight: Vector, response: Vector, variance: Mapping[str, float], *, most: int = EXACT) -> Solution:
        """Posterior of the effects, given each unit's weight (1 / error variance) and response, and the effects' prior
        variances by name. Exact unless a block has more than `most` unknowns.
        """
        penalty = np.concatenate([np.full(size, 1 / variance[name]) for name, size in self.levels.items()])
        right = self._transposed @ (weight * response)
        if self._sizes.max(initial=0) <= most:
            return self._exactly(weight, right, penalty)
        return self._by_messages(weight, right, penalty, variance)

    # ----------------------------------------------------------------------------------------------------- exactly

    def _exactly(self, weight: Vector, right: Vector, penalty: Vector) -> Solution:
        means, variances, with_mean = np.zeros(self.unknowns), np.zeros(self.unknowns), np.zeros(self.unknowns)
        of_units = np.zeros(len(weight))
        first = self.levels["participant"]
        order = np.argsort(self._block, kind="stable")
        place = np.empty(self.unknowns, dtype=np.int64)
        starts = np.concatenate([[0], np.cumsum(self._sizes)])
        place[order] = np.arange(self.unknowns) - np.repeat(starts[:-1], self._sizes)
        unit_block = self._block[self._columns[:, 0]]
        for size in np.unique(self._sizes):
            blocks = np.nonzero(self._sizes == size)[0]
            for some in np.array_split(blocks, max(1, len(blocks) * size * size // 4_000_000)):
                number = np.full(self._block_count, -1)
                number[some] = np.arange(len(some))
                units = np.nonzero(number[unit_block] >= 0)[0]
                unknown = order[(starts[some][:, None] + np.arange(size)).ravel()].reshape(len(some), size)
                which, at = number[unit_block[units]], place[self._columns[units]]
                inverse = np.linalg.inv(self._blocks(len(some), size, which, at, weight[units], penalty[unknown]))
                means[unknown] = np.einsum("bij,bj->bi", inverse, right[unknown])
                variances[unknown] = np.einsum("bii->bi", inverse)
                with_mean[unknown] = np.einsum("bij,bj->bi", inverse, unknown < first) / first
                for i, sign in enumerate(self._signs):
                    for j, other in enumerate(self._signs):
                        of_units[units] += sign * other * inverse[which, at[:, i], at[:, j]]
        variances[:first] = np.maximum(variances[:first] - 2 * with_mean[:first] + with_mean[:first].mean(), 0.0)
        return Solution(self._split(means), self._split(variances), of_units, self.matrix @ means)

    def _blocks(
        self, count: int, size: int, which: Codes, at: Codes, weight: Vector, penalty: Vector
    ) -> NDArray[np.float64]:
        """The equations' matrix of each of `count` blocks of one size."""
        matrix = np.zeros((count, size, size))
        for i, sign in enumerate(self._signs):
            for j, other in enumerate(self._signs):
                np.add.at(matrix, (which, at[:, i], at[:, j]), sign * other * weight)
        matrix[:, np.arange(size), np.arange(size)] += penalty
        return matrix

    # --------------------------------------------------------------------------------------------------- by messages

    def _by_messages(self, weight: Vector, right: Vector, penalty: Vector, variance: Mapping[str, float]) -> Solution:
        means = self._by_gradients(weight, right, penalty)
        sides = [self._side(names, variance) for names in (PLACE, RATER)]
        found, of_units = marginal_variances(sides[0] or Side(np.zeros(0, np.int64), 1.0), sides[1], weight)
        names = [name for name in (*PLACE, *RATER) if name in self.effects]
        return Solution(self._split(means), dict(zip(names, found, strict=True)), of_units, self.matrix @ means)

    def _side(self, names: tuple[str, str], variance: Mapping[str, float]) -> Side | None:
        held = [name for name in names if name in self.effects]
        if not held:
            return None
        outer, inner = held[0], held[1] if len(held) > 1 else None
        return Side(
            self.effects[outer], variance[outer], self.effects[inner] if inner else None, variance.get(inner or "", 0.0)
        )

    def _by_gradients(self, weight: Vector, right: Vector, penalty: Vector) -> Vector:
        """Preconditioned by the exact inverse of each side alone, nested effects included."""
        scaled = _Nested(self, weight, penalty)

        def times(x: Vector) -> Vector:
            moved: Vector = self._transposed @ (weight * (self.matrix @ x)) + penalty * x
            return moved

        solution = self._last if self._last is not None else np.zeros_like(right)
        enough = PRECISION**2 * max(_product(right, scaled.solved(right)), 1e-300)
        residual = right - times(solution)
        direction = scaled.solved(residual)
        product = _product(residual, direction)
        for _ in range(ITERATIONS):
            moved = times(direction)
            length = product / max(_product(direction, moved), 1e-300)
            solution = solution + length * direction
            residual = residual - length * moved
            step = scaled.solved(residual)
            following = _product(residual, step)
            if following <= enough:
                break
            direction = step + (following / product) * direction
            product = following
        self._last = solution
        return solution

    def span(self, name: str) -> slice:
        """Where an effect's levels stand among the unknowns."""
        return slice(self._start[name], self._start[name] + self.levels[name])

    def _split(self, values: Vector) -> dict[str, Vector]:
        return {name: values[self.span(name)] for name in self.effects}


def _product(one: Vector, other: Vector) -> float:
    """Inner product in an order of its own: that of a linear algebra library depends on the number of threads."""
    return float((one * other).sum())


class _Nested:
    """The equations of each side alone, solved exactly: an arrow for each outer level and what is nested in it."""

    def __init__(self, design: Design, weight: Vector, penalty: Vector) -> None:
        self.design = design
        self.diagonal = np.concatenate(
            [np.bincount(codes, weight, design.levels[name]) for name, codes in design.effects.items()]
        )
        self.inner: list[tuple[slice, slice, Codes, Vector]] = []
        for name, nested in (PLACE, RATER):
            if name in design.effects and nested in design.effects:
                parent = np.zeros(design.levels[nested], dtype=np.int64)
                parent[design.effects[nested]] = design.effects[name]
                share = self.diagonal[design.span(nested)] / (
                    self.diagonal[design.span(nested)] + penalty[design.span(nested)]
                )
                self.inner.append((design.span(name), design.span(nested), parent, share))
        shared = [(o, np.bincount(p, self.diagonal[i] * s, o.stop - o.start)) for o, i, p, s in self.inner]
        self.diagonal = self.diagonal + penalty
        for outer, taken in shared:
            self.diagonal[outer] -= taken

    def solved(self, right: Vector) -> Vector:
        """The sides' solution for a right side."""
        found = right.copy()
        for outer, inner, parent, share in self.inner:
            found[outer] -= np.bincount(parent, share * right[inner], outer.stop - outer.start)
        found /= self.diagonal
        for outer, inner, parent, share in self.inner:
            found[inner] -= share * found[outer][parent]
        return found
