"""Fitting a cohort: one many-facet fit for each source and domain, then what sources share and what only one sees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.analysis.adjusting import ENOUGH_PARTICIPANTS, LINKED_RATINGS, Adjusting, adjusting
from services.scoring.core.analysis.combining import Said, alone, variances_of_sources
from services.scoring.core.analysis.many_facet import DOUBTED, ESTIMATED_FROM, OWN_STEPS_FROM
from services.scoring.core.calibration.calibration import Calibration
from services.scoring.core.calibration.gathering import Coded, Gathered, Place
from services.scoring.core.canonical import canonical, stored
from services.scoring.core.facets.diagnostics import diagnosed
from services.scoring.core.facets.fit import Fit, Options, Variances, fitted
from services.scoring.core.facets.ratings import Units, collapsed

Vector = NDArray[np.float64]
FITTING = 0.5, 1.5
"""Mean-squares that do no harm (Wright & Linacre 1994, Rasch Measurement Transactions 8:370)."""
MOST_CATEGORIES = 60


@dataclass(frozen=True, slots=True)
class _Fitted:
    """One part that was fitted: its document, and what it says of each participant."""

    place: Place
    coded: Coded
    fit: Fit
    document: dict[str, Any]


def calibrated(model: str, rules: str, gathered: Gathered, evidence: Mapping[str, str]) -> Calibration:
    """The calibration of everybody who was gathered. `rules`: digest of the cohort's rules,
    `evidence`: each one's evidence state. The same evidence, in any
    order, gives the same calibration.
    """
    parts: list[dict[str, Any]] = []
    fits: list[_Fitted] = []
    for place, coded in gathered.coded():
        found = _part(place, coded)
        parts.append(found.document if isinstance(found, _Fitted) else found)
        fits += [found] if isinstance(found, _Fitted) else []
    document = {
        "model": model,
        "rules": rules,
        "evidence": dict(evidence),
        "parts": parts,
        "domains": _domains(fits),
    }
    return Calibration(canonical(stored(document)))


def _part(place: Place, coded: Coded) -> _Fitted | dict[str, Any]:
    units = collapsed(coded.ratings)
    decision = adjusting(units)
    source, domain = place
    told = {
        "source": source.value,
        "domain": domain,
        "participants": len(coded.participants),
        "raters": len(coded.names["rater"]),
        "ratings": len(coded.ratings),
        "reason": _everybody(decision),
    }
    if decision.too_few:
        return told | {"reason": f"fewer than {ENOUGH_PARTICIPANTS} participants: severities would be noise"}
    if len(coded.categories.values) < 2 or len(coded.categories.values) > MOST_CATEGORIES:
        return told | {"reason": f"{len(coded.categories.values)} different ratings are no answer scale"}
    thin = bool((units.answers >= 0).sum(axis=0).min() < OWN_STEPS_FROM)
    anchored = len(coded.participants) < ESTIMATED_FROM
    fit = fitted(units, Variances(), Options(anchored=anchored, widening=True, common_steps=thin))
    document = told | _parameters(coded, units, fit, decision, estimated=not anchored)
    return _Fitted(place, coded, fit, document | {"diagnostics": _diagnostics(coded, units, fit, decision, thin=thin)})


def _everybody(decision: Adjusting) -> str | None:
    """The reason that all have in common."""
    reasons = set(decision.reasons)
    return reasons.pop() if len(reasons) == 1 else None


def _parameters(coded: Coded, units: Units, fit: Fit, decision: Adjusting, *, estimated: bool) -> dict[str, Any]:
    names, v = coded.names, fit.variances
    separable = bool(np.isfinite(fit.severity).any())
    everybody = _everybody(decision)
    return {
        "values": list(coded.categories.values),
        "items": dict(zip(names["item"], fit.cumulative.tolist(), strict=True)),
        "leniency": dict(zip(names["group"], fit.leniency.tolist(), strict=True)),
        "variance": {
            "participant": v.participant,
            "severity": v.severity if separable else 0.0,
            "halo": v.halo,
            "scene": v.scene if units.has_scenes else 0.0,
        },
        "estimated": estimated,
        "severities": _severities(coded, units, fit, decision) if separable else {},
        "people": {
            name: [place, variance]
            for name, place, variance in zip(
                names["participant"], fit.place.tolist(), fit.place_variance.tolist(), strict=True
            )
        },
        "unadjusted": {
            name: reason
            for name, reason in zip(names["participant"], decision.reasons, strict=True)
            if reason is not None and reason != everybody
        },
    }


def _severities(coded: Coded, units: Units, fit: Fit, decision: Adjusting) -> dict[str, list[Any]]:
    """Rater → severity, its variance, whether it links participants of the main subset."""
    pairs = np.unique(np.stack([units.participant, units.rater], axis=1), axis=0)
    load = np.bincount(pairs[:, 1], minlength=len(coded.names["rater"]))
    links = (load >= LINKED_RATINGS) & (decision.subsets.of_raters == 0)
    return {
        name: [severity, variance, bool(link)]
        for name, severity, variance, link in zip(
            coded.names["rater"], fit.severity.tolist(), fit.severity_variance.tolist(), links, strict=True
        )
    }


def _diagnostics(coded: Coded, units: Units, fit: Fit, decision: Adjusting, *, thin: bool) -> dict[str, Any]:
    found = diagnosed(units, fit)
    return {
        "rounds": fit.rounds,
        "converged": fit.converged,
        "pooled": list(coded.categories.pooled),
        "common_steps": thin,
        "subsets": decision.subsets.sizes.tolist()[:20],
        "careless": int((found.signs.doubt > DOUBTED).sum()),
        "misfitting": {
            facet: int(((squares.infit < FITTING[0]) | (squares.infit > FITTING[1])).sum())
            for facet, squares in (
                ("participants", found.participants),
                ("raters", found.raters),
                ("items", found.items),
            )
        },
    }


def _domains(fits: Sequence[_Fitted]) -> list[dict[str, Any]]:
    """What sources share in each domain, over everybody calibrated."""
    found = []
    for domain in sorted({each.place[1] for each in fits}):
        of_domain = [each for each in fits if each.place[1] == domain]
        names = sorted({name for each in of_domain for name in each.coded.participants})
        said = [_said(each, names) for each in of_domain]
        shared, method, estimated = variances_of_sources(said, len(names))
        found.append({"domain": domain, "shared": shared, "method": method, "estimated": estimated})
    return found


def _said(each: _Fitted, names: Sequence[str]) -> Said:
    """What one source alone says of everybody, NaN where it says nothing."""
    number = {name: n for n, name in enumerate(names)}
    rows = np.array([number[name] for name in each.coded.participants])
    prior = each.fit.variances.participant
    y, error = alone(each.fit.place, each.fit.place_variance, prior)
    said, errors = np.full(len(names), np.nan), np.full(len(names), np.nan)
    said[rows], errors[rows] = y, error
    return Said(said, errors, prior)
