"""The completeness gate: what evidence stands behind each domain, source by source, and whether it is as much as the
cohort calls usual. A case that lacks what the cohort asks for gets here only if that was waived; what is here is
scored, at worst provisionally.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.scoring.core.appraisal_360 import EXEMPT, Appraisal
from services.scoring.core.evidence import Piece
from services.scoring.core.observations import Observations, Rating
from shared.cohort.definition import CohortDefinition
from shared.ids import RaterId
from shared.words import Instrument, Relationship

VERSION = "completeness/1"


@dataclass(frozen=True, slots=True)
class SourceEvidence:
    """What one source has about one domain. `asked`: items, cells of the grid or criteria that it could have; a count
    of answers is over raters whose answers may enter a figure.
    """

    instrument: Instrument
    raters: int
    items: int
    asked: int
    answered: int
    not_observed: int
    exercises: int
    late: int


@dataclass(frozen=True, slots=True)
class Gate:
    """Of one domain. `lacking`: what is less than usual, in words; without any the result is not provisional."""

    sources: tuple[SourceEvidence, ...]
    lacking: tuple[str, ...]

    @property
    def provisional(self) -> bool:
        """Whether the result rests on less than is usual."""
        return bool(self.lacking)

    @property
    def not_observed_share(self) -> float:
        """Of what raters were asked, how much they had not observed."""
        told = sum(source.answered + source.not_observed for source in self.sources)
        return sum(source.not_observed for source in self.sources) / told if told else 0.0


def gates(
    definition: CohortDefinition, observations: Observations, appraisal: Appraisal, pieces: Sequence[Piece]
) -> dict[str, Gate]:
    """The gate of each domain that has a rating, in the framework's order. `pieces`: those that count now."""
    pack = definition.framework
    by_domain: dict[str, list[Rating]] = {domain.code: [] for domain in pack.domains}
    for rating in observations.ratings:
        by_domain[pack.domain_of(rating.competency)].append(rating)
    return {
        domain: _gate(definition, domain, ratings, appraisal, pieces)
        for domain, ratings in by_domain.items()
        if ratings
    }


def _gate(
    definition: CohortDefinition, domain: str, ratings: Sequence[Rating], appraisal: Appraisal, pieces: Sequence[Piece]
) -> Gate:
    sources = tuple(
        _source(definition, domain, instrument, given, pieces)
        for instrument in Instrument
        if (given := [rating for rating in ratings if rating.instrument is instrument])
    )
    raters = {rating.unit for rating in ratings if rating.instrument is Instrument.APPRAISAL_360}
    lacking = [
        f"{source.instrument.label}: {reason}"
        for source in sources
        for reason in _lacking(definition, source, appraisal, raters)
    ]
    return Gate(sources, tuple(lacking))


def _source(
    definition: CohortDefinition,
    domain: str,
    instrument: Instrument,
    ratings: Sequence[Rating],
    pieces: Sequence[Piece],
) -> SourceEvidence:
    units = {rating.unit for rating in ratings}
    items = {rating.item for rating in ratings}
    theirs = [piece for piece in pieces if piece.instrument is instrument and piece.by in units]
    asked = _asked(definition, domain, instrument)
    return SourceEvidence(
        instrument=instrument,
        raters=len(units),
        items=len(items),
        asked=len(asked),
        answered=len(ratings),
        not_observed=_not_observed(theirs, asked),
        exercises=len({item.split("/")[0] for item in items}) if instrument is Instrument.DEVELOPMENT_DAY else 0,
        late=sum(piece.late for piece in theirs),
    )


def _asked(definition: CohortDefinition, domain: str, instrument: Instrument) -> frozenset[tuple[str, str]]:
    """(element, code) of everything that the instrument asks about the domain."""
    pack = definition.framework
    if instrument is Instrument.APPRAISAL_360:
        return frozenset(("", item.code) for item in pack.items if pack.domain_of(item.competency) == domain)
    if instrument is Instrument.DEVELOPMENT_DAY:
        cells = definition.exercises
        return frozenset((c.exercise, c.competency) for c in cells if pack.domain_of(c.competency) == domain)
    return frozenset((c.code, c.code) for c in definition.criteria if pack.domain_of(c.competency) == domain)


def _not_observed(pieces: Sequence[Piece], asked: frozenset[tuple[str, str]]) -> int:
    """Answers of the 360 appraisal that raters left out: not observed, or not answered, which says the same."""
    given = sum((piece.element, code) in asked for piece in pieces for code in piece.given)
    return len(pieces) * len(asked) - given if pieces and pieces[0].instrument is Instrument.APPRAISAL_360 else 0


def _lacking(
    definition: CohortDefinition, source: SourceEvidence, appraisal: Appraisal, raters: set[RaterId]
) -> Iterator[str]:
    usual = definition.thresholds
    if source.instrument is Instrument.APPRAISAL_360:
        yield from _few_raters(definition, appraisal, raters)
        if source.items < usual.items_share * source.asked:
            yield f"{source.items} of {source.asked} statements were rated"
    elif source.instrument is Instrument.DEVELOPMENT_DAY:
        if source.exercises < usual.exercises:
            shows = "exercise shows" if source.exercises == 1 else "exercises show"
            yield f"{source.exercises} {shows} this domain, {usual.exercises} are usual"
        if source.raters < usual.assessors:
            yield f"{_some(source.raters, 'assessor')}, {usual.assessors} are usual"
    elif source.raters < usual.markers:
        yield f"{_some(source.raters, 'marker')}, {usual.markers} are usual"


def _some(count: int, one: str) -> str:
    return f"{count} {one}" if count == 1 else f"{count} {one}s"


def _few_raters(definition: CohortDefinition, appraisal: Appraisal, raters: set[RaterId]) -> Iterator[str]:
    groups = Counter(appraisal.groups[rater] for rater in raters)
    managers = sum(n for group, n in groups.items() if set(group) <= set(EXEMPT))
    others = len(raters) - managers
    asked = definition.evidence.appraisal_360
    if asked is not None and asked.responses.get(Relationship.LINE_MANAGER, 0) and not managers:
        yield "no line manager's ratings"
    usual = definition.thresholds
    if others < usual.raters:
        few = f"fewer than {definition.disclosure.group_minimum}"
        shown = str(others) if others >= definition.disclosure.group_minimum or not others else few
        yield f"{shown} raters beside the line manager, {usual.raters} are usual"
    elif max((n for group, n in groups.items() if not set(group) <= set(EXEMPT)), default=0) < usual.raters_in_a_group:
        yield f"no group of {usual.raters_in_a_group} raters"
