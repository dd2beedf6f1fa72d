"""Writes the cohort's report: gaps weakest first, organisations, who waits for what. Small groups are withheld."""

from collections.abc import Iterator, Sequence
from datetime import date

from services.reporting.core.disclosure import withheld_organisations
from services.reporting.core.documents import (
    CohortReportDocument,
    GapRow,
    OrganisationSection,
    Range,
    ReducedRow,
    WaitingRow,
)
from services.reporting.core.english import capitalised, counted, listed, mark_of, number, one_line, sentences
from services.reporting.core.made import weights_in_words
from services.reporting.core.scored import CohortFigures, Gap
from services.reporting.core.targets import distance_of, greatest_need_first, in_words
from shared.cohort.definition import CohortDefinition
from shared.framework.pack import Frozen
from shared.words import Facet


class ReportWords(Frozen):
    """The report's sentences; `{…}` are filled in from figures."""

    summary_all: str
    summary_some: str
    summary_none: str
    summary_reduced: str
    summary_provisional: str
    summary_disagreeing: str
    weakest_clear: str
    weakest_similar: str
    weakest_others_most: str
    furthest_below: str
    none_below: str
    aim: str
    drawn: str
    facet_know: str
    facet_apply: str
    few: str
    cohort_few: str
    organisation_note: str
    reason_few: str
    reason_other: str
    counted_not: str
    made: tuple[str, ...]


def report_for(
    definition: CohortDefinition, found: CohortFigures, words: ReportWords, drafted: date
) -> CohortReportDocument:
    """The report of one run. No figure in it, nor a difference of figures, is of fewer than the cohort's minimum."""
    cohort = greatest_need_first(definition, (gap for gap in found.gaps if gap.organisation is None))
    scored, waiting = len(found.scored), len(found.waiting)
    scale = definition.framework.scale
    return CohortReportDocument(
        reference=f"{definition.cohort}/report/{found.run[:8]}",
        cohort_title=one_line(definition.title),
        drafted=drafted,
        scale_minimum=scale.minimum,
        scale_maximum=scale.maximum,
        participants=scored + waiting,
        scored=scored,
        summary=_summary(definition, cohort, found, words),
        gaps=_shown_first([_cohort_row(definition, gap, words) for gap in cohort]),
        organisations=_organisations(definition, found.gaps, words),
        waiting=tuple(WaitingRow(waits.participant, tuple(waits.missing)) for waits in found.waiting),
        made=_made(definition, found, words),
        domains=tuple(domain.code for domain in definition.framework.domains),
        reduced=tuple(ReducedRow(each.participant, tuple(each.waived)) for each in found.scored if each.waived),
    )


def _made(definition: CohortDefinition, found: CohortFigures, words: ReportWords) -> tuple[str, ...]:
    pack = definition.framework
    values = {
        "minimum": definition.disclosure.group_minimum,
        "minimum_mark": mark_of(pack.scale.minimum),
        "maximum_mark": mark_of(pack.scale.maximum),
        "weights": weights_in_words(definition.weights),
        "framework": pack.label,
        "licence": pack.licence,
        "run": found.run,
    }
    return tuple(sentence.format_map(values) for sentence in words.made)


def _cohort_row(definition: CohortDefinition, gap: Gap, words: ReportWords) -> GapRow:
    minimum = definition.disclosure.group_minimum
    note = words.cohort_few.format(minimum=minimum) if gap.n < minimum else ""
    return _row(definition, gap, words, note)


def _row(definition: CohortDefinition, gap: Gap, words: ReportWords, note: str) -> GapRow:
    """A gap as a row; with a note it is withheld, and its count with it."""
    distance = None if note else distance_of(definition, gap)
    return GapRow(
        domain=gap.domain,
        domain_name=_domain_name(definition, gap.domain),
        facet=gap.facet.value,
        facet_name=_facet_name(gap.facet, words),
        n=0 if note else gap.n,
        figure=None if note else Range(gap.estimate, gap.low, gap.high, anchored=False),
        note=note,
        distance=distance,
        aim=words.aim.format(target=mark_of(distance.target), place=in_words(distance)) if distance else "",
        drawn="" if note else _drawn(gap, words),
    )


def _drawn(gap: Gap, words: ReportWords) -> str:
    """An organisation's figure drawn towards the cohort's, where there is one."""
    found: tuple[float | None, ...] = tuple(getattr(gap, name, None) for name in ("drawn", "drawn_low", "drawn_high"))
    if None in found:
        return ""
    estimate, low, high = (number(each) for each in found if each is not None)
    return words.drawn.format(estimate=estimate, low=low, high=high)


def _facet_name(facet: Facet, words: ReportWords) -> str:
    return capitalised(words.facet_know if facet is Facet.KNOW else words.facet_apply)


def _domain_name(definition: CohortDefinition, code: str) -> str:
    domain = definition.framework.domain.get(code)
    return domain.name if domain else code


def _shown_first(rows: Sequence[GapRow]) -> tuple[GapRow, ...]:
    """The order weakest first, with what is withheld at the end: its place would tell something about it."""
    hidden = sorted((row for row in rows if row.figure is None), key=lambda row: (row.domain_name, row.facet))
    return (*(row for row in rows if row.figure is not None), *hidden)


def _summary(definition: CohortDefinition, gaps: Sequence[Gap], found: CohortFigures, words: ReportWords) -> str:
    scored, waiting = len(found.scored), len(found.waiting)
    participants = counted(scored + waiting, "participant")
    if not scored:
        return words.summary_none
    template = words.summary_some if waiting else words.summary_all
    first = template.format(participants=participants, scored=scored, waiting=waiting)
    shown = [gap for gap in gaps if gap.n >= definition.disclosure.group_minimum]
    count = sum(bool(each.waived) for each in found.scored)
    reduced = words.summary_reduced.format(count=count) if count else ""
    return sentences([first, reduced, *_layers(found, words), _weakest(definition, shown, words) if shown else ""])


def _layers(found: CohortFigures, words: ReportWords) -> Iterator[str]:
    """How many results rest on less evidence than usual, and how many have sources that disagree."""
    provisional = sum(bool(each.provisional) for each in found.scored)
    if provisional:
        yield words.summary_provisional.format(count=provisional)
    disagreeing = sum(bool(each.disagreeing) for each in found.scored)
    if disagreeing:
        yield words.summary_disagreeing.format(count=disagreeing)


def _weakest(definition: CohortDefinition, gaps: Sequence[Gap], words: ReportWords) -> str:
    """The lowest of the gaps, and which others can't be told apart from it."""

    def name(gap: Gap) -> str:
        facet = words.facet_know if gap.facet is Facet.KNOW else words.facet_apply
        return f"{_domain_name(definition, gap.domain)} ({facet})"

    lowest, *rest = gaps
    distance = distance_of(definition, lowest)
    if distance is not None:
        below = words.furthest_below if distance.gap < 0 else words.none_below
        return below.format(name=name(lowest), target=mark_of(distance.target), place=in_words(distance))
    similar = [name(gap) for gap in rest if gap.low <= lowest.high]
    others = words.weakest_others_most if len(similar) > 3 else capitalised(listed(similar))
    template = words.weakest_similar if similar else words.weakest_clear
    low, high = number(lowest.low), number(lowest.high)
    return template.format(name=name(lowest), estimate=number(lowest.estimate), low=low, high=high, others=others)


def _organisations(
    definition: CohortDefinition, gaps: Sequence[Gap], words: ReportWords
) -> tuple[OrganisationSection, ...]:
    by_code: dict[str, list[Gap]] = {organisation.code: [] for organisation in definition.organisations}
    for gap in gaps:
        if gap.organisation is not None:
            by_code.setdefault(gap.organisation, []).append(gap)
    counts = {code: {(gap.domain, gap.facet): gap.n for gap in found} for code, found in by_code.items()}
    withheld = withheld_organisations(counts, definition.disclosure.group_minimum)
    names = {organisation.code: organisation.name for organisation in definition.organisations}
    return tuple(
        _organisation(definition, one_line(names.get(code, code)), found, withheld.get(code), words)
        for code, found in by_code.items()
    )


def _organisation(
    definition: CohortDefinition, name: str, gaps: Sequence[Gap], too_few: bool | None, words: ReportWords
) -> OrganisationSection:
    """`too_few`: None if the organisation is shown, else why it is not (see `withheld_organisations`)."""
    minimum = definition.disclosure.group_minimum
    if too_few is None:
        rows = tuple(_row(definition, gap, words, "") for gap in greatest_need_first(definition, gaps))
        return OrganisationSection(name, counted(max(gap.n for gap in gaps), "participant"), rows, "")
    reason = words.reason_few.format(minimum=minimum) if too_few else words.reason_other
    n = words.few.format(minimum=minimum) if too_few else words.counted_not
    return OrganisationSection(name, n, (), words.organisation_note.format(reason=reason))
