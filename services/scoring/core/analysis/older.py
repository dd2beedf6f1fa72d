"""The estimators of other programs on one part of a file, for analysts who must compare: never for a decision."""

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.analysis.many_facet import statistics
from services.scoring.core.analysis.part import Part, fair_average
from services.scoring.core.analysis.results import FitResult, RaterResult, VarianceComponents
from services.scoring.core.facets.diagnostics import MeanSquares
from services.scoring.core.facets.joint import Measures, joint_fit
from services.scoring.core.facets.marginal import marginal_fit
from services.scoring.core.facets.subsets import Subsets, subsets_of

Vector = NDArray[np.float64]
COMPARISON = "for comparison with other programs only: every rating counts as independent, intervals are too short"
EXTREME = "the lowest or the highest possible score: no finite measure"


def joint(part: Part) -> FitResult:
    """Joint maximum likelihood with common steps. Places are centred, as everywhere here; measures of the program that
    is compared with may have another origin.
    """
    part = part.whole()
    fit = joint_fit(part.ratings, common_steps=True)
    subsets = subsets_of(part.units)
    place = fit.participants.measure
    level = float(np.nanmean(place)) if np.isfinite(place).any() else 0.0
    extreme = ~np.isfinite(place)
    reasons = [EXTREME if e else _reason(subsets, n) for n, e in zip(subsets.of_participants, extreme, strict=True)]
    cumulative = fit.cumulative - level * np.arange(fit.cumulative.shape[1])
    return FitResult(
        source=part.source,
        domain=part.domain,
        model="joint/1",
        participants=part.participant_results(
            place - level,
            fit.participants.error,
            fair_average(np.nan_to_num(place - level), cumulative, part.categories.values),
            reasons,
        ),
        raters=_raters(part, fit.raters.measure, fit.raters.error, subsets),
        items=part.item_results(cumulative),
        subsets=part.subset_results(subsets),
        variance=VarianceComponents(float(np.nanvar(place)), float(np.nanvar(fit.raters.measure)), None, None, False),
        fit_participants=statistics(part.participants, _squares(fit.participants, part.ratings.participant)),
        fit_raters=statistics(part.raters, _squares(fit.raters, part.ratings.rater)),
        fit_items=statistics(part.items, _squares(fit.items, part.ratings.item)),
        notes=(COMPARISON,),
        seconds=part.clock() - part.started,
        values=part.categories.values,
        cumulative=tuple(map(tuple, cumulative.tolist())),
    )


def marginal(part: Part, *, common_steps: bool) -> FitResult:
    """Marginal maximum likelihood with raters as fixed effects, and steps of each item or common ones. No item then has
    categories above the highest that it was given, as R's TAM takes it.
    """
    part = part.whole()
    fit = marginal_fit(
        part.ratings,
        steps="common" if common_steps else "own",
        raters="additive" if len(part.raters) > 1 else "none",
        observed_only=common_steps,
    )
    subsets = subsets_of(part.units)
    return FitResult(
        source=part.source,
        domain=part.domain,
        model="marginal-rating-scale/1" if common_steps else "marginal/1",
        participants=part.participant_results(
            fit.place,
            fit.place_error,
            fair_average(fit.place, fit.cumulative, part.categories.values),
            [_reason(subsets, n) for n in subsets.of_participants],
        ),
        raters=_raters(part, fit.severity, fit.severity_error, subsets),
        items=part.item_results(fit.cumulative),
        subsets=part.subset_results(subsets),
        variance=VarianceComponents(fit.variance, None, None, None, True),
        fit_participants=(),
        fit_raters=(),
        fit_items=(),
        notes=(COMPARISON, f"deviance {fit.deviance:.2f} with {fit.parameters} parameters"),
        seconds=part.clock() - part.started,
        values=part.categories.values,
        cumulative=tuple(map(tuple, fit.cumulative.tolist())),
    )


def _reason(subsets: Subsets, number: int) -> str | None:
    if subsets.count == 1:
        return None
    return f"subset {number + 1} of {subsets.count}: no rater links it to the others"


def _raters(part: Part, severity: Vector, error: Vector, subsets: Subsets) -> tuple[RaterResult, ...]:
    return tuple(
        RaterResult(name, float(at), float(se))
        if np.isfinite(at) and subsets.count == 1
        else RaterResult(name, None, None)
        for name, at, se in zip(part.raters, severity, error, strict=True)
    )


def _squares(found: Measures, levels: NDArray[np.int64]) -> MeanSquares:
    return MeanSquares(found.infit, found.outfit, np.bincount(levels, minlength=len(found.measure)))
