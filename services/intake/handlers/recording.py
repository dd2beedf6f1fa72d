"""Storing what a submission means, and telling of what is new in it. All in the caller's transaction."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

import structlog

from services.intake import store
from services.intake.core.evidence import EvidenceKey, Occasion, Said, newest, occasions
from services.intake.core.meaning import Meaning
from services.intake.core.rereading import Revision, add, restated, revised
from services.intake.core.submission import SubmissionState
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


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of submissions. `revisions` are of those that were read before; `counting` is what counts of each key
    now, `again` those keys under which something earlier counts again.
    """

    revisions: Mapping[SubmissionId, Revision]
    before: Mapping[SubmissionId, Sequence[Said]]
    counting: Mapping[EvidenceKey, Occasion]
    again: frozenset[EvidenceKey]


def record_much(uow: UnitOfWork, definition: CohortDefinition, some: Sequence[Understood]) -> Recorded:
    """The same for many submissions of one cohort, in as many statements as for one."""
    cohort, now = CohortId(definition.cohort), clock.now()
    read_before = [each.submission.id for each in some if each.submission.state is not SubmissionState.RECEIVED]
    before = store.said_by(uow.connection, read_before)
    revisions = {
        each.submission.id: revised(before.get(each.submission.id, ()), each.said, whole=not each.meaning.reasons)
        for each in some
    }
    said = [piece for each in revisions.values() for piece in each.said]
    fallen = [piece for each in revisions.values() for piece in each.fallen]
    keys = {each.evidence.key for each in (*fallen, *(piece for each in some for piece in each.said))}
    store.lock_keys(uow, cohort, keys)
    told = store.history(uow.connection, cohort, keys)
    again = _amend(uow, cohort, told, said, fallen)
    pieces = {key: occasions(told[key]) for key in sorted(keys)}
    every = [piece for each in pieces.values() for piece in each]
    new = store.add_evidence(uow, cohort, every, now)
    fresh = [piece for piece in every if piece.evidence_id in new]
    counting = {key: newest(each) for key, each in pieces.items()}
    store.set_latest(uow, cohort, counting.values())
    _tell(uow, definition, fresh, {each.submission.id: each.cause for each in some})
    keep_remarks(uow, cohort, some, counting, again)
    store.settle_much(uow, [(each.submission, each.meaning) for each in some], now)
    store.note_known(uow, cohort, [(each.submission.connection, one) for each in some for one in each.meaning.heard])
    for each in some:
        _tell_of_quarantine(uow.under(each.cause), each)
    counts = Counter(piece.said.submission for piece in fresh)
    log.info("submissions.settled", each=[[e.submission.id, e.meaning.code, counts[e.submission.id]] for e in some])
    return Recorded(revisions, before, counting, again)


def _amend(
    uow: UnitOfWork,
    cohort: CohortId,
    told: dict[EvidenceKey, list[Said]],
    said: Sequence[Said],
    fallen: Sequence[Said],
) -> frozenset[EvidenceKey]:
    """Add to the histories what was said, and let fall what stands no longer. Where that would count still, what stands
    is said once more: gives those keys.
    """
    store.let_fall(uow, fallen)
    down = set(map(_moment, fallen))
    for key, history in told.items():
        told[key] = [replace(each, standing=each.standing and _moment(each) not in down) for each in history]
    new = [piece for each in said for piece in add(told.setdefault(each.evidence.key, []), [each])]
    again: set[EvidenceKey] = set()
    for key, history in told.items():
        more = None if all(each.standing for each in history) else restated(history)
        if more is not None:
            new += add(history, [more])
            again.add(key)
    store.add_said(uow, cohort, new)
    return frozenset(again)


def _moment(said: Said) -> tuple[SubmissionId, EvidenceKey, datetime]:
    """What names one statement in all histories."""
    return said.submission, said.evidence.key, said.as_of


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
        ratings=dict(sorted(evidence.ratings.items())),  # the same bytes, read from the database or just now
        moderating=evidence.moderating,
        as_of=occasion.said.as_of,
        late=evidence.submitted_at is not None and definition.is_late(evidence.submitted_at),
    )


def keep_remarks(
    uow: UnitOfWork,
    cohort: CohortId,
    some: Sequence[Understood],
    counting: Mapping[EvidenceKey, Occasion],
    again: Collection[EvidenceKey] = (),
) -> None:
    """Keep what raters wrote, where this is the latest that they said. Under the keys `again` what was kept came with
    something that was withdrawn.
    """
    kept: dict[tuple[ParticipantId, RaterId], list[people.Comment]] = {(key.participant, key.by): [] for key in again}
    for remarks in (remarks for each in some for remarks in each.meaning.remarks):
        counts = counting[remarks.evidence.key]
        if counts.said.evidence.document == remarks.evidence.document:
            written = [people.Comment(remarks.by, kind, counts.evidence_id, text) for kind, text in remarks.written]
            kept[remarks.participant, remarks.by] = written
    people.keep_comments(uow, cohort, kept)
