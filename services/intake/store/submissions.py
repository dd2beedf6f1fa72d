"""Submissions as they are handled: read as they came, and settled when they are understood."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from services.intake.core.meaning import Meaning
from services.intake.core.submission import RawRequest, SubmissionKind, SubmissionState
from services.intake.core.vendor import ApiAnswer
from services.intake.store.bodies import unpacked
from services.intake.tables import submissions
from shared.db import UnitOfWork
from shared.ids import CohortId, SubmissionId


@dataclass(frozen=True, slots=True)
class Submission:
    """A stored submission, as far as its reading needs it."""

    id: SubmissionId
    cohort: CohortId
    connection: str
    kind: SubmissionKind
    state: SubmissionState
    reason: str | None
    reason_words: str | None
    received_at: datetime
    request: RawRequest = field(repr=False)
    answers: tuple[ApiAnswer, ...] = field(default=(), repr=False)


def submission_locked(uow: UnitOfWork, submission: SubmissionId) -> Submission | None:
    """A submission, its row locked until the transaction ends; None if it was erased."""
    query = sa.select(submissions).where(submissions.c.id == submission).with_for_update()
    row = uow.execute(query).mappings().one_or_none()
    if row is None:
        return None
    return Submission(
        id=row["id"],
        cohort=row["cohort"],
        connection=row["connection"],
        kind=SubmissionKind(row["kind"]),
        state=SubmissionState(row["state"]),
        reason=row["reason"],
        reason_words=row["reason_words"],
        received_at=row["received_at"],
        request=RawRequest(
            unpacked(row["body"], row["encoding"]), tuple((name, value) for name, value in row["headers"])
        ),
        answers=tuple(
            ApiAnswer(base64.b64decode(answer["body"]), tuple((name, value) for name, value in answer["headers"]))
            for answer in row["answers"] or ()
        ),
    )


def known_until(connection: sa.Connection, submission: Submission) -> datetime | None:
    """When the newest settled submission of the same connection arrived for which the vendor's API was asked, of those
    before this one: what was there to be known then is known. None: this is the first.
    """
    s = submissions.c
    settled = (SubmissionState.RECORDED, SubmissionState.SET_ASIDE)
    asked = s.answers.is_not(sa.null())
    before = s.received_at < submission.received_at
    mine = (s.cohort == submission.cohort, s.connection == submission.connection, s.state.in_(settled), asked, before)
    found: datetime | None = connection.execute(sa.select(sa.func.max(s.received_at)).where(*mine)).scalar_one()
    return found


def keep_answers(uow: UnitOfWork, submission: SubmissionId, answers: Sequence[ApiAnswer]) -> None:
    """Keep what the vendor's API answered, so that a retry reads the same again."""
    kept = [
        {"body": base64.b64encode(answer.body).decode(), "headers": [list(pair) for pair in answer.headers]}
        for answer in answers
    ]
    uow.execute(sa.update(submissions).where(submissions.c.id == submission).values(answers=kept))


def settle(uow: UnitOfWork, submission: SubmissionId, meaning: Meaning, at: datetime) -> SubmissionState:
    """Set a submission's state from what it turned out to mean."""
    state = SubmissionState.RECORDED if meaning.evidence else SubmissionState.SET_ASIDE
    state = SubmissionState.QUARANTINED if meaning.reasons else state
    uow.execute(
        sa.update(submissions)
        .where(submissions.c.id == submission)
        .values(
            state=state,
            settled_at=at,
            reason=meaning.code,
            reason_words=meaning.words,
            detail=dict(meaning.detail) or None,
        )
    )
    return state
