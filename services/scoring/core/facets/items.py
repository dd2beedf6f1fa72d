"""Items under the partial-credit model (Masters 1982, Psychometrika 47:149): expected scores and information along the
scale, read from tables, and the steps' estimation.

With psi the place of a unit on the logit scale, P(score = k) ∝ exp(k psi - D_k), D_0 = 0, D_k the sum of the first k
step difficulties.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]
REACH = 14.0
"""Logits that the tables reach to each side; beyond, a rating says no more."""
MESH = 0.01
GRID = np.arange(-REACH, REACH + MESH / 2, MESH)
LEAST_CURVATURE = 1e-9
ANY = 0.1
"""Of the ratings added to an item, the share that knows nothing of the scale."""


@dataclass(frozen=True, slots=True)
class ItemTables:
    """Expected score of each item on `GRID`, its variance, and the log of the sum that makes chances of categories add
    up to 1 (shape items × grid).
    """

    expected: Table
    variance: Table
    norm: Table


def tables_of(cumulative: Table) -> ItemTables:
    """Tables for items with these cumulative steps D (shape items × (steps + 1), first column 0)."""
    shape = (len(cumulative), len(GRID))
    total, first, second = np.ones(shape), np.zeros(shape), np.zeros(shape)
    highest = np.maximum.reduce([k * GRID - each[:, None] for k, each in enumerate(cumulative.T)])
    total *= np.exp(-highest)
    for k in range(1, cumulative.shape[1]):
        chance = np.exp(k * GRID - cumulative[:, k, None] - highest)
        total += chance
        first += k * chance
        second += k * k * chance
    expected = first / total
    return ItemTables(expected, second / total - expected**2, np.log(total) + highest)


def probabilities(psi: Table, cumulative: Table) -> Table:
    """Chance of each category (shape items × len(psi) × categories)."""
    k = np.arange(cumulative.shape[1], dtype=float)
    logits = psi[None, :, None] * k - cumulative[:, None, :]
    logits -= logits.max(axis=2, keepdims=True)
    chances: Table = np.exp(logits)
    chances /= chances.sum(axis=2, keepdims=True)
    return chances


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which unit answered which item: the holes of a table that is nearly full, or its entries where it is not.

    `rows`, `columns`: units and items of the entries; `complete`: whether they are what is missing from a full table.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    complete: bool
    items: int

    @classmethod
    def of(cls, answered: NDArray[np.bool_]) -> "Coverage":
        """Whichever is shorter."""
        complete = bool(answered.mean() > 0.5)
        rows, columns = np.nonzero(~answered if complete else answered)
        return cls(rows, columns, complete, answered.shape[1])

    def summed(self, table: Table, places: "Places") -> Table:
        """For each unit the sum of its answered items' table values at its place."""
        listed = places.read(table.ravel(), self.rows, self.columns * len(GRID))
        part: Table = np.bincount(self.rows, weights=listed, minlength=len(places.low)).astype(float)
        return places.read(table.sum(axis=0)) - part if self.complete else part

    def histograms(self, places: "Places", weight: Table) -> Table:
        """For each item how the places of the units that answered it are spread over the grid (items × grid)."""
        size = len(GRID)
        part = places.spread(weight, self.rows, self.columns * size, self.items * size).reshape(self.items, size)
        return places.spread(weight, None, None, size)[None, :] - part if self.complete else part


@dataclass(frozen=True, slots=True)
class Places:
    """Points on the grid, between two of its marks each: the lower mark, and how far the way to the upper one."""

    low: NDArray[np.int64]
    share: Table

    @classmethod
    def of(cls, psi: Table) -> "Places":
        """The places of these points; those beyond the grid's ends are moved to them."""
        position = (np.clip(psi, -REACH, REACH - MESH * 1.001) + REACH) / MESH
        low = position.astype(np.int64)
        return cls(low, position - low)

    def read(
        self, table: Table, rows: NDArray[np.int64] | None = None, offset: NDArray[np.int64] | None = None
    ) -> Table:
        """Values at the places of all units, or of some, from a flat table at an offset each, linear in between."""
        low, share = (self.low, self.share) if rows is None else (self.low[rows], self.share[rows])
        at = low if offset is None else low + offset
        values: Table = table[at] * (1 - share) + table[at + 1] * share
        return values

    def spread(
        self, weight: Table, rows: NDArray[np.int64] | None, offset: NDArray[np.int64] | None, size: int
    ) -> Table:
        """The units' weights laid on the two marks beside each."""
        low, share = (self.low, self.share) if rows is None else (self.low[rows], self.share[rows])
        weight = weight if rows is None else weight[rows]
        at = low if offset is None else low + offset
        below, above = np.bincount(at, weight * (1 - share), size), np.bincount(at + 1, weight * share, size)
        laid: Table = (below + above).astype(float)
        return laid


def counted(answers: NDArray[np.int8], steps: int) -> Table:
    """How often each category of each item was used (items × categories)."""
    return np.stack([(answers == k).sum(axis=0) for k in range(steps + 1)], axis=1).astype(float)


def stepped(
    cumulative: Table, counts: Table, histograms: Table, *, pseudo_counts: float, common: bool = False
) -> Table:
    """One Newton step towards the cumulative steps whose expected counts are those observed, given how places are
    spread. `pseudo_counts`: ratings added for each category, as if by units in the middle of the scale to an average
    item; a few of them (`ANY`) to any category, so that one nobody used has finite steps.

    `common`: one set of steps for all items beside an item difficulty each (the rating-scale model, Andrich 1978,
    Psychometrika 43:561) instead of steps of each item.
    """
    used = histograms.sum(axis=0) > 0
    marks, hist = GRID[used], histograms[:, used]
    chances = probabilities(marks, cumulative)  # items × marks × categories
    expected = np.einsum("im,imk->ik", hist, chances)[:, 1:]
    joint = np.einsum("im,imk,iml->ikl", hist, chances, chances)[:, 1:, 1:]
    score = expected - counts[:, 1:]
    spread = np.einsum("ik,kl->ikl", expected, np.eye(expected.shape[1])) - joint
    spread += LEAST_CURVATURE * np.eye(expected.shape[1])
    pull = pseudo_counts * counts.shape[1]
    share = probabilities(np.zeros(1), cumulative)[:, 0, 1:]
    average = probabilities(np.zeros(1), cumulative.mean(axis=0, keepdims=True))[0, 0, 1:]
    score += pull * (share - (1 - ANY) * average - ANY / counts.shape[1])
    spread += pull * (np.einsum("ik,kl->ikl", share, np.eye(share.shape[1])) - share[:, :, None] * share[:, None, :])
    return _moved_together(cumulative, score, spread) if common else _moved(cumulative, score, spread)


def _moved(cumulative: Table, score: Table, spread: Table) -> Table:
    step = np.linalg.solve(spread, score[:, :, None])[:, :, 0]
    moved = cumulative.copy()
    moved[:, 1:] += np.clip(step, -1.0, 1.0)
    return moved


def _moved_together(cumulative: Table, score: Table, spread: Table) -> Table:
    """The step within D_ik = k difficulty_i + T_k, the T summing to zero at the last category."""
    items, steps = score.shape
    k = np.arange(1.0, steps + 1)
    basis = np.vstack([np.eye(steps - 1), np.zeros(steps - 1)]) if steps > 1 else np.zeros((1, 0))
    size = items + steps - 1
    gradient, matrix = np.zeros(size), np.zeros((size, size))
    gradient[:items] = score @ k
    gradient[items:] = (score @ basis).sum(axis=0)
    matrix[np.arange(items), np.arange(items)] = np.einsum("k,ikl,l->i", k, spread, k)
    cross = np.einsum("k,ikl,lm->im", k, spread, basis)
    matrix[:items, items:], matrix[items:, :items] = cross, cross.T
    matrix[items:, items:] = np.einsum("ikl,km,ln->mn", spread, basis, basis)
    step = np.clip(np.linalg.solve(matrix, gradient), -1.0, 1.0)
    moved = cumulative.copy()
    moved[:, 1:] += step[:items, None] * k + basis @ step[items:]
    return moved
