"""From evidence to a result: one canonical document whose bytes depend on the evidence and the rules, on nothing else.

No time, no database id, no machine: scoring the same evidence in any order anywhere gives the same document and hash.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from math import fsum
from typing import Any

from services.scoring.core import appraisal_360, development_day, written_assessment
from services.scoring.core.appraisal_360 import Appraisal
from services.scoring.core.completeness import missing
from services.scoring.core.evidence import Piece, current
from services.scoring.core.figures import Figure, ScoringModel, SourceFigure
from services.scoring.core.observations import FigureKey, Observations, Rating, keys_of
from services.scoring.core.scales import rounded
from shared.cohort.definition import CohortDefinition
from shared.framework import FrameworkPack
from shared.ids import ParticipantId, RaterId
from shared.words import Instrument, Relationship


@dataclass(frozen=True)
class Rules:
    """What a cohort's results depend on beside the evidence: its definition and a scoring model."""

    definition: CohortDefinition
    model: ScoringModel

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the parts of the definition that a result depends on. A new title changes no result."""
        parts = {"framework", "evidence", "weights", "disclosure", "exercises", "criteria"}
        return hashed(canonical(self.definition.model_dump(mode="json", include=parts)))


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a result rests on. A participant is scored once for each: evidence state (hash), model, rules (hash)."""

    evidence: str
    model: str
    rules: str


@dataclass(frozen=True, slots=True)
class Result:
    """A participant's result. `document` is canonical JSON, `hash` its SHA-256 (hex)."""

    grounds: Grounds
    document: str
    late: int
    """Pieces submitted after the cohort closed."""

    @property
    def hash(self) -> str:
        """Equal results have equal hashes on every machine."""
        return hashed(self.document)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What asking a case found out: reasons why it can't be scored; or what a result is due on, None if it has one."""

    missing: tuple[str, ...]
    due: Grounds | None


def assess(rules: Rules, pieces: Iterable[Piece], scored: Grounds | None) -> Assessment:
    """Ask a case: is the evidence complete, and if so, is a result due? `scored`: what its latest result rests on.

    `pieces` is all the evidence of one participant, superseded pieces included, in any order.
    """
    now = current(pieces)
    lacking = missing(rules.definition, now)
    if lacking:
        return Assessment(lacking, None)
    grounds = Grounds(state_of(now), rules.model.id, rules.digest)
    return Assessment((), None if grounds == scored else grounds)


def result_on(grounds: Grounds, rules: Rules, participant: ParticipantId, pieces: Iterable[Piece]) -> Result:
    """The result that is due on `grounds`, which `assess` gave for the same rules and pieces."""
    now = current(pieces)
    definition = rules.definition
    appraisal = _appraisal(definition, now)
    figures = rules.model.figures(_observations(definition, appraisal, now))
    document = {
        "cohort": definition.cohort,
        "participant": participant,
        "model": grounds.model,
        "framework": definition.framework.label,
        "rules": grounds.rules,
        "evidence": _references(now),
        "withheld": list(appraisal.withheld),
        "figures": _documented(definition.framework, figures, appraisal),
    }
    return Result(grounds, canonical(document), sum(piece.late for piece in now))


def state_of(pieces: Iterable[Piece]) -> str:
    """The evidence state: SHA-256 (hex) of which pieces count now."""
    return hashed(canonical(_references(current(pieces))))


def withheld(definition: CohortDefinition, pieces: Iterable[Piece]) -> tuple[Relationship, ...]:
    """Rater groups of which somebody answered and which are in no figure, since too few did."""
    return _appraisal(definition, current(pieces)).withheld


def canonical(value: Any) -> str:
    """JSON in one spelling: keys sorted, no spaces, no NaN.

    >>> canonical({"b": 1.0, "a": [None]})
    '{"a":[null],"b":1.0}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def hashed(text: str) -> str:
    """SHA-256 (hex) of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _references(pieces: Iterable[Piece]) -> list[dict[str, str | None]]:
    return [
        {
            "evidence": piece.evidence,
            "instrument": piece.instrument,
            "by": piece.by,
            "element": piece.element,
            "relationship": piece.relationship,
        }
        for piece in pieces
    ]


def _appraisal(definition: CohortDefinition, pieces: tuple[Piece, ...]) -> Appraisal:
    part_of_cohort = definition.evidence.appraisal_360 is not None
    return appraisal_360.appraisal(definition, pieces if part_of_cohort else ())


def _observations(definition: CohortDefinition, appraisal: Appraisal, pieces: tuple[Piece, ...]) -> Observations:
    """What may enter the figures. An instrument that is no part of the cohort, or weighs nothing, does not."""
    ratings = list(appraisal.ratings)
    if definition.evidence.development_day is not None:
        ratings += development_day.ratings(definition, pieces)
    if definition.evidence.written_assessment is not None:
        ratings += written_assessment.ratings(definition.evidence.written_assessment, definition, pieces)
    weights = {instrument: weight for instrument, weight in definition.weights.items() if weight > 0}
    counted = tuple(rating for rating in ratings if rating.instrument in weights)
    return Observations(definition.framework, weights, counted)


def _documented(framework: FrameworkPack, figures: Iterable[Figure], appraisal: Appraisal) -> list[dict[str, Any]]:
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
