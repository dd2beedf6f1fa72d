"""Mixed-model equations solved exactly, with every variance: one effect is kept, all others are eliminated block by
block (absorption, Schur complement). Given the raters' severities, participants are independent of each other.

With the equations [[B, C], [C', D]], B in small blocks: S = D - C' B⁻¹ C, and everything follows from S⁻¹.
"""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]
Matrix = Any
"""A sparse matrix: scipy's are not typed."""
TOGETHER = 300
"""Kept unknowns of unlinked subsets that are inverted together: fewer, larger steps."""
ENTRIES = 4_000_000
"""Of dense rows at a time."""


class Elimination:
    """Prepared for a matrix of units × unknowns; its columns in the span `kept` are one effect, one level a unit."""

    def __init__(self, matrix: Matrix, kept: slice) -> None:
        unknowns = np.arange(matrix.shape[1])
        self.kept = unknowns[kept]
        self.gone = np.concatenate([unknowns[: kept.start], unknowns[kept.stop :]])
        columns = matrix.tocsc()
        self.outer, self.inner = columns[:, self.kept].tocsr(), columns[:, self.gone].tocsr()
        self.blocks = _Blocks(self.inner)
        self.batches = _batches(abs(self.inner.T) @ abs(self.outer), self.blocks.of)

    @property
    def work(self) -> float:
        """Cubes of the sizes to invert."""
        return float(sum(float(len(batch)) ** 3 for batch in self.batches))

    def solved(self, weight: Vector, right: Vector, penalty: Vector, centred: slice) -> tuple[Vector, Vector, Vector]:
        """Means and variances of the unknowns, and the variance of each unit's sum. `centred`: unknowns whose variance
        is of what stands above or below their mean.
        """
        weighted = sparse.diags(weight)
        inverse = self.blocks.inverse(weight, penalty[self.gone])
        coupling = (self.inner.T @ weighted @ self.outer).tocsr()
        reduced = (inverse @ coupling).tocsr()
        left = (self.outer.T @ weighted @ self.outer + sparse.diags(penalty[self.kept]) - coupling.T @ reduced).tocsr()
        parts = [np.linalg.inv(left[batch][:, batch].toarray()) for batch in self.batches]

        def applied(of: Vector) -> Vector:
            found, partly = np.empty(len(of)), inverse @ of[self.gone]
            rest = of[self.kept] - coupling.T @ partly
            outer = np.empty(len(self.kept))
            for batch, part in zip(self.batches, parts, strict=True):
                outer[batch] = (part * rest[batch]).sum(axis=1)
            found[self.kept], found[self.gone] = outer, partly - reduced @ outer
            return found

        variances = np.empty(len(right))
        variances[self.gone] = inverse.diagonal() + self._spread(reduced, parts)
        variances[self.kept] = np.concatenate([np.diag(part) for part in parts] or [np.zeros(0)])[
            np.argsort(np.concatenate([*self.batches, np.zeros(0, np.int64)]))
        ]
        of_units = np.asarray((self.inner @ inverse).multiply(self.inner).sum(axis=1)).ravel()
        of_units = of_units + self._spread((self.outer - self.inner @ reduced).tocsr(), parts)
        level = np.zeros(len(right))
        level[centred] = 1 / (centred.stop - centred.start)
        with_mean = applied(level)[centred]
        variances[centred] = np.maximum(variances[centred] - 2 * with_mean + with_mean.mean(), 0.0)
        return applied(right), variances, of_units

    def _spread(self, rows: Matrix, parts: list[NDArray[np.float64]]) -> Vector:
        """Of each row z the form z' S⁻¹ z."""
        found = np.zeros(rows.shape[0])
        columns = rows.tocsc() if len(self.batches) > 1 else rows
        for batch, part in zip(self.batches, parts, strict=True):
            some = columns[:, batch].tocsr() if len(self.batches) > 1 else rows[:, batch]
            there = np.nonzero(np.diff(some.indptr))[0]
            for few in np.array_split(there, max(1, len(there) * len(batch) // ENTRIES)):
                chosen = some[few]
                found[few] += np.asarray(chosen.multiply(chosen @ part).sum(axis=1)).ravel()
        return found


def _batches(coupling: Matrix, block: Codes) -> list[Codes]:
    """Kept unknowns that eliminated ones link, unlinked sets of them together as far as they are small."""
    kept = coupling.shape[1]
    if kept == 0:
        return []
    joined = sparse.csr_matrix((np.ones(len(block), np.int8), (block, np.arange(len(block)))))
    linked = joined @ coupling
    _, found = connected_components(sparse.bmat([[None, linked], [linked.T, None]]), directed=False)
    subset = found[linked.shape[0] :]
    order = np.argsort(subset, kind="stable")
    ends = np.append(np.nonzero(np.diff(subset[order]))[0] + 1, kept)
    cuts, start = [0], 0
    for before, end in pairwise([0, *ends.tolist()]):
        if end - start > TOGETHER and before > start:
            cuts.append(before)
            start = before
    return [order[a:b] for a, b in pairwise([*cuts, kept])]


class _Blocks:
    """Which columns of a matrix hang together through its rows: its normal equations' blocks, inverted size by size."""

    def __init__(self, matrix: Matrix) -> None:
        self.matrix = matrix
        pattern = abs(matrix)
        self.count, self.of = connected_components(pattern.T @ pattern, directed=False)
        self.sizes = np.bincount(self.of, minlength=self.count)
        self.order = np.argsort(self.of, kind="stable")
        self.starts = np.concatenate([[0], np.cumsum(self.sizes)])
        self.place = np.empty(len(self.of), dtype=np.int64)
        self.place[self.order] = np.arange(len(self.of)) - np.repeat(self.starts[:-1], self.sizes)

    def inverse(self, weight: Vector, penalty: Vector) -> Matrix:
        """Of the normal equations with this penalty."""
        if self.sizes.max(initial=1) == 1:
            return sparse.diags(1 / (self.matrix.multiply(self.matrix).T @ weight + penalty)).tocsr()
        normal = (self.matrix.T @ sparse.diags(weight) @ self.matrix + sparse.diags(penalty)).tocoo()
        rows, columns, values = [], [], []
        block = self.of[normal.row]
        for size in np.unique(self.sizes):
            blocks = np.nonzero(self.sizes == size)[0]
            number = np.full(self.count, -1)
            number[blocks] = np.arange(len(blocks))
            entries = np.nonzero(number[block] >= 0)[0]
            dense = np.zeros((len(blocks), size, size))
            at = number[block[entries]], self.place[normal.row[entries]], self.place[normal.col[entries]]
            dense[at] = normal.data[entries]
            unknown = self.order[self.starts[blocks][:, None] + np.arange(size)]
            rows.append(np.repeat(unknown, size, axis=1).ravel())
            columns.append(np.tile(unknown, (1, size)).ravel())
            values.append(np.linalg.inv(dense).ravel())
        entries_of = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
        return sparse.csr_matrix(entries_of, shape=normal.shape)
