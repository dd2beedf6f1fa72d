"""Evidence as scoring sees it: pieces, which of them count now, and what is impossible in one.

Neighbours: `completeness` asks whether the pieces are enough, `results` scores them.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from shared.cohort.definition import CohortDefinition
from shared.errors import PermanentError
from shared.ids import EvidenceId, RaterId
from shared.words import Instrument, Relationship

Key = tuple[Instrument, str, RaterId]
"""What a piece is about, within one participant: instrument, element, who gave it."""


class ImpossibleEvidence(PermanentError):
    """A piece holds what no rater can say, such as a rating off the scale. Nothing of its submission is counted."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__(f"{'; '.join(mistakes)}. Correct the sender's mapping or file and send it again")
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What one person said about one participant with one instrument; fields as in `shared.events.Piece`."""

    evidence: EvidenceId
    instrument: Instrument
    by: RaterId
    ratings: Mapping[str, float | None]
    as_of: datetime
    relationship: Relationship | None = None
    element: str = ""
    moderating: bool = False
    late: bool = False

    @property
    def key(self) -> Key:
        """Of two pieces with the same key only one counts."""
        return (self.instrument, self.element, self.by)

    @property
    def says_something(self) -> bool:
        """Whether anything at all was rated or marked."""
        return any(value is not None for value in self.ratings.values())

    @property
    def given(self) -> dict[str, float]:
        """What was rated or marked. "Not observed" is left out: it is never a zero."""
        return {code: value for code, value in self.ratings.items() if value is not None}


def piece_of(fields: Mapping[str, Any]) -> Piece:
    """A piece from its fields by name, as an event or a row of the database has them; other fields are left out."""
    relationship = fields["relationship"]
    return Piece(
        evidence=EvidenceId(fields["evidence"]),
        instrument=Instrument(fields["instrument"]),
        by=RaterId(fields["by"]),
        ratings={code: None if value is None else float(value) for code, value in fields["ratings"].items()},
        as_of=fields["as_of"],
        relationship=None if relationship is None else Relationship(relationship),
        element=fields["element"],
        moderating=fields["moderating"],
        late=fields["late"],
    )


def current(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """The pieces that count now, in the order of their keys, whatever order they arrived in.

    Of the pieces with one key the one with the greatest (as_of, evidence) counts. If nothing is rated in that one, the
    key has no piece: its giver took back what was said before.
    """
    latest: dict[Key, Piece] = {}
    for piece in pieces:
        other = latest.get(piece.key)
        if other is None or (piece.as_of, piece.evidence) > (other.as_of, other.evidence):
            latest[piece.key] = piece
    return tuple(piece for _, piece in sorted(latest.items(), key=itemgetter(0)) if piece.says_something)


def checked(definition: CohortDefinition, pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """The same pieces. Raises ImpossibleEvidence with every mistake in them.

    A code that the cohort does not know (any more) is no mistake: such a rating is kept and not counted.
    """
    found = tuple(pieces)
    mistakes = [mistake for piece in found for mistake in _mistakes(definition, piece)]
    if mistakes:
        raise ImpossibleEvidence(mistakes)
    return found


def _mistakes(definition: CohortDefinition, piece: Piece) -> Iterator[str]:
    where = f"evidence {piece.evidence} by {piece.by}"
    if piece.instrument is Instrument.APPRAISAL_360 and piece.relationship is None:
        yield f"{where}: the relationship of the rater is missing"
    for code, value in sorted(piece.given.items()):
        low, high = _ends(definition, piece.instrument, code)
        if not low <= value <= high:
            yield f"{where}: {code} is {value:g}, possible is {low:g} to {high:g}"


def _ends(definition: CohortDefinition, instrument: Instrument, code: str) -> tuple[float, float]:
    scale = definition.framework.scale
    if instrument is not Instrument.WRITTEN_ASSESSMENT:
        return scale.minimum, scale.maximum
    criterion = definition.criterion.get(code)
    return 0.0, math.inf if criterion is None else criterion.max_mark
