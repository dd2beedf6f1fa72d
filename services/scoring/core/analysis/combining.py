"""A domain over its sources: what each says, weighed by its own error, by what only this source sees, and by policy.

Each source's estimate is first taken back to what its ratings alone say (y, error variance e). With ω² the variance of
what the sources share, τ² that of what only one of them sees (method), and w the declared weights with mean 1:

    θ = Σ aₛ yₛ,  aₛ = wₛ pₛ / (1/ω² + Σ wₛ pₛ),  pₛ = 1 / (τ² + eₛ)
    var = (1 - Σ aₛ)² ω² + Σ aₛ² (τ² + eₛ)

With equal weights that is the posterior under the model (Kelley 1947; one more level of shrinkage); with others its
honest error. ω² and τ² from the covariances of sources at 100 participants or more, anchored below.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.analysis.part import Z, fair_average
from services.scoring.core.analysis.results import CombinedResult, FitResult, ParticipantResult

Vector = NDArray[np.float64]
ESTIMATED_FROM = 100
ANCHOR = 0.15
"""Method variance where it can't be estimated: ours, between simulated cohorts' 0.09 and the 0.16 of
literature-like.
"""
LEAST = 0.01


@dataclass(frozen=True, slots=True)
class _Source:
    """What one source alone says of each participant: NaN where it says nothing."""

    fit: FitResult
    weight: float
    said: Vector
    error: Vector
    lines: Mapping[str, ParticipantResult]


def combined(fits: Sequence[FitResult], weights: Mapping[str, float]) -> tuple[CombinedResult, ...]:
    """Every domain that has a fit. A domain with one source is wider than the source: it is more than what that
    sees.
    """
    domains = sorted({fit.domain for fit in fits if fit.domain is not None})
    return tuple(_domain(domain, [fit for fit in fits if fit.domain == domain], weights) for domain in domains)


def _domain(domain: str, fits: Sequence[FitResult], weights: Mapping[str, float]) -> CombinedResult:
    names = sorted({line.participant for fit in fits for line in fit.participants})
    given = [weights.get(fit.source or "", 1.0) for fit in fits]
    mean = sum(given) / len(given) or 1.0
    sources = [_source(fit, names, weight / mean) for fit, weight in zip(fits, given, strict=True)]
    alone_said = [Said(s.said, s.error, s.fit.variance.participant) for s in sources]
    shared, method, estimated = variances_of_sources(alone_said, len(names))
    said, errors = np.stack([s.said for s in sources]), np.stack([s.error for s in sources])
    place, variance = joined(said, errors, np.array([s.weight for s in sources]), shared, method)
    fair = _fair(sources, place)
    lines = tuple(
        _line(name, sources, n, place[n], float(np.sqrt(variance[n])), None if fair is None else float(fair[n]))
        for n, name in enumerate(names)
    )
    return CombinedResult(domain, lines, tuple(fit.source or "" for fit in fits), method, estimated)


@dataclass(frozen=True, slots=True)
class Said:
    """What one source alone says of each participant (NaN: nothing), its error variance, and the participants'."""

    said: Vector
    error: Vector
    prior: float


def alone(place: Vector, variance: Vector, prior: float) -> tuple[Vector, Vector]:
    """What ratings say by themselves, shrinkage undone: 1/e = 1/variance - 1/prior, y = place × (1 + e/prior)."""
    error: Vector = 1 / np.maximum(1 / variance - 1 / prior, 1e-3)
    said: Vector = place * (1 + error / prior)
    return said, error


def joined(said: Vector, error: Vector, weight: Vector, shared: float, method: float) -> tuple[Vector, Vector]:
    """Places and error variances over sources (sources × participants, NaN: nothing). `weight`: of sources, mean 1."""
    precision = np.where(np.isnan(said), 0.0, weight[:, None] / (method + error))
    share = precision / (1 / shared + precision.sum(axis=0))
    place: Vector = (share * np.nan_to_num(said)).sum(axis=0)
    variance: Vector = (1 - share.sum(axis=0)) ** 2 * shared + (share**2 * np.nan_to_num(method + error)).sum(axis=0)
    return place, variance


def _source(fit: FitResult, names: Sequence[str], weight: float) -> _Source:
    number = {name: n for n, name in enumerate(names)}
    said, error = np.full(len(names), np.nan), np.full(len(names), np.nan)
    prior = fit.variance.participant
    for line in fit.participants:
        if line.estimate is not None and line.se is not None:
            y, e = alone(np.array([line.estimate]), np.array([line.se**2]), prior)
            said[number[line.participant]], error[number[line.participant]] = y[0], e[0]
    return _Source(fit, weight, said, error, {line.participant: line for line in fit.participants})


def variances_of_sources(sources: Sequence[Said], people: int) -> tuple[float, float, bool]:
    """ω², τ² and whether they were estimated: ω² is the mean covariance of two sources, τ² what is left of a source."""
    total = float(np.mean([s.prior for s in sources]))
    both = [np.isfinite(a.said) & np.isfinite(b.said) for a, b in combinations(sources, 2)]
    if people < ESTIMATED_FROM or not both or min(int(each.sum()) for each in both) < ESTIMATED_FROM:
        return max(total - ANCHOR, LEAST), ANCHOR, False
    found = []
    for (a, b), use in zip(combinations(sources, 2), both, strict=True):
        weight = 1 / ((total + a.error[use]) * (total + b.error[use]))
        found.append(float((weight * a.said[use] * b.said[use]).sum() / weight.sum()))
    shared = min(max(float(np.mean(found)), LEAST), total)
    return shared, max(total - shared, LEAST), True


def _fair(sources: Sequence[_Source], place: Vector) -> Vector | None:
    """On the scale that all sources have in common, if they do."""
    if len({(s.fit.values[0], s.fit.values[-1]) for s in sources}) > 1:
        return None
    weight = [s.weight for s in sources]
    each = [fair_average(place, np.array(s.fit.cumulative), s.fit.values) for s in sources]
    average: Vector = np.average(each, axis=0, weights=weight if sum(weight) else None)
    return average


def _line(
    name: str, sources: Sequence[_Source], n: int, place: float, se: float, fair: float | None
) -> ParticipantResult:
    """Adjusted where every source that was used is; otherwise the reason names the source."""
    used = [s for s in sources if np.isfinite(s.said[n])]
    if not used:
        return ParticipantResult(name, None, None, None, None, None, None, 0, adjusted=False, reason="no source")
    lines = [(s.fit.source or "all", s.weight, s.lines[name]) for s in used]
    reasons = [f"{source}: {line.reason}" for source, _, line in lines if line.reason]
    return ParticipantResult(
        participant=name,
        estimate=float(place),
        se=se,
        low=float(place) - Z * se,
        high=float(place) + Z * se,
        fair=fair,
        raw=_raw(lines) if fair is not None else None,
        n_raters=sum(line.n_raters for _, _, line in lines),
        adjusted=not reasons,
        reason="; ".join(reasons) or None,
    )


def _raw(lines: Sequence[tuple[str, float, ParticipantResult]]) -> float | None:
    """The sources' plain means by their declared weights."""
    total = sum(weight for _, weight, _ in lines)
    return sum(weight * (line.raw or 0.0) for _, weight, line in lines) / total if total else None
