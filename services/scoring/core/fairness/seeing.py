"""What a participant's evidence and result say, as the fairness report needs it. It knows no group of anybody."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from services.scoring.core import development_day, written_assessment
from services.scoring.core.evidence import Piece, current
from services.scoring.core.fairness.pairings import View
from services.scoring.core.fairness.report import Seen
from shared.cohort.definition import CohortDefinition
from shared.ids import ParticipantId, RaterId
from shared.words import Instrument, Relationship

RATERS = {Instrument.DEVELOPMENT_DAY: "assessors", Instrument.WRITTEN_ASSESSMENT: "markers"}
Given = tuple[str, RaterId, str, str, float]
"""Rater group, who, scale, item, and the rating on the cohort's scale."""


def seen(
    definition: CohortDefinition, participant: ParticipantId, domains: Mapping[str, float], pieces: Iterable[Piece]
) -> Seen:
    """One participant. `pieces`: all the evidence, superseded included; `domains`: the current domain results."""
    by_rater: dict[tuple[str, RaterId], list[float]] = defaultdict(list)
    by_item: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for group, by, scale, item, rating in _given(definition, current(pieces)):
        by_rater[group, by].append(rating)
        if group != Relationship.SELF:
            by_item[scale][item].append(rating)
    return Seen(
        participant=participant,
        domains=domains,
        views=tuple(View(group, by, _mean(ratings)) for (group, by), ratings in sorted(by_rater.items())),
        items={scale: {item: _mean(each) for item, each in items.items()} for scale, items in by_item.items()},
    )


def _given(definition: CohortDefinition, pieces: tuple[Piece, ...]) -> Iterator[Given]:
    framework = definition.framework
    for piece in pieces:
        if piece.instrument is Instrument.APPRAISAL_360 and piece.relationship is not None:
            for code, rating in sorted(piece.given.items()):
                if code in framework.item:
                    domain = framework.domain_of(framework.item[code].competency)
                    yield piece.relationship, piece.by, f"{piece.instrument.label}, {domain}", code, rating
    ratings = [*development_day.ratings(definition, pieces)]
    if definition.evidence.written_assessment is not None:
        ratings += written_assessment.ratings(definition.evidence.written_assessment, definition, pieces)
    for each in ratings:
        yield RATERS[each.instrument], each.unit, each.instrument.label, each.item, each.value


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
