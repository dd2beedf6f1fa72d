"""A piece of evidence: what one person said about one participant with one instrument, and the id that it earns.

The id is a SHA-256 over the content alone, so equal evidence has an equal id on every machine. Sheets and marks are
undated: their id does not depend on when they arrived. When an undated statement is changed and later changed back,
both must count in turn; the second time it is said it gets an id of its own (`occasions`).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, TypedDict

from shared.ids import CohortId, EvidenceId, ParticipantId, RaterId, SubmissionId
from shared.words import Instrument, Relationship


class EvidenceKey(NamedTuple):
    """What a newer piece of evidence has in common with the one that it replaces."""

    participant: ParticipantId
    instrument: Instrument
    by: RaterId
    element: str


class EvidenceDocument(TypedDict):
    """The canonical form of a piece of evidence, as it is hashed and kept."""

    cohort: str
    participant: str
    instrument: str
    by: str
    relationship: str | None
    element: str
    ratings: dict[str, float | None]
    moderating: bool
    submitted_at: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """The content of a piece of evidence. `ratings` and `element` are those of `shared.events.Piece`.

    `submitted_at` is aware; None: undated, the time of arrival counts.
    """

    cohort: CohortId
    participant: ParticipantId
    instrument: Instrument
    by: RaterId
    ratings: Mapping[str, float | None]
    element: str = ""
    relationship: Relationship | None = None
    moderating: bool = False
    submitted_at: datetime | None = None

    @property
    def key(self) -> EvidenceKey:
        """What it says something about, and who says it."""
        return EvidenceKey(self.participant, self.instrument, self.by, self.element)

    @property
    def document(self) -> EvidenceDocument:
        """The canonical form: plain values, numbers as floats, the time in UTC."""
        at = self.submitted_at
        return EvidenceDocument(
            cohort=self.cohort,
            participant=self.participant,
            instrument=str(self.instrument),
            by=self.by,
            relationship=None if self.relationship is None else str(self.relationship),
            element=self.element,
            ratings={code: None if value is None else float(value) for code, value in sorted(self.ratings.items())},
            moderating=self.moderating,
            submitted_at=None if at is None else at.astimezone(UTC).isoformat(timespec="microseconds"),
        )

    def evidence_id(self, occasion: int = 0) -> EvidenceId:
        """SHA-256 (hex) of the canonical form; of an undated one said for the 2nd, 3rd, … time, of that as well."""
        said: list[object] = [self.document] if occasion == 0 else [self.document, occasion]
        text = json.dumps(said, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return EvidenceId(hashlib.sha256(text.encode()).hexdigest())


def of_document(document: EvidenceDocument) -> Evidence:
    """The evidence that a kept canonical form stands for.

    >>> evidence = Evidence(CohortId("c"), ParticipantId("P"), Instrument.WRITTEN_ASSESSMENT, RaterId("M"), {"W1": 6})
    >>> of_document(evidence.document).evidence_id() == evidence.evidence_id()
    True
    """
    at, relationship = document["submitted_at"], document["relationship"]
    return Evidence(
        cohort=CohortId(document["cohort"]),
        participant=ParticipantId(document["participant"]),
        instrument=Instrument(document["instrument"]),
        by=RaterId(document["by"]),
        ratings=document["ratings"],
        element=document["element"],
        relationship=None if relationship is None else Relationship(relationship),
        moderating=document["moderating"],
        submitted_at=None if at is None else datetime.fromisoformat(at),
    )


@dataclass(frozen=True, slots=True)
class Said:
    """That a submission said something. `as_of` is when it was submitted, or arrived where it is undated; of a later
    reading of it, right after that (`core.rereading`).

    `standing`: this is how the submission is read now, and not only how it was read once.
    """

    submission: SubmissionId
    as_of: datetime
    evidence: Evidence
    standing: bool = True


@dataclass(frozen=True, slots=True)
class Occasion:
    """A piece of evidence under its id, with the submission that first said it."""

    evidence_id: EvidenceId
    said: Said


def occasions(history: Iterable[Said]) -> list[Occasion]:
    """The pieces of evidence in all that was ever said for one key, oldest first.

    Saying the same again adds nothing. Changing a statement and changing it back gives three pieces, where
    it is undated, or was read otherwise in between.
    The outcome does not depend on the order of `history`.
    """
    found: dict[EvidenceId, Occasion] = {}
    times: dict[EvidenceId, int] = {}
    last: EvidenceId | None = None
    told = ((said.as_of, said.evidence.evidence_id(), said.submission, said) for said in history)
    ordered = sorted(told, key=_order)
    for _, content, _, said in ordered:
        if content == last:
            continue
        last = content
        once = said.evidence.submitted_at == said.as_of
        nth = times[content] = times.get(content, -1) + 1
        evidence_id = said.evidence.evidence_id(0 if once else nth)
        found.setdefault(evidence_id, Occasion(evidence_id, said))
    return list(found.values())


def _order(entry: tuple[datetime, EvidenceId, SubmissionId, Said]) -> tuple[datetime, EvidenceId, SubmissionId]:
    """When it was said; of what was said at one moment, what `newest` takes comes last."""
    return entry[:3]


def newest(pieces: Iterable[Occasion]) -> Occasion:
    """The piece that counts: the one with the greatest (as_of, id). Raises ValueError if there is none."""
    return max(pieces, key=lambda piece: (piece.said.as_of, piece.evidence_id))
