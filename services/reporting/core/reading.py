"""A participant's result, read for writing about it: which figures may be shown, and what stands behind each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from services.reporting.core.disclosure import EXEMPT, Screen, appraisal_of
from services.reporting.core.documents import Range
from services.reporting.core.english import counted, listed, mark_of, number, one_line
from services.reporting.core.library import PlanLibrary, PlanWords
from services.reporting.core.scored import Figure, Group, Scored, Source, Waived
from services.reporting.core.whole import Whole, WholeSource, wholes
from shared.cohort.definition import CohortDefinition
from shared.framework import Competency, Domain, Scale
from shared.words import Facet, Instrument, Relationship

_UNITS = {
    Instrument.APPRAISAL_360: "rater",
    Instrument.DEVELOPMENT_DAY: "assessor",
    Instrument.WRITTEN_ASSESSMENT: "marker",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A competency and where the participant stands in it; `place` is its place in the framework."""

    competency: Competency
    figure: Figure
    place: int


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything that a plan's sentences are written from."""

    definition: CohortDefinition
    scored: Scored
    screen: Screen
    library: PlanLibrary

    @property
    def scale(self) -> Scale:
        """The cohort's scale."""
        return self.definition.framework.scale

    @property
    def words(self) -> PlanWords:
        """The library's sentences."""
        return self.library.words

    def domains(self) -> list[tuple[Domain, Whole]]:
        """The framework's domains that have a figure."""
        found = wholes(self.scored)
        return [(domain, found[domain.code]) for domain in self.definition.framework.domains if domain.code in found]

    def facets(self, domain: str) -> list[tuple[Facet, Figure]]:
        """A domain's facets that have a figure which may be shown."""
        found = {f.facet: f for f in self.scored.figures if f.domain == domain and f.competency is None}
        return [(facet, found[facet]) for facet in Facet if facet in found and self.screen.may_show(found[facet])]

    def standings(self) -> list[Standing]:
        """The framework's competencies that have a figure which may be shown."""
        found = {f.competency: f for f in self.scored.figures if f.competency is not None and f.facet is None}
        return [
            Standing(competency, found[competency.code], place)
            for place, competency in enumerate(self.definition.framework.competencies)
            if competency.code in found and self.screen.may_show(found[competency.code])
        ]

    @property
    def waived(self) -> str:
        """What the result does without, in words without counts; empty if it rests on all that was asked for."""
        return listed(waived_in_words(self.definition, each) for each in self.scored.waived)

    @property
    def leaves_out(self) -> bool:
        """Whether a figure is left out because too few raters answered."""
        return any(not f.groups and not self.screen.may_show(f) for f in self.scored.figures)


def waived_in_words(definition: CohortDefinition, waived: Waived) -> str:
    """What a result does without, as its reader would call it."""
    code = waived.element
    if waived.instrument is Instrument.APPRAISAL_360:
        called = {each.value: each.plural for each in Relationship if each not in EXEMPT}.get(code, "your line manager")
        return "your own 360 appraisal" if code == Relationship.SELF else f"answers of {called} in the 360 appraisal"
    if waived.instrument is Instrument.DEVELOPMENT_DAY:
        called = next((cell.name for cell in definition.cells_of(code)), code)
        return f"assessors in “{one_line(called)}” on the development day"
    criterion = definition.criterion.get(code)
    return f"marks for “{one_line(criterion.name if criterion else code)}” in the written assessment"


def range_of(figure: Figure | Source | Whole | WholeSource) -> Range:
    """A figure's estimate and interval, as documents carry them."""
    return Range(figure.estimate, figure.low, figure.high, figure.anchored)


def said(figure: Figure | Source | Whole) -> dict[str, str]:
    """A figure's numbers as sentences print them."""
    return {"estimate": number(figure.estimate), "low": number(figure.low), "high": number(figure.high)}


def behind(figure: Figure | Whole) -> str:
    """Who stands behind a figure, such as "9 raters, 4 assessors and 2 markers"."""
    return listed(behind_source(source) for source in figure.sources)


def behind_row(figure: Figure | Whole) -> str:
    """The same in short for a table, such as "9 raters, 4 assessors, 2 markers"."""
    return ", ".join(behind_source(source) for source in figure.sources)


def behind_source(source: Source | WholeSource) -> str:
    """Who stands behind one source's figure, such as "9 raters"."""
    return counted(source.raters, _UNITS[source.instrument])


def group_name(relationships: tuple[Relationship, ...] | Group) -> str:
    """A rater group's name: "line manager", "peers and system partners"."""
    members = relationships if isinstance(relationships, tuple) else relationships.relationships
    return listed(r.label if r is Relationship.LINE_MANAGER else r.plural for r in members)


def others(figure: Figure | Whole) -> float | None:
    """What the others of the 360 appraisal see; None without them."""
    source = appraisal_of(figure)
    return None if source is None else source.estimate


def overlap(one: Figure | Whole, other: Figure | Whole) -> bool:
    """Whether two likely ranges have a point in common: then the figures are called similar."""
    return one.low <= other.high and other.low <= one.high


def scale_words(choices: Mapping[str, float | None]) -> dict[float, str]:
    """What the form called each rating, without its number.

    >>> scale_words({"5 - Consistently": 5, "4 - Often": 4, "Not observed": None, "3": 3})
    {4: 'Often', 5: 'Consistently'}
    """
    found: dict[float, str] = {}
    for label, rating in sorted(choices.items(), reverse=True):
        word = re.sub(r"^\W*\d+([.,]\d+)?\W*", "", label).strip()
        if rating is not None and word:
            found[rating] = word
    return dict(sorted(found.items()))


def place_in_words(value: float, scale: Scale, choices: Mapping[str, float | None], words: PlanWords) -> str:
    """Where a value lies, in the words of the form where it has words, else on the scale."""
    named = scale_words(choices)
    nearest = min(named, key=lambda rating: (abs(rating - value), rating), default=None)
    if nearest is not None and abs(nearest - value) <= _step(named) / 4:
        return words.close_to.format(word=named[nearest])
    lower = max((rating for rating in named if rating <= value), default=None)
    upper = min((rating for rating in named if rating > value), default=None)
    if len(named) < 3 or lower is None or upper is None:
        return words.on_scale.format(minimum=mark_of(scale.minimum), maximum=mark_of(scale.maximum))
    return words.between.format(lower=named[lower], upper=named[upper])


def _step(named: Mapping[float, str]) -> float:
    """The least distance between two ratings that have a word."""
    ratings = sorted(named)
    return min((b - a for a, b in pairwise(ratings)), default=1.0)
