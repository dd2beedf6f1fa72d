"""Results of scoring a file as one JSON document, with keys that stay."""

from dataclasses import asdict
from math import isfinite
from typing import Any

from services.scoring.core.agreement.statistic import LEVEL, Statistic
from services.scoring.core.agreement.study import Study
from services.scoring.core.analysis.agreeing import Agreement
from services.scoring.core.analysis.results import CombinedResult, FitResult, FitStatistic, Scored


def document(scored: Scored) -> dict[str, Any]:
    """{"fits": [...], "combined": [...]}: see docs/command.md."""
    return {"fits": [_fit(fit) for fit in scored.fits], "combined": [_combined(each) for each in scored.combined]}


def _fit(fit: FitResult) -> dict[str, Any]:
    return {
        "source": fit.source,
        "domain": fit.domain,
        "model": fit.model,
        "participants": [asdict(each) for each in fit.participants],
        "raters": [asdict(each) for each in fit.raters],
        "items": [asdict(each) for each in fit.items],
        "subsets": [asdict(each) for each in fit.subsets],
        "variance": asdict(fit.variance),
        "fit": {
            "participants": [_squares("participant", each) for each in fit.fit_participants],
            "raters": [
                _squares("rater", each) | {"spread": each.spread, "straight": each.straight, "careless": each.careless}
                for each in fit.fit_raters
            ],
            "items": [_squares("item", each) for each in fit.fit_items],
        },
        "notes": list(fit.notes),
        "seconds": fit.seconds,
    }


def _squares(kind: str, each: FitStatistic) -> dict[str, Any]:
    return {kind: each.name, "infit": each.infit, "outfit": each.outfit, "n": each.n}


def _combined(each: CombinedResult) -> dict[str, Any]:
    return {
        "domain": each.domain,
        "sources": list(each.sources),
        "method_variance": each.method_variance,
        "estimated": each.estimated,
        "participants": [asdict(line) for line in each.participants],
    }


def agreement_document(found: list[Agreement]) -> dict[str, Any]:
    """{"agreement": [...]}, one a source and domain: see docs/command.md."""
    return {"level": LEVEL, "agreement": [_agreement(each) for each in found]}


def _agreement(each: Agreement) -> dict[str, Any]:
    counts = {"participants": each.participants, "raters": each.raters, "items": each.items, "ratings": each.ratings}
    return {
        "source": each.source,
        "domain": each.domain,
        "n": counts,
        "statistics": [
            {"family": family.name} | _statistic(statistic)
            for family in each.families
            for statistic in family.statistics
        ],
        "within_groups": [
            {"participant": group.participant, "rater_group": group.rater_group}
            | {"statistics": [_statistic(statistic) for statistic in group.statistics]}
            for group in each.groups
        ],
        "generalizability": _study(each.study),
    }


def _statistic(each: Statistic) -> dict[str, Any]:
    return {key: _finite(value) for key, value in asdict(each).items()}


def _finite(value: Any) -> Any:
    """JSON has no infinity; an end that is not finite is none."""
    return None if isinstance(value, float) and not isfinite(value) else value


def _study(study: Study) -> dict[str, Any]:
    return {
        "design": study.design,
        "n": study.people,
        "components": [
            {"effect": effect, "variance": variance, "se": study.errors[effect]}
            for effect, variance in study.components.items()
        ],
        "now": asdict(study.now) if study.now else None,
        "more": [asdict(each) for each in study.more],
        "words": list(study.words),
        "withheld": study.withheld,
    }
