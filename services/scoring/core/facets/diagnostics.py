"""How well ratings fit: mean-squares of participants, raters and items, and what is odd about a rater.

Infit and outfit (Wright & Masters 1982, Rating Scale Analysis, ch. 5): mean squared residuals, weighted by
information or
not; 1 is expected, 0.5 to 1.5 does no harm. Residuals are taken where each unit stands, halo included, and what that
place borrowed from the same answers is allowed for: so a halo is no misfit, an erratic pattern of answers is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.facets.fit import Fit
from services.scoring.core.facets.items import Places, tables_of
from services.scoring.core.facets.ratings import NOT_RATED, Units

Vector = NDArray[np.float64]
STRAIGHT = 4
"""Answers from which all alike is called a straight line."""


@dataclass(frozen=True, slots=True)
class MeanSquares:
    """Arrays over the levels of one facet; NaN where nothing was rated."""

    infit: Vector
    outfit: Vector
    ratings: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RaterSigns:
    """Arrays over raters. `spread`: standard deviation of the ratings given over that expected of this rater; well
    below
    1: central, all in the middle. `straight`: share of forms with one answer throughout; `doubt`: the chance that the
    rater did not look.
    """

    spread: Vector
    straight: Vector
    doubt: Vector


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """Everything, by facet."""

    participants: MeanSquares
    raters: MeanSquares
    items: MeanSquares
    signs: RaterSigns


@dataclass(slots=True)
class _Sums:
    """Running sums of one facet's levels: squared residuals, squared standardised residuals, and what is expected."""

    residual: Vector
    information: Vector
    standardised: Vector
    weight: Vector
    count: NDArray[np.int64]

    @classmethod
    def of(cls, size: int) -> "_Sums":
        return cls(np.zeros(size), np.zeros(size), np.zeros(size), np.zeros(size), np.zeros(size, dtype=np.int64))

    def add(self, levels: NDArray[np.int64], residual: Vector, variance: Vector, kept: Vector) -> None:
        size = len(self.residual)
        self.residual += np.bincount(levels, residual**2, size)
        self.information += np.bincount(levels, variance * kept, size)
        self.standardised += np.bincount(levels, residual**2 / variance, size)
        self.weight += np.bincount(levels, kept, size)
        self.count += np.bincount(levels, minlength=size)

    def found(self) -> MeanSquares:
        with np.errstate(invalid="ignore", divide="ignore"):
            return MeanSquares(self.residual / self.information, self.standardised / self.weight, self.count)


def diagnosed(units: Units, fit: Fit) -> Diagnostics:
    """The diagnostics of a fit to `units` (with the raters as they are, not taken apart)."""
    tables, at = tables_of(fit.cumulative), Places.of(fit.psi)
    people, raters = int(units.participant.max(initial=-1)) + 1, int(units.rater.max(initial=-1)) + 1
    by_person, by_rater, by_item = _Sums.of(people), _Sums.of(raters), _Sums.of(units.answers.shape[1])
    moments = np.zeros((5, raters))
    for item in range(units.answers.shape[1]):
        rated = np.nonzero(units.answers[:, item] != NOT_RATED)[0]
        offset = np.zeros(len(rated), dtype=np.int64)
        score = units.answers[rated, item].astype(float)
        expected = at.read(tables.expected[item], rated, offset)
        variance = np.maximum(at.read(tables.variance[item], rated, offset), 1e-6)
        kept = np.maximum(1 - variance * fit.spread[rated], 0.05)
        for sums, levels in ((by_person, units.participant), (by_rater, units.rater)):
            sums.add(levels[rated], score - expected, variance, kept)
        by_item.add(np.full(len(rated), item), score - expected, variance, kept)
        moments += np.stack(
            [
                np.bincount(units.rater[rated], each, raters)
                for each in (score, score**2, expected, expected**2, variance)
            ]
        )
    return Diagnostics(
        by_person.found(), by_rater.found(), by_item.found(), _signs(units, fit, moments, by_rater.count)
    )


def _signs(units: Units, fit: Fit, moments: NDArray[np.float64], count: NDArray[np.int64]) -> RaterSigns:
    raters = len(count)
    n = np.maximum(count, 1)
    score, squared, expected, expected_squared, variance = moments / n
    observed = np.maximum(squared - score**2, 0.0)
    supposed = np.maximum(expected_squared - expected**2, 0.0) + variance
    given = units.answers != NOT_RATED
    highest = np.where(given, units.answers, -1).max(axis=1)
    lowest = np.where(given, units.answers, units.steps + 1).min(axis=1)
    forms = given.sum(axis=1) >= STRAIGHT
    total = np.bincount(units.rater, forms, raters)
    with np.errstate(invalid="ignore", divide="ignore"):
        return RaterSigns(
            spread=np.where(count > 1, np.sqrt(observed / supposed), np.nan),
            straight=np.bincount(units.rater, forms & (highest == lowest), raters) / total,
            doubt=np.bincount(units.rater, fit.doubt, raters) / np.bincount(units.rater, minlength=raters),
        )
