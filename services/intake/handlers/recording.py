"""Storing what a submission means, and telling of what is new in it. All in the caller's transaction."""

from collections.abc import Iterable
from itertools import groupby

import structlog

from services.intake import store
from services.intake.core.evidence import EvidenceKey, Occasion, Said, newest, occasions
from services.intake.core.meaning import Meaning
from services.intake.core.submission import SubmissionState
from services.intake.store import Submission
from shared import clock, people
from shared.cohort.definition import CohortDefinition
from shared.db import UnitOfWork
from shared.events import EvidenceRecorded, Piece, SubmissionQuarantined
from shared.outbox import publish

log = structlog.get_logger()


def record(uow: UnitOfWork, submission: Submission, definition: CohortDefinition, found: Meaning) -> None:
    """Store what a submission means, and tell of what is new in it."""
    now = clock.now()
    said = [
        Said(submission.id, evidence.submitted_at or submission.received_at, evidence) for evidence in found.evidence
    ]
    keys = {each.evidence.key for each in said}
    store.lock_keys(uow, submission.cohort, keys)
    store.add_said(uow, submission.cohort, said)
    told = store.history(uow.connection, submission.cohort, keys)
    pieces = {key: occasions(told[key]) for key in sorted(keys)}
    every = [piece for each in pieces.values() for piece in each]
    new = store.add_evidence(uow, submission.cohort, every, now)
    fresh = [piece for piece in every if piece.evidence_id in new]
    counting = {key: newest(each) for key, each in pieces.items()}
    store.set_latest(uow, submission.cohort, counting.values())
    _tell(uow, definition, fresh)
    _keep_remarks(uow, submission, found, counting)
    state = store.settle(uow, submission.id, found, now)
    as_before = (submission.reason, submission.reason_words) == (found.code, found.words)
    if state is SubmissionState.QUARANTINED and not as_before:
        reason = str(found.code)
        publish(uow, SubmissionQuarantined(submission=submission.id, cohort=submission.cohort, reason=reason))
    log.info("submission.settled", submission=submission.id, state=state, reason=found.code, pieces=len(fresh))


def _tell(uow: UnitOfWork, definition: CohortDefinition, fresh: Iterable[Occasion]) -> None:
    """Publish new evidence: one event for each participant (and submission that first said it)."""

    def whose(piece: Occasion) -> tuple[str, str]:
        return piece.said.submission, piece.said.evidence.participant

    for _, group in groupby(sorted(fresh, key=whose), key=whose):
        mine = list(group)
        first = mine[0].said
        publish(
            uow,
            EvidenceRecorded(
                submission=first.submission,
                cohort=first.evidence.cohort,
                participant=first.evidence.participant,
                pieces=tuple(_piece(each, definition) for each in mine),
            ),
        )


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
    uow: UnitOfWork, submission: Submission, found: Meaning, counting: dict[EvidenceKey, Occasion]
) -> None:
    """Keep what raters wrote, where this is the latest that they said."""
    for remarks in found.remarks:
        counts = counting[remarks.evidence.key]
        if counts.said.evidence.document != remarks.evidence.document:
            continue
        written = [people.Comment(remarks.by, kind, counts.evidence_id, text) for kind, text in remarks.written]
        people.keep_comments(uow, submission.cohort, remarks.participant, written, rater=remarks.by)
