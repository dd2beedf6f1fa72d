"""Mixed-model equations of any size by conjugate gradients, preconditioned by the exact inverse of each side alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Vector = NDArray[np.float64]
PRECISION = 1e-7
ROUGHLY = 1e-2
"""Enough where a variance is asked for: its error is the square."""
ITERATIONS = 400


@dataclass(frozen=True, slots=True)
class Nesting:
    """Unknowns of an outer effect, of one nested in it, and in which level of the outer each of these is."""

    outer: slice
    inner: slice
    parent: NDArray[np.int64]


class Gradients:
    """For a matrix of units × unknowns, with what is nested in what."""

    def __init__(self, matrix: sparse.csr_matrix, nestings: list[Nesting | None]) -> None:
        self.matrix, self.transposed = matrix, matrix.T.tocsr()
        self.nestings = [each for each in nestings if each is not None]
        self._last: Vector | None = None

    def solved(self, weight: Vector, right: Vector, penalty: Vector, *, afresh: bool = False) -> Vector:
        """The solution, from the last one on unless `afresh`."""
        start = np.zeros_like(right) if afresh or self._last is None else self._last
        found = self._descended(weight, right, penalty, start, PRECISION)
        if not afresh:
            self._last = found
        return found

    def variance(self, unknown: int, weight: Vector, penalty: Vector) -> float:
        """Posterior variance of one unknown."""
        right = np.zeros(len(penalty))
        right[unknown] = 1.0
        return float(self._descended(weight, right, penalty, np.zeros_like(right), ROUGHLY)[unknown])

    def _descended(self, weight: Vector, right: Vector, penalty: Vector, start: Vector, precision: float) -> Vector:
        sides = _Sides(self, weight, penalty)

        def times(x: Vector) -> Vector:
            moved: Vector = self.transposed @ (weight * (self.matrix @ x)) + penalty * x
            return moved

        solution = start
        enough = precision**2 * max(_product(right, sides.solved(right)), 1e-300)
        residual = right - times(solution)
        direction = sides.solved(residual)
        product = _product(residual, direction)
        for _ in range(ITERATIONS):
            moved = times(direction)
            length = product / max(_product(direction, moved), 1e-300)
            solution = solution + length * direction
            residual = residual - length * moved
            step = sides.solved(residual)
            following = _product(residual, step)
            if following <= enough:
                break
            direction = step + (following / product) * direction
            product = following
        return solution


def _product(one: Vector, other: Vector) -> float:
    """Inner product in an order of its own: that of a linear algebra library depends on the number of threads."""
    return float((one * other).sum())


def _upwards(nest: Nesting, values: Vector) -> Vector:
    """Values of nested levels, summed in the outer level of each."""
    return np.bincount(nest.parent, values, nest.outer.stop - nest.outer.start).astype(float)


class _Sides:
    """The equations of each side alone, solved exactly: an arrow for each outer level and what is nested in it."""

    def __init__(self, of: Gradients, weight: Vector, penalty: Vector) -> None:
        self.diagonal = of.transposed.multiply(of.transposed) @ weight
        self.inner = [
            (nest, self.diagonal[nest.inner] / (self.diagonal[nest.inner] + penalty[nest.inner]))
            for nest in of.nestings
        ]
        taken = [_upwards(nest, self.diagonal[nest.inner] * share) for nest, share in self.inner]
        self.diagonal = self.diagonal + penalty
        for (nest, _), part in zip(self.inner, taken, strict=True):
            self.diagonal[nest.outer] -= part

    def solved(self, right: Vector) -> Vector:
        """The sides' solution for a right side."""
        found = right.copy()
        for nest, share in self.inner:
            found[nest.outer] -= _upwards(nest, share * right[nest.inner])
        found /= self.diagonal
        for nest, share in self.inner:
            found[nest.inner] -= share * found[nest.outer][nest.parent]
        return found
