"""Descriptive evidence as a result document holds it: a model's figures, with self, gap and rater groups beside."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import fields
from math import fsum
from typing import Any

from services.scoring.core import appraisal_360
from services.scoring.core.appraisal_360 import Appraisal
from services.scoring.core.figures import Figure, SourceFigure
from services.scoring.core.observations import FigureKey, Rating, keys_of
from services.scoring.core.scales import rounded
from shared.framework import FrameworkPack
from shared.ids import RaterId
from shared.words import Instrument, Relationship


def described(framework: FrameworkPack, figures: Iterable[Figure], appraisal: Appraisal) -> list[dict[str, Any]]:
    """The figures, rounded, in their order."""
    own = unit_means(framework, appraisal.own)
    others = unit_means(framework, appraisal.ratings)
    return [_figure(figure, own.get(figure.key), others.get(figure.key, {}), appraisal) for figure in figures]


def _figure(
    figure: Figure, own: Mapping[RaterId, float] | None, others: Mapping[RaterId, float], appraisal: Appraisal
) -> dict[str, Any]:
    domain, facet, competency = figure.key
    self_rating = _mean(own.values()) if own else None
    shown = {source.instrument: source.estimate for source in figure.sources}
    compared = shown.get(Instrument.APPRAISAL_360)
    gap = None if self_rating is None or compared is None else self_rating - compared
    whole = facet is None and competency is None
    return {
        "domain": domain,
        "facet": facet,
        "competency": competency,
        "estimate": rounded(figure.estimate),
        "standard_error": rounded(figure.standard_error),
        "low": rounded(figure.low),
        "high": rounded(figure.high),
        "raters": figure.raters,
        "items": figure.items,
        "anchored": figure.anchored,
        "sources": [_source(source) for source in figure.sources],
        "self": None if self_rating is None else rounded(self_rating),
        "gap": None if gap is None else rounded(gap),
        "groups": _groups(others, appraisal) if whole else [],
    }


def _groups(means: Mapping[RaterId, float], appraisal: Appraisal) -> list[dict[str, Any]]:
    """The averages of the rater groups that may be shown: the mean of their raters' means."""
    groups: dict[appraisal_360.Group, list[float]] = defaultdict(list)
    for rater, mean in means.items():
        groups[appraisal.groups[rater]].append(mean)
    return [
        {"relationships": list(group), "raters": len(groups[group]), "estimate": rounded(_mean(groups[group]))}
        for group in sorted(groups, key=lambda group: list(Relationship).index(group[0]))
    ]


def unit_means(framework: FrameworkPack, ratings: Iterable[Rating]) -> dict[FigureKey, dict[RaterId, float]]:
    """Each unit's plain mean over its ratings, for every figure that they are evidence for."""
    values: dict[FigureKey, dict[RaterId, list[float]]] = defaultdict(lambda: defaultdict(list))
    for rating in ratings:
        for key in keys_of(framework, rating):
            values[key][rating.unit].append(rating.value)
    return {key: {unit: _mean(given) for unit, given in units.items()} for key, units in values.items()}


def _mean(values: Iterable[float]) -> float:
    given = list(values)
    return fsum(given) / len(given)


def _source(source: SourceFigure) -> dict[str, Any]:
    values = {field.name: getattr(source, field.name) for field in fields(source)}
    return {name: rounded(value) if isinstance(value, float) else value for name, value in values.items()}
