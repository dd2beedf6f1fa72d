"""Storing what a submission means, and telling of what is new in it. All in the caller's transaction."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import structlog

from services.intake import store
from services.intake.core.evidence import EvidenceKey, Occasion, Said, newest, occasions
from services.intake.core.meaning import Meaning
from services.intake.store import Submission
from shared import clock, people
from shared.cohort.definition import CohortDefinition
from shared.db import Cause, UnitOfWork
from shared.events import Event, EvidenceRecorded, Piece, SubmissionQuarantined
from shared.ids import CohortId, ParticipantId, RaterId, SubmissionId
from shared.outbox import publish, publish_each

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Understood:
    """A submission, what it turned out to mean, and the cause under which to tell of it."""

    submission: Submission
    meaning: Meaning
    cause: Cause

    @property
    def said(self) -> list[Said]:
        """What it says, piece by piece, and when it said so."""
        at = self.submission.received_at
        return [Said(self.submission.id, each.submitted_at or at, each) for each in self.meaning.evidence]


def record(uow: UnitOfWork, submission: Submission, definition: CohortDefinition, found: Meaning) -> None:
    """Store what a submission means, and tell of what is new in it."""
    record_much(uow, definition, [Understood(submission, found, uow.cause)])


def record_much(uow: UnitOfWork, definition: CohortDefinition, some: Sequence[Understood]) -> None:
    """The same for many submissions of one cohort, in as many statements as for one."""
    cohort, now = CohortId(definition.cohort), clock.now()
    said = [piece for each in some for piece in each.said]
    keys = {each.evidence.key for each in said}
    store.lock_keys(uow, cohort, keys)
    store.add_said(uow, cohort, said)
    told = store.history(uow.connection, cohort, keys)
    pieces = {key: occasions(told[key]) for key in sorted(keys)}
    every = [piece for each in pieces.values() for piece in each]
    new = store.add_evidence(uow, cohort, every, now)
    fresh = [piece for piece in every if piece.evidence_id in new]
    counting = {key: newest(each) for key, each in pieces.items()}
    store.set_latest(uow, cohort, counting.values())
    _tell(uow, definition, fresh, {each.submission.id: each.cause for each in some})
    _keep_remarks(uow, cohort, some, counting)
    store.settle_much(uow, [(each.submission.id, each.meaning) for each in some], now)
    store.note_known(uow, cohort, [(each.submission.connection, one) for each in some for one in each.meaning.heard])
    for each in some:
        _tell_of_quarantine(uow.under(each.cause), each)
    counts = Counter(piece.said.submission for piece in fresh)
    log.info("submissions.settled", each=[[e.submission.id, e.meaning.code, counts[e.submission.id]] for e in some])


def _tell_of_quarantine(uow: UnitOfWork, each: Understood) -> None:
    """Publish that a submission can't be understood, once for each reason."""
    before, found = each.submission, each.meaning
    if found.reasons and (before.reason, before.reason_words) != (found.code, found.words):
        reason = str(found.code)
        publish(uow, SubmissionQuarantined(submission=before.id, cohort=before.cohort, reason=reason))


def _tell(
    uow: UnitOfWork, definition: CohortDefinition, fresh: Iterable[Occasion], causes: Mapping[SubmissionId, Cause]
) -> None:
    """Publish new evidence: one event for each participant (and submission that first said it)."""

    def whose(piece: Occasion) -> tuple[str, str]:
        return piece.said.submission, piece.said.evidence.participant

    caused: list[tuple[Event, Cause]] = []
    for _, group in groupby(sorted(fresh, key=whose), key=whose):
        mine = list(group)
        first = mine[0].said
        event = EvidenceRecorded(
            submission=first.submission,
            cohort=first.evidence.cohort,
            participant=first.evidence.participant,
            pieces=tuple(_piece(each, definition) for each in mine),
        )
        caused.append((event, causes.get(first.submission, next(iter(causes.values())))))
    publish_each(uow, caused)


def _piece(occasion: Occasion, definition: CohortDefinition) -> Piece:
    evidence = occasion.said.evidence
    return Piece(
        evidence=occasion.evidence_id,
        instrument=evidence.instrument,
        by=evidence.by,
        relationship=evidence.relationship,
        element=evidence.element,
        ratings=evidence.ratings,
        moderating=evidence.moderating,
        as_of=occasion.said.as_of,
        late=evidence.submitted_at is not None and definition.is_late(evidence.submitted_at),
    )


def _keep_remarks(
    uow: UnitOfWork, cohort: CohortId, some: Sequence[Understood], counting: dict[EvidenceKey, Occasion]
) -> None:
    """Keep what raters wrote, where this is the latest that they said."""
    kept: dict[tuple[ParticipantId, RaterId], list[people.Comment]] = {}
    for remarks in (remarks for each in some for remarks in each.meaning.remarks):
        counts = counting[remarks.evidence.key]
        if counts.said.evidence.document == remarks.evidence.document:
            written = [people.Comment(remarks.by, kind, counts.evidence_id, text) for kind, text in remarks.written]
            kept[remarks.participant, remarks.by] = written
    people.keep_comments(uow, cohort, kept)
