"""The many-facet model on one part of a file: who is adjusted, the fit, and its tables of results."""

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.analysis.adjusting import Adjusting, adjusting
from services.scoring.core.analysis.part import Part, fair_average
from services.scoring.core.analysis.results import FitResult, FitStatistic, RaterResult, VarianceComponents
from services.scoring.core.facets.diagnostics import Diagnostics, MeanSquares, diagnosed
from services.scoring.core.facets.fit import Fit, Options, Variances, fitted
from services.scoring.core.facets.ratings import Units
from services.scoring.core.facets.subsets import raters_apart

Vector = NDArray[np.float64]
ESTIMATED_FROM = 100
"""Participants from which variance components are estimated; anchored below."""
OWN_STEPS_FROM = 100
"""Ratings of each item from which items have steps of their own."""
DOUBTED = 0.5
"""Chance of being careless from which a rater is named in the notes."""


def many_facet(part: Part, *, common_steps: bool) -> FitResult:
    """Fit `part`. Steps are common to all items where asked for, or where an item has too few ratings for its own."""
    units = part.units
    decision = adjusting(units)
    thin = bool((units.answers >= 0).sum(axis=0).min() < OWN_STEPS_FROM)
    apart = raters_apart(units) if decision.too_few else units
    anchored = len(part.participants) < ESTIMATED_FROM
    fit = fitted(apart, Variances(), Options(anchored=anchored, widening=True, common_steps=common_steps or thin))
    found = diagnosed(units, fit)
    return FitResult(
        source=part.source,
        domain=part.domain,
        model="rating-scale/1" if common_steps else "many-facet/1",
        participants=part.participant_results(
            fit.place,
            np.sqrt(fit.place_variance),
            fair_average(fit.place, fit.cumulative, part.categories.values),
            decision.reasons,
        ),
        raters=_raters(part, units, fit, decision),
        items=part.item_results(fit.cumulative),
        subsets=part.subset_results(decision.subsets),
        variance=_variances(units, fit, estimated=not anchored),
        fit_participants=statistics(part.participants, found.participants),
        fit_raters=rater_statistics(part.raters, found),
        fit_items=statistics(part.items, found.items),
        notes=_notes(part, fit, found, decision, thin=thin and not common_steps, anchored=anchored),
        seconds=part.clock() - part.started,
        values=part.categories.values,
        cumulative=tuple(map(tuple, fit.cumulative.tolist())),
    )


def _raters(part: Part, units: Units, fit: Fit, decision: Adjusting) -> tuple[RaterResult, ...]:
    """Severity with what the rater's group has in common, centred over the raters of each subset; None for raters of
    one participant, and where raters were taken apart.
    """
    pairs = np.unique(np.stack([units.rater, units.participant], axis=1), axis=0)
    told = np.bincount(pairs[:, 0], minlength=len(part.raters)) > 1
    if not np.isfinite(fit.severity).any():
        return tuple(RaterResult(name, None, None) for name in part.raters)
    group = np.zeros(len(part.raters), dtype=np.int64)
    group[units.rater] = units.group
    severity, subset = fit.severity - fit.leniency[group], decision.subsets.of_raters
    mean = np.bincount(subset, severity * told) / np.maximum(np.bincount(subset, told), 1)
    return tuple(
        RaterResult(name, float(at), float(se)) if known else RaterResult(name, None, None)
        for name, at, se, known in zip(
            part.raters, severity - mean[subset], np.sqrt(fit.severity_variance), told, strict=True
        )
    )


def _variances(units: Units, fit: Fit, *, estimated: bool) -> VarianceComponents:
    v = fit.variances
    return VarianceComponents(
        participant=v.participant,
        severity=v.severity if np.isfinite(fit.severity).any() else None,
        participant_rater=v.halo,
        participant_exercise=v.scene if units.has_scenes else None,
        estimated=estimated,
    )


def _notes(
    part: Part, fit: Fit, found: Diagnostics, decision: Adjusting, *, thin: bool, anchored: bool
) -> tuple[str, ...]:
    notes = list(part.categories.pooled)
    if decision.subsets.count > 1:
        notes.append(f"{decision.subsets.count} subsets that no rater links: never compare severities across them")
    if anchored:
        notes.append(
            f"variance components are anchors, not estimates: fewer than {ESTIMATED_FROM} participants"
            + ("" if np.isfinite(fit.severity).any() else "; severity is part of participant × rater")
        )
    if thin:
        notes.append(f"one set of steps for all items: some item has fewer than {OWN_STEPS_FROM} ratings")
    doubted = [name for name, doubt in zip(part.raters, found.signs.doubt, strict=True) if doubt > DOUBTED]
    if doubted:
        some = ", ".join(doubted[:5]) + (" …" if len(doubted) > 5 else "")
        notes.append(f"{len(doubted)} rater(s) gave one and the same answer throughout and hardly count: {some}")
    if not fit.converged:
        notes.append("the fit was stopped before it settled: read the last digits with care")
    return tuple(notes)


def _shown(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def statistics(names: tuple[str, ...], found: MeanSquares) -> tuple[FitStatistic, ...]:
    """Mean-squares with their names."""
    lines = zip(names, found.infit, found.outfit, found.ratings, strict=True)
    return tuple(FitStatistic(name, _shown(infit), _shown(outfit), int(n)) for name, infit, outfit, n in lines)


def rater_statistics(names: tuple[str, ...], found: Diagnostics) -> tuple[FitStatistic, ...]:
    """Mean-squares of raters, with what is odd about them."""
    signs = found.signs
    lines = zip(
        names, found.raters.infit, found.raters.outfit, found.raters.ratings,
        signs.spread, signs.straight, signs.doubt, strict=True,
    )  # fmt: skip
    return tuple(
        FitStatistic(name, _shown(infit), _shown(outfit), int(n), *(_shown(each) for each in rest))
        for name, infit, outfit, n, *rest in lines
    )
