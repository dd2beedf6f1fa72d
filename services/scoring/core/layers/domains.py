"""The domain result: the sources joined by the cohort's weights, with an error that holds what only one source sees.

On the cohort's scale, from the model's figures of each source (m, SE), with w the weights of those that carry it:

    estimate Σ w m,  variance Σ w² (SE² + τ²),  degrees of freedom after Satterthwaite, τ² taken as known

A domain is more than what one source sees of it, so τ² (method variance) stands in a result of one source too.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from scipy.special import ndtri, stdtrit

from services.scoring.core.figures import Figure, SourceFigure
from services.scoring.core.layers.bands import BandChance, chances, named, student_below
from services.scoring.core.scales import cut, reach
from shared.cohort.definition import CohortDefinition
from shared.words import Instrument

VERSION = "domain/1"
METHOD = 0.055
"""Standard deviation of what one source sees beside the others, in widths of the scale (0.22 points of 1 to 5), where
it can't be estimated: 0.15 squared logits, the engine's anchor, at 0.55 points a logit (simulated cohorts)."""
HALF = 0.75
"""The quantile that a two-sided 50 % interval reaches."""


@dataclass(frozen=True, slots=True)
class SourceResult:
    """A source's part in a domain result, on the cohort's scale. `reason`: why it is not corrected for who rated."""

    instrument: Instrument
    weight: float
    estimate: float
    standard_error: float
    low: float
    high: float
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainResult:
    """A domain over its sources. `low`, `high`: 95 % interval, `low_50`, `high_50`: 50 %; both cut off at the ends of
    the scale. `method_error`: the part of `standard_error` that is due to sources seeing differently. `band`: the names
    that stand, one where it is sure. `disagreeing`: pairs of sources that lie apart beyond their errors.
    """

    domain: str
    basis: str
    estimate: float
    standard_error: float
    method_error: float
    low: float
    high: float
    low_50: float
    high_50: float
    place: float | None
    place_error: float | None
    bands: tuple[BandChance, ...]
    band: tuple[str, ...]
    disagreeing: tuple[tuple[Instrument, Instrument], ...]
    sources: tuple[SourceResult, ...]

    @property
    def adjusted(self) -> bool:
        """Whether every source is corrected for who rated."""
        return all(source.reason is None for source in self.sources)


def from_means(definition: CohortDefinition, figure: Figure, reasons: Mapping[Instrument, str]) -> DomainResult:
    """The result of a domain whose sources are as the model describes them. `reasons`: why none is adjusted."""
    scale, bands, thresholds = definition.framework.scale, definition.bands, definition.thresholds
    method = (METHOD * (scale.maximum - scale.minimum)) ** 2
    own = [(source.weight * source.standard_error) ** 2 for source in figure.sources]
    extra = math.fsum(source.weight**2 * method for source in figure.sources)
    error = math.sqrt(math.fsum(own) + extra)
    degrees = _degrees(figure.sources, own, error**2)
    half, quarter = reach(degrees) * error, _quartile(degrees) * error
    at = figure.estimate
    found = chances(bands, student_below(at, error, degrees)) if bands else ()
    return DomainResult(
        domain=figure.key[0],
        basis="means",
        estimate=at,
        standard_error=error,
        method_error=math.sqrt(extra),
        low=cut(scale, at - half),
        high=cut(scale, at + half),
        low_50=cut(scale, at - quarter),
        high_50=cut(scale, at + quarter),
        place=None,
        place_error=None,
        bands=found,
        band=named(found, thresholds.band_probability),
        disagreeing=disagreeing(
            [(s.instrument, s.estimate, s.standard_error**2 + method) for s in figure.sources], thresholds.sources_apart
        ),
        sources=tuple(_as_described(source, reasons[source.instrument]) for source in figure.sources),
    )


def _as_described(source: SourceFigure, reason: str) -> SourceResult:
    return SourceResult(
        source.instrument, source.weight, source.estimate, source.standard_error, source.low, source.high, reason
    )


def disagreeing(
    sources: Sequence[tuple[Instrument, float, float]], apart: float
) -> tuple[tuple[Instrument, Instrument], ...]:
    """Pairs of (instrument, estimate, variance with method) that lie further apart than `apart` standard errors."""
    return tuple(
        (one, other) for (one, a, v), (other, b, u) in combinations(sources, 2) if abs(a - b) > apart * math.sqrt(v + u)
    )


def _degrees(sources: Sequence[SourceFigure], own: Sequence[float], total: float) -> float:
    spread = math.fsum(v**2 / (s.raters - 1) for v, s in zip(own, sources, strict=True) if not s.anchored)
    return math.inf if spread == 0 else total**2 / spread


def _quartile(degrees: float) -> float:
    return float(ndtri(HALF) if math.isinf(degrees) else stdtrit(degrees, HALF))
