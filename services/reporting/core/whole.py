"""Domains as a whole, as plans show them: a result's figure of a domain with the domain result's estimate and ranges.

Results of releases before layers have no domain results; then the figure stands as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.reporting.core.scored import DomainResult, Figure, Group, Scored
from shared.words import Facet, Instrument


@dataclass(frozen=True, slots=True)
class WholeSource:
    """A source of a domain; `reason`: why it is not corrected for who rated."""

    instrument: Instrument
    estimate: float
    standard_error: float
    low: float
    high: float
    raters: int
    anchored: bool
    reason: str | None


@dataclass(frozen=True, slots=True)
class Whole:
    """A domain as a whole. `result` has what only layers know: bands, the inner range, what is lacking."""

    domain: str
    estimate: float
    low: float
    high: float
    sources: Sequence[WholeSource]
    anchored: bool
    self_rating: float | None
    groups: Sequence[Group]
    result: DomainResult | None
    facet: Facet | None = None
    competency: str | None = None


def wholes(scored: Scored) -> dict[str, Whole]:
    """The domains that a result has, by code."""
    results = {result.domain: result for result in scored.domains}
    figures = [figure for figure in scored.figures if figure.competency is None and figure.facet is None]
    return {figure.domain: _whole(figure, results.get(figure.domain)) for figure in figures}


def _whole(figure: Figure, result: DomainResult | None) -> Whole:
    shown = result or figure
    anchored = {source.instrument: source.anchored for source in figure.sources}
    return Whole(
        domain=figure.domain,
        estimate=shown.estimate,
        low=shown.low,
        high=shown.high,
        sources=tuple(
            WholeSource(
                source.instrument,
                source.estimate,
                source.standard_error,
                source.low,
                source.high,
                source.raters,
                anchored.get(source.instrument, False),
                getattr(source, "reason", None),
            )
            for source in shown.sources
        ),
        anchored=figure.anchored,
        self_rating=figure.self_rating,
        groups=figure.groups,
        result=result,
    )
