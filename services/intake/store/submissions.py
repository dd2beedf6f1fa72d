"""Submissions as they are handled: read as they came, and settled when they are understood."""

import base64
from collections.abc import Iterator, Sequence
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

PAGE = 50
"""Submissions that are looked at together: each may be as large as the door allows."""


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
    brought: frozenset[str] = frozenset()
    """Responses that were news when it was read, by `known.key_of`; of tools that can be asked only."""


def submission_locked(uow: UnitOfWork, submission: SubmissionId) -> Submission | None:
    """A submission, its row locked until the transaction ends; None if it was erased."""
    return submissions_locked(uow, [submission]).get(submission)


def submissions_locked(uow: UnitOfWork, wanted: Sequence[SubmissionId]) -> dict[SubmissionId, Submission]:
    """Those of these submissions that are there, their rows locked in the order of their ids."""
    query = sa.select(submissions).where(submissions.c.id.in_(wanted)).order_by(submissions.c.id).with_for_update()
    return {row["id"]: _submission(row) for row in uow.execute(query).mappings()}


def known_as(connection: sa.Connection, name: str) -> list[Submission]:
    """Webhooks with this id, or with this one of the sender's (several, if more than one tool uses it). Not locked."""
    s = submissions.c
    query = sa.select(submissions).where(sa.or_(s.id == name, s.delivery_key == name), s.kind == SubmissionKind.WEBHOOK)
    return [_submission(row) for row in connection.execute(query.order_by(s.received_at, s.id)).mappings()]


def before(connection: sa.Connection, submission: Submission) -> Iterator[Submission]:
    """Webhooks of the same connection that came before a submission, oldest first. Not locked."""
    s = submissions.c
    mine = (s.cohort == submission.cohort, s.connection == submission.connection, s.kind == SubmissionKind.WEBHOOK)
    earlier = sa.or_(
        s.received_at < submission.received_at, sa.and_(s.received_at == submission.received_at, s.id < submission.id)
    )
    query = sa.select(submissions).where(*mine, earlier).order_by(s.received_at, s.id)
    for row in connection.execution_options(yield_per=100).execute(query).mappings():
        yield _submission(row)


def submissions_after(
    uow: UnitOfWork, cohort: CohortId, connections: Sequence[str], after: SubmissionId | None, most: int
) -> list[Submission]:
    """The next submissions that came in on some connections, in the order of their ids; their rows are locked."""
    s = submissions.c
    later = sa.true() if after is None else s.id > after
    mine = sa.and_(s.cohort == cohort, s.connection.in_(connections), s.kind == SubmissionKind.WEBHOOK, later)
    query = sa.select(submissions).where(mine).order_by(s.id).limit(most).with_for_update()
    return [_submission(row) for row in uow.execute(query).mappings()]


def deliveries_of(
    connection: sa.Connection, cohort: CohortId, name: str, *, newest: int | None = None
) -> Iterator[Submission]:
    """What came in on a connection, for looking: oldest first, or the newest so many, newest first."""
    s = submissions.c
    query = sa.select(submissions).where(s.cohort == cohort, s.connection == name, s.kind == SubmissionKind.WEBHOOK)
    if newest is not None:
        yield from map(_submission, connection.execute(query.order_by(s.id.desc()).limit(newest)).mappings())
        return
    after = ""
    while rows := connection.execute(query.where(s.id > after).order_by(s.id).limit(PAGE)).mappings().all():
        yield from map(_submission, rows)
        after = rows[-1]["id"]


def delivery_of(connection: sa.Connection, cohort: CohortId, submission: SubmissionId) -> Submission | None:
    """One delivery of a cohort, for looking; None if it has no such."""
    query = sa.select(submissions).where(submissions.c.id == submission, submissions.c.cohort == cohort)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _submission(row)


def _submission(row: sa.RowMapping) -> Submission:
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
        brought=frozenset(row["brought"] or ()),
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


def settle_much(uow: UnitOfWork, meant: Sequence[tuple[Submission, Meaning]], at: datetime) -> None:
    """Set submissions' states from what they turned out to mean. What one has brought it has brought for good."""
    state, new = submissions.c, sa.bindparam
    names = ("state", "reason", "reason_words", "detail", "brought")
    values = {name: new(f"new_{name}", type_=state[name].type) for name in names}
    update = sa.update(submissions).where(state.id == new("of")).values(settled_at=new("at"), **values)
    rows = [
        {
            "of": submission.id,
            "at": at,
            "new_state": str(_state_of(meaning)),
            "new_reason": meaning.code,
            "new_reason_words": meaning.words,
            "new_detail": dict(meaning.detail) or None,
            "new_brought": sorted(submission.brought.union(meaning.brought)) or None,
        }
        for submission, meaning in meant
    ]
    uow.execute(update, rows)


def _state_of(meaning: Meaning) -> SubmissionState:
    if meaning.reasons:
        return SubmissionState.QUARANTINED
    return SubmissionState.RECORDED if meaning.evidence else SubmissionState.SET_ASIDE
