"""The domain result of a participant whom a calibrated model places: sources joined on the logit scale, each by its own
error, by what only it sees (method variance), and by the cohort's weight; then shown as a fair average on its scale.

With y, e what a source's ratings alone say and its error variance, ω², τ² what sources share and what only one sees:
see `core.analysis.combining`, which has the formula. Intervals and bands are taken on the logit scale and carried over.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from services.scoring.core.analysis.combining import alone, joined
from services.scoring.core.calibration.calibration import DomainVariance
from services.scoring.core.figures import Figure, SourceFigure
from services.scoring.core.layers.adjusting import Adjusted, FairScale
from services.scoring.core.layers.bands import chances, named
from services.scoring.core.layers.domains import HALF, DomainResult, SourceResult, disagreeing
from services.scoring.core.scales import UPPER, cut
from shared.cohort.definition import CohortDefinition
from shared.framework import Scale
from shared.words import Instrument

REACH = 30.0
"""Logits within which a point of the scale is looked for."""
STEP = 1e-4


@dataclass(frozen=True, slots=True)
class _Mixed:
    """The fair average over sources, by their weights."""

    scales: tuple[tuple[float, FairScale], ...]

    def at(self, place: float) -> float:
        return math.fsum(weight * scale.at(place) for weight, scale in self.scales)

    def slope(self, place: float) -> float:
        return (self.at(place + STEP) - self.at(place - STEP)) / (2 * STEP)

    def place_of(self, point: float) -> float:
        """The place whose fair average this is; beyond the scale's ends an infinite one."""
        if point <= self.at(-REACH):
            return -math.inf
        if point >= self.at(REACH):
            return math.inf
        return float(brentq(lambda place: self.at(place) - point, -REACH, REACH, xtol=1e-12))


def from_places(
    definition: CohortDefinition, figure: Figure, places: Mapping[Instrument, Adjusted], variance: DomainVariance
) -> DomainResult:
    """The result of a domain of which every source was fitted. `figure`: the same as the model describes it."""
    scale, bands, thresholds = definition.framework.scale, definition.bands, definition.thresholds
    sources = [(source, places[source.instrument]) for source in figure.sources]
    weights = np.array([source.weight for source, _ in sources])
    pairs = [alone(np.array([p.place]), np.array([p.variance]), p.prior) for _, p in sources]
    said, error = np.stack([y for y, _ in pairs]), np.stack([e for _, e in pairs])
    place_, spread_ = joined(said, error, weights / weights.mean(), variance.shared, variance.method)
    place, spread = float(place_[0]), float(spread_[0])
    mixed = _Mixed(tuple((source.weight, p.scale) for source, p in sources))
    slope, own = mixed.slope(place), math.sqrt(spread)
    ends = {
        q: tuple(cut(scale, mixed.at(place + sign * float(ndtri(q)) * own)) for sign in (-1, 1)) for q in (UPPER, HALF)
    }
    found = chances(bands, lambda point: float(ndtr((mixed.place_of(point) - place) / own))) if bands else ()
    return DomainResult(
        domain=figure.key[0],
        basis="many-facet",
        estimate=mixed.at(place),
        standard_error=own * slope,
        method_error=_method_error(error, weights, variance) * slope,
        low=ends[UPPER][0],
        high=ends[UPPER][1],
        low_50=ends[HALF][0],
        high_50=ends[HALF][1],
        place=place,
        place_error=own,
        bands=found,
        band=named(found, thresholds.band_probability),
        disagreeing=disagreeing(
            [
                (s.instrument, float(y[0]), float(e[0]) + variance.method)
                for (s, _), (y, e) in zip(sources, pairs, strict=True)
            ],
            thresholds.sources_apart,
        ),
        sources=tuple(_source(source, adjusted, scale) for source, adjusted in sources),
    )


def _method_error(
    error: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    weights: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    variance: DomainVariance,
) -> float:
    """The part of the error that is the method's, in logits."""
    precision = weights / weights.mean() / (variance.method + error[:, 0])
    share = precision / (1 / variance.shared + precision.sum())
    return math.sqrt(float((share**2).sum()) * variance.method)


def _source(described: SourceFigure, adjusted: Adjusted, scale: Scale) -> SourceResult:
    """Adjusted: the fair average. Otherwise as the model describes it."""
    if adjusted.reason is not None:
        d = described
        return SourceResult(d.instrument, d.weight, d.estimate, d.standard_error, d.low, d.high, adjusted.reason)
    own, fair = math.sqrt(adjusted.variance), adjusted.scale.at
    half = float(ndtri(UPPER)) * own
    slope = (fair(adjusted.place + STEP) - fair(adjusted.place - STEP)) / (2 * STEP)
    low, high = cut(scale, fair(adjusted.place - half)), cut(scale, fair(adjusted.place + half))
    return SourceResult(described.instrument, described.weight, fair(adjusted.place), own * slope, low, high, None)
