"""A plan's section on each domain: its figures and the sentences about them."""

import math
from collections.abc import Iterator
from itertools import combinations

from services.reporting.core.disclosure import appraisal_of
from services.reporting.core.documents import CompetencyRow, DomainSection, GroupRow, Row
from services.reporting.core.english import capitalised, listed, mark_of, number, sentences
from services.reporting.core.reading import (
    Reading,
    behind_row,
    behind_source,
    group_name,
    others,
    place_in_words,
    range_of,
    said,
)
from services.reporting.core.scored import Figure
from services.reporting.core.targets import distance_of, in_words
from services.reporting.core.whole import Whole, WholeSource
from shared.framework import Domain
from shared.words import Facet, Relationship

_FIRST = [Relationship.LINE_MANAGER, Relationship.PEER, Relationship.SYSTEM_PARTNER, Relationship.DIRECT_REPORT]


def domain_sections(reading: Reading) -> tuple[DomainSection, ...]:
    """A section for each of the framework's domains that has a figure, in the framework's order."""
    return tuple(_section(reading, domain, figure) for domain, figure in reading.domains())


def _section(reading: Reading, domain: Domain, figure: Whole) -> DomainSection:
    words = reading.words
    names = {Facet.KNOW: words.facet_know, Facet.APPLY: words.facet_apply}
    return DomainSection(
        code=domain.code,
        name=domain.name,
        figure=range_of(figure),
        self_rating=figure.self_rating,
        others=others(figure),
        summary=_summary(reading, figure),
        gap=gap_sentence(reading, figure),
        facets=tuple(Row(names[facet], range_of(f), behind_row(f)) for facet, f in reading.facets(domain.code)),
        sources=tuple(Row(capitalised(s.instrument.label), range_of(s), behind_source(s)) for s in figure.sources),
        groups=_groups(figure),
        competencies=_competencies(reading, domain.code),
    )


def _groups(figure: Whole) -> tuple[GroupRow, ...]:
    shown = [group for group in figure.groups if set(group.relationships) != {Relationship.SELF}]
    shown.sort(key=lambda group: min((_FIRST.index(r) for r in group.relationships if r in _FIRST), default=9))
    return tuple(GroupRow(group_name(group), group.raters, group.estimate) for group in shown)


def _competencies(reading: Reading, domain: str) -> tuple[CompetencyRow, ...]:
    return tuple(
        CompetencyRow(
            s.competency.name, range_of(s.figure), s.figure.self_rating, others(s.figure), behind_row(s.figure)
        )
        for s in reading.standings()
        if s.competency.domain == domain
    )


def _summary(reading: Reading, figure: Whole) -> str:
    words, rules, scale = reading.words, reading.library.rules, reading.scale
    place = place_in_words(figure.estimate, scale, reading.definition.choices, words)
    is_wide = figure.high - figure.low > rules.wide_from * (scale.maximum - scale.minimum)
    return sentences(
        [
            words.summary.format(place=place, **said(figure)),
            *_result(reading, figure),
            words.wide if is_wide else "",
            *_targets(reading, figure),
            _sources(reading, figure) if len(figure.sources) > 1 else "",
        ]
    )


def _result(reading: Reading, figure: Whole) -> Iterator[str]:
    """What layers know: the inner range, the cohort's band, and whether there is less evidence than usual."""
    words, result = reading.words, figure.result
    if result is None:
        return
    yield words.inner.format(low=number(result.low_50), high=number(result.high_50))
    if len(result.band) == 1:
        yield words.band_one.format(band=result.band[0])
    elif result.band:
        yield words.band_some.format(bands=" or ".join(f"“{band}”" for band in result.band))
    if result.lacking:
        yield words.provisional.format(reasons="; ".join(result.lacking))


def _targets(reading: Reading, figure: Whole) -> Iterator[str]:
    """Where the domain and its facets lie, seen from their targets."""
    words = reading.words
    names = {Facet.KNOW: words.facet_know, Facet.APPLY: words.facet_apply}
    distance = distance_of(reading.definition, figure)
    if distance is not None:
        yield words.target.format(target=mark_of(distance.target), place=in_words(distance))
    for facet, part in reading.facets(figure.domain):
        distance = distance_of(reading.definition, part)
        if distance is not None:
            place = in_words(distance)
            yield words.target_facet.format(facet=names[facet], target=mark_of(distance.target), place=place)


def _sources(reading: Reading, figure: Whole) -> str:
    """Whether the sources agree; they differ where two of them lie further apart than their errors explain. A domain
    result has decided it, with what only one source sees; older results have not.
    """
    limit, result = reading.library.rules.sources_differ, figure.result
    apart = any(_distance(one, other) > limit for one, other in combinations(figure.sources, 2))
    if not (apart if result is None else result.disagreeing):
        return reading.words.sources_agree
    figures = listed(f"{source.instrument.label} {number(source.estimate)}" for source in figure.sources)
    return reading.words.sources_differ.format(figures=figures)


def _distance(one: WholeSource, other: WholeSource) -> float:
    """How many standard errors of their difference two sources lie apart."""
    error = math.hypot(one.standard_error, other.standard_error)
    apart = abs(one.estimate - other.estimate)
    if error == 0:
        return math.inf if apart > 0 else 0.0
    return apart / error


def gap_sentence(reading: Reading, figure: Figure | Whole) -> str | None:
    """A sentence on self and others, only where they lie further apart than half the width of the others' interval.

    The interval is cut off at the ends of the scale, so its wider half counts.
    """
    appraisal = appraisal_of(figure)
    if appraisal is None or figure.self_rating is None:
        return None
    difference = figure.self_rating - appraisal.estimate
    if abs(difference) <= max(appraisal.high - appraisal.estimate, appraisal.estimate - appraisal.low):
        return None
    sentence = reading.words.others_less if difference > 0 else reading.words.others_more
    return sentence.format(
        own=number(figure.self_rating),
        others=number(appraisal.estimate),
        low=number(appraisal.low),
        high=number(appraisal.high),
    )
