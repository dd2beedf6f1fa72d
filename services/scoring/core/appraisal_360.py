"""The 360 appraisal: who answered, which raters may be shown apart, and which ratings may enter a figure at all.

Disclosure is decided here, once, so that there is one figure everywhere and nothing to find by subtraction: what must
not be seen is in no figure. Self and line manager are exempt; they are told that they can be recognised.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from services.scoring.core.evidence import Piece
from services.scoring.core.observations import Rating
from services.scoring.core.requirements import Lack, Requirement
from shared.cohort.definition import AppraisalRequirement, CohortDefinition
from shared.framework import FrameworkPack
from shared.ids import RaterId
from shared.words import Facet, Instrument, Relationship

EXEMPT = (Relationship.SELF, Relationship.LINE_MANAGER)
Group = tuple[Relationship, ...]
"""A rater group that may be shown: one relationship, or several merged, in the vocabulary's order."""


@dataclass(frozen=True, slots=True)
class Appraisal:
    """One participant's 360 appraisal after disclosure. `ratings` are those of others than self."""

    ratings: tuple[Rating, ...]
    own: tuple[Rating, ...]
    groups: Mapping[RaterId, Group]
    """The group that each rater in `ratings` is shown in."""
    withheld: tuple[Relationship, ...]
    """Relationships of which somebody answered and nothing may be shown."""


def missing(requirement: AppraisalRequirement, definition: CohortDefinition, pieces: Iterable[Piece]) -> Iterator[Lack]:
    """What is still needed, by relationship. A response with nothing rated does not count."""
    items = definition.framework.item.keys()
    answered: dict[Relationship | None, set[RaterId]] = defaultdict(set)
    for piece in pieces:
        if piece.instrument is Instrument.APPRAISAL_360 and not items.isdisjoint(piece.given):
            answered[piece.relationship].add(piece.by)
    for relationship in Relationship:
        needed = requirement.responses.get(relationship, 0)
        given = len(answered[relationship])
        if given < needed:
            name = relationship.label if needed == 1 else relationship.plural
            asked = Requirement(Instrument.APPRAISAL_360, relationship.value)
            yield Lack(asked, name, f"{given} of {needed}")


def relationships(pieces: Iterable[Piece]) -> dict[RaterId, Relationship]:
    """What each rater is to the participant."""
    return {piece.by: piece.relationship for piece in pieces if piece.relationship is not None}


def appraisal(definition: CohortDefinition, pieces: Iterable[Piece]) -> Appraisal:
    """What may be shown of a participant's responses, and how the raters are grouped.

    Two steps, with `m` the cohort's group minimum:

    1. In a cell (competency × facet) that fewer than m raters rated, exempt ones apart, their ratings enter no figure.
       Every figure is a union of cells, so behind each stand m such raters or none.
    2. A group's size is the smallest number of its raters in any domain that it rated. A group smaller than m is
       merged: system partners and peers with each other, and if that is not enough, those with the direct reports.
       All together they have m in each domain by step 1.
    """
    framework, minimum = definition.framework, definition.disclosure.group_minimum
    given = _ratings(framework, pieces)
    hidden = {relationship: given[relationship] for relationship in Relationship if relationship not in EXEMPT}
    shown = _without_thin_cells(hidden, minimum)
    shown[Relationship.LINE_MANAGER] = given[Relationship.LINE_MANAGER]
    groups = (*_merged(framework, shown, minimum), (Relationship.LINE_MANAGER,))
    return Appraisal(
        ratings=tuple(rating for relationship in Relationship for rating in shown.get(relationship, ())),
        own=tuple(given[Relationship.SELF]),
        groups={rating.unit: group for group in groups for each in group for rating in shown[each]},
        withheld=tuple(each for each in hidden if hidden[each] and not shown[each]),
    )


def _ratings(framework: FrameworkPack, pieces: Iterable[Piece]) -> dict[Relationship, list[Rating]]:
    """Each relationship's ratings of the framework's items, in the order of the pieces and of the items' codes."""
    ratings: dict[Relationship, list[Rating]] = {relationship: [] for relationship in Relationship}
    for piece in pieces:
        if piece.instrument is Instrument.APPRAISAL_360 and piece.relationship is not None:
            for code, value in sorted(piece.given.items()):
                item = framework.item.get(code)
                if item is not None:
                    rating = Rating(piece.instrument, piece.by, code, item.competency, item.facet, value)
                    ratings[piece.relationship].append(rating)
    return ratings


def _without_thin_cells(given: Mapping[Relationship, list[Rating]], minimum: int) -> dict[Relationship, list[Rating]]:
    units: dict[tuple[str, Facet], set[RaterId]] = defaultdict(set)
    for ratings in given.values():
        for rating in ratings:
            units[rating.competency, rating.facet].add(rating.unit)
    return {
        relationship: [each for each in ratings if len(units[each.competency, each.facet]) >= minimum]
        for relationship, ratings in given.items()
    }


def _merged(framework: FrameworkPack, shown: Mapping[Relationship, list[Rating]], minimum: int) -> tuple[Group, ...]:
    def small(group: Group) -> bool:
        return _size(framework, (rating for each in group for rating in shown[each])) < minimum

    peers, partners, reports = (
        (each,) if shown[each] else ()
        for each in (Relationship.PEER, Relationship.SYSTEM_PARTNER, Relationship.DIRECT_REPORT)
    )
    groups: list[Group] = [peers, partners]
    if small(peers) or small(partners):
        groups = [(*peers, *partners)]
    if small(reports) or any(small(group) for group in groups):
        groups = [_in_order((*peers, *reports, *partners))]
    else:
        groups.append(reports)
    return tuple(group for group in groups if group)


def _size(framework: FrameworkPack, ratings: Iterable[Rating]) -> float:
    units: dict[str, set[RaterId]] = defaultdict(set)
    for rating in ratings:
        units[framework.domain_of(rating.competency)].add(rating.unit)
    return min((len(each) for each in units.values()), default=float("inf"))


def _in_order(group: Group) -> Group:
    return tuple(relationship for relationship in Relationship if relationship in group)
