"""Submissions: stored raw when they arrive, read when they are handled, settled when they are understood."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from services.intake.core.meaning import Meaning
from services.intake.core.submission import RawRequest, SubmissionKind, SubmissionState
from services.intake.core.vendor import ApiAnswer
from services.intake.tables import refusals, submissions
from shared.db import UnitOfWork
from shared.ids import CohortId, SubmissionId

EVERY_UNKNOWN = "*"
"""The connection under which refusals of unknown connections are counted, so that they can't grow without end."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A submission about to be stored."""

    id: SubmissionId
    cohort: CohortId
    connection: str
    kind: SubmissionKind
    delivery_key: str
    request: RawRequest
    received_at: datetime
    name: str | None = None


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


def add_submission(uow: UnitOfWork, arrival: Arrival) -> tuple[SubmissionId, bool]:
    """Store a submission, or count it if the same is there. Gives its id, and whether it is new."""
    s, request = submissions.c, arrival.request
    same = sa.and_(
        s.cohort == arrival.cohort, s.connection == arrival.connection, s.delivery_key == arrival.delivery_key
    )
    values = {
        "id": arrival.id,
        "cohort": arrival.cohort,
        "connection": arrival.connection,
        "kind": arrival.kind,
        "name": arrival.name,
        "delivery_key": arrival.delivery_key,
        "sha256": request.sha256,
        "headers": request.kept_headers,
        "body": request.body,
        "received_at": arrival.received_at,
        "state": SubmissionState.RECEIVED,
    }
    if uow.insert_once(submissions, values):
        other = sa.select(s.id).where(same, s.id != arrival.id).limit(1)
        if uow.execute(other).first() is not None:
            uow.execute(sa.update(submissions).where(s.id == arrival.id).values(conflict=True))
        return arrival.id, True
    known = sa.update(submissions).where(same, s.sha256 == request.sha256)
    again = known.values(duplicates=s.duplicates + 1, last_duplicate_at=arrival.received_at).returning(s.id)
    return SubmissionId(uow.execute(again).scalar_one()), False


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
        request=RawRequest(row["body"], tuple((name, value) for name, value in row["headers"])),
        answers=tuple(
            ApiAnswer(base64.b64decode(answer["body"]), tuple((name, value) for name, value in answer["headers"]))
            for answer in row["answers"] or ()
        ),
    )


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


def count_refusal(uow: UnitOfWork, connection: str, reason: str, at: datetime) -> None:
    """Count a request that was turned away: one row a connection, reason and day, however many there are."""
    row = uow.insert(refusals).values(connection=connection, reason=reason, day=at.date(), count=1, last_at=at)
    more = {"count": refusals.c.count + 1, "last_at": at}
    uow.execute(row.on_conflict_do_update(index_elements=["connection", "reason", "day"], set_=more))
