"""The written assessment: marks become ratings on the common scale; where markers differ too much, one moderates.

The units of error stay the ordinary markers: a moderating mark stands for each of theirs and adds no marker.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from services.scoring.core.evidence import Piece
from services.scoring.core.observations import Rating
from services.scoring.core.requirements import NOTHING, Lack, Requirement, Waived
from shared.cohort.definition import CohortDefinition, WrittenRequirement
from shared.ids import RaterId
from shared.words import Instrument

EXACT = 9
"""Decimals in which marks are compared: 6.1 and 3.1 differ by 3, not by a little more."""
UNCLEAR = "it is not clear whose mark moderates; send that mark again with moderating: yes"
ORDINALS = {1: "second", 2: "third", 3: "fourth"}


@dataclass(frozen=True, slots=True)
class Mark:
    """What a marker gave for one criterion. `moderating`: sent as the mark that moderates the others."""

    marker: RaterId
    mark: float
    moderating: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """A criterion's marks that stand, by marker; or else what is still needed before any can, and the marks that are
    there meanwhile.
    """

    marks: Mapping[RaterId, float]
    needed: str | None = None
    there: Mapping[RaterId, float] = field(default_factory=dict)

    def counted(self, *, waived: bool) -> Mapping[RaterId, float]:
        """The marks that count: with what is needed waived, those that are there."""
        return self.there if waived and self.needed is not None else self.marks


def missing(requirement: WrittenRequirement, definition: CohortDefinition, pieces: Iterable[Piece]) -> Iterator[Lack]:
    """What is still needed, by criterion. Every criterion of the cohort must be marked."""
    for code, settled in _criteria(requirement, definition, pieces):
        if settled.needed is not None:
            yield Lack(Requirement(Instrument.WRITTEN_ASSESSMENT, code), code, settled.needed)


def ratings(
    requirement: WrittenRequirement, definition: CohortDefinition, pieces: Iterable[Piece], waived: Waived = NOTHING
) -> tuple[Rating, ...]:
    """The marks that stand, as ratings: minimum + width · mark / maximum mark. By criterion, then marker.

    Of a criterion of which more is needed no mark stands, unless that is `waived`: then those that are there do, each
    as it was given.
    """
    scale = definition.framework.scale
    return tuple(
        Rating(
            Instrument.WRITTEN_ASSESSMENT,
            marker,
            code,
            definition.criterion[code].competency,
            definition.criterion[code].facet,
            scale.of_mark(mark, definition.criterion[code].max_mark),
        )
        for code, settled in _criteria(requirement, definition, pieces)
        for marker, mark in sorted(
            settled.counted(waived=Requirement(Instrument.WRITTEN_ASSESSMENT, code) in waived).items()
        )
    )


def _criteria(
    requirement: WrittenRequirement, definition: CohortDefinition, pieces: Iterable[Piece]
) -> Iterator[tuple[str, Settled]]:
    marks: dict[str, list[Mark]] = {criterion.code: [] for criterion in definition.criteria}
    for piece in pieces:
        if piece.instrument is Instrument.WRITTEN_ASSESSMENT and piece.element in marks:
            mark = piece.given.get(piece.element)
            if mark is not None:
                marks[piece.element].append(Mark(piece.by, mark, piece.moderating))
    marked = Counter(mark.marker for each in marks.values() for mark in each)
    for code, given in marks.items():
        yield code, settled(requirement, given, marked)


def settled(requirement: WrittenRequirement, marks: Iterable[Mark], marked: Mapping[RaterId, int]) -> Settled:
    """Which marks of one criterion stand. `marked`: how many of the participant's criteria each marker marked.

    - Marks within `moderate_above` of each other all stand.
    - Otherwise the moderating mark stands for each other marker's. It is the one sent as moderating (the mean, if there
      are several); if none was, that of the marker who marked fewest of the participant's criteria.
    - A moderating mark that turns out not to be needed, since the other marks agree, does not stand.
    """
    given = sorted(marks, key=lambda mark: mark.marker)
    moderating = [mark for mark in given if mark.moderating]
    ordinary = [mark for mark in given if not mark.moderating]
    there = {mark.marker: mark.mark for mark in ordinary or given}
    if len(ordinary) < requirement.markers:
        return Settled({}, f"{len(ordinary)} of {requirement.markers} markers", there)
    if _agree(requirement, ordinary):
        return Settled({mark.marker: mark.mark for mark in ordinary})
    if not moderating and len(ordinary) > requirement.markers:
        moderating = _fewest(ordinary, marked)
        if not moderating:
            return Settled({}, f"{_differ(ordinary)} and {UNCLEAR}", there)
        ordinary = [mark for mark in ordinary if mark not in moderating]
    if not moderating:
        ordinal = ORDINALS.get(requirement.markers, "further")
        return Settled({}, f"{_differ(ordinary)}, a {ordinal} mark is needed", there)
    if _agree(requirement, ordinary):
        return Settled({mark.marker: mark.mark for mark in ordinary})
    standing = sum(mark.mark for mark in moderating) / len(moderating)
    return Settled({mark.marker: standing for mark in ordinary})


def _agree(requirement: WrittenRequirement, marks: list[Mark]) -> bool:
    return _spread(marks) <= requirement.moderate_above


def _differ(marks: list[Mark]) -> str:
    return f"markers differ by {_spread(marks):g}"


def _spread(marks: list[Mark]) -> float:
    values = [mark.mark for mark in marks]
    return round(max(values) - min(values), EXACT)


def _fewest(marks: list[Mark], marked: Mapping[RaterId, int]) -> list[Mark]:
    """The mark of the marker who marked fewest criteria; none if several did."""
    fewest = min(marked[mark.marker] for mark in marks)
    found = [mark for mark in marks if marked[mark.marker] == fewest]
    return found if len(found) == 1 else []
