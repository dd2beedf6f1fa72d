"""All SQL of intake's own tables: submissions, what they said, and what was refused at the door."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.intake import tables
from services.intake.core.evidence import EvidenceKey, Occasion, Said, of_document
from services.intake.core.matching import identity_of
from services.intake.core.meaning import Meaning
from services.intake.core.roster import RaterEntry, Roster
from services.intake.core.submission import RawRequest, SubmissionKind, SubmissionState
from services.intake.core.vendor import ApiAnswer, Response
from services.intake.tables import evidence, latest, pieces, submissions
from shared import people
from shared.cohort.store import connections
from shared.db import UnitOfWork
from shared.ids import CohortId, ParticipantId, RaterId, SubmissionId

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


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A submission in quarantine. `reason` is for people, `code` for machines."""

    id: SubmissionId
    connection: str
    cohort: CohortId
    reason: str
    code: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class QuarantinedDetail:
    """What a coordinator needs to put a quarantined submission right. It holds no answers and no comments."""

    summary: Quarantined
    kind: SubmissionKind
    name: str | None
    delivery_id: str
    size: int
    """Bytes of the body."""
    duplicates: int
    conflict: bool
    sent: Mapping[str, str]
    """Form, participant, rater and so on, as sent."""

    def shown(self) -> dict[str, object]:
        """The same as names and values, for a listing or JSON."""
        there: dict[str, object] = {
            "id": self.summary.id,
            "connection": self.summary.connection,
            "cohort": self.summary.cohort,
            "code": self.summary.code,
            "reason": self.summary.reason,
            "received_at": self.summary.received_at.isoformat(),
            "kind": self.kind.label,
            "file": self.name,
            "delivery_id": self.delivery_id,
            "size": self.size,
            "duplicates": self.duplicates,
            "conflict": self.conflict,
        }
        return {name: value for name, value in (there | dict(self.sent)).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Refusal:
    """How often requests to a connection were turned away for one reason."""

    connection: str
    reason: str
    count: int
    last_at: datetime


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


def lock_keys(uow: UnitOfWork, cohort: CohortId, keys: Iterable[EvidenceKey]) -> None:
    """Let nobody else add a piece under these keys until the transaction ends. In order, so that nobody deadlocks."""
    for key in sorted(set(keys)):
        uow.insert_once(latest, _key_values(cohort, key))
        uow.execute(sa.select(latest.c.cohort).where(*_is(latest, cohort, key)).with_for_update())


def add_said(uow: UnitOfWork, cohort: CohortId, said: Iterable[Said]) -> None:
    """Note what a submission said; what it said before stays as it is."""
    for each in said:
        values = {"submission": each.submission, "as_of": each.as_of, "document": each.evidence.document}
        uow.insert_once(pieces, values | _key_values(cohort, each.evidence.key))


def history(connection: sa.Connection, cohort: CohortId, key: EvidenceKey) -> list[Said]:
    """All that was ever said under a key."""
    rows = connection.execute(sa.select(pieces).where(*_is(pieces, cohort, key))).mappings()
    return [Said(row["submission"], row["as_of"], of_document(row["document"])) for row in rows]


def add_evidence(uow: UnitOfWork, cohort: CohortId, occasion: Occasion, at: datetime) -> bool:
    """Note that a piece of evidence is published. False if it was before."""
    values = {"evidence": occasion.evidence_id, "cohort": cohort}
    return uow.insert_once(evidence, values | {"submission": occasion.said.submission, "recorded_at": at})


def set_latest(uow: UnitOfWork, cohort: CohortId, occasion: Occasion) -> None:
    """Note which piece of its key counts."""
    key = occasion.said.evidence.key
    uow.execute(sa.update(latest).where(*_is(latest, cohort, key)).values(evidence=occasion.evidence_id))


def roster_named(connection: sa.Connection, cohort: CohortId, responses: Iterable[Response]) -> Roster:
    """Those people of the cohort whom responses name."""
    named = [identity_of(response) for response in responses]
    there = (
        people.participant_of(connection, cohort, ParticipantId(participant))
        for participant in sorted({identity.participant for identity in named})
    )
    raters = (people.rater_of(connection, cohort, RaterId(by)) for by in sorted({identity.by for identity in named}))
    return Roster(
        frozenset(person.participant for person in there if person),
        {rater.rater: RaterEntry(rater.participant, rater.relationship) for rater in raters if rater},
        frozenset(people.assessors_of(connection, cohort)),
    )


def roster_of(connection: sa.Connection, cohort: CohortId) -> Roster:
    """Every participant and assessor of the cohort: those whom sheets and marks may name."""
    return Roster(
        frozenset(person.participant for person in people.participants_of(connection, cohort)),
        assessors=frozenset(people.assessors_of(connection, cohort)),
    )


def count_refusal(uow: UnitOfWork, connection: str, reason: str, at: datetime) -> None:
    """Count a request that was turned away: one row a connection, reason and day, however many there are."""
    values: dict[str, Any] = {"connection": connection, "reason": reason, "day": at.date()}
    row = uow.insert(tables.refusals).values(count=1, last_at=at, **values)
    more = {"count": tables.refusals.c.count + 1, "last_at": at}
    uow.execute(row.on_conflict_do_update(index_elements=["connection", "reason", "day"], set_=more))


def quarantined(connection: sa.Connection, cohort: CohortId | None = None) -> list[Quarantined]:
    """The submissions in quarantine, oldest first; of one cohort or of all."""
    s = submissions.c
    query = sa.select(s.id, s.connection, s.cohort, s.reason, s.reason_words, s.received_at).where(
        s.state == SubmissionState.QUARANTINED, *([] if cohort is None else [s.cohort == cohort])
    )
    return [_quarantined(row) for row in connection.execute(query.order_by(s.received_at, s.id)).mappings()]


def quarantined_one(connection: sa.Connection, submission: SubmissionId) -> QuarantinedDetail | None:
    """One submission in quarantine with what was sent of ids; None if it is not there."""
    s = submissions.c
    query = sa.select(submissions, sa.func.length(s.body).label("size")).where(
        s.id == submission, s.state == SubmissionState.QUARANTINED
    )
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    return QuarantinedDetail(
        summary=_quarantined(row),
        kind=SubmissionKind(row["kind"]),
        name=row["name"],
        delivery_id=row["delivery_key"],
        size=row["size"],
        duplicates=row["duplicates"],
        conflict=row["conflict"],
        sent=row["detail"] or {},
    )


def refusals(connection: sa.Connection, cohort: CohortId | None) -> list[Refusal]:
    """Requests turned away at a cohort's connections; at all of them, unknown ones included, if no cohort is given."""
    r = tables.refusals.c
    mine = sa.select(connections.c.connection).where(connections.c.cohort == cohort)
    query = (
        sa.select(r.connection, r.reason, sa.func.sum(r.count).label("times"), sa.func.max(r.last_at).label("last_at"))
        .where(*([] if cohort is None else [r.connection.in_(mine)]))
        .group_by(r.connection, r.reason)
        .order_by(r.connection, r.reason)
    )
    return [Refusal(row.connection, row.reason, int(row.times), row.last_at) for row in connection.execute(query)]


def duplicates(connection: sa.Connection, cohort: CohortId) -> int:
    """How many submissions came again, every time counted."""
    total = sa.select(sa.func.coalesce(sa.func.sum(submissions.c.duplicates), 0))
    return int(connection.execute(total.where(submissions.c.cohort == cohort)).scalar_one())


def is_reachable(connection: sa.Connection) -> bool:
    """Whether the database answers. Raises DatabaseUnavailable through the caller's connection otherwise."""
    return connection.execute(sa.select(sa.literal(1))).scalar_one() == 1


def _quarantined(row: Any) -> Quarantined:
    return Quarantined(
        row["id"], row["connection"], row["cohort"], row["reason_words"], row["reason"], row["received_at"]
    )


def _key_values(cohort: CohortId, key: EvidenceKey) -> dict[str, Any]:
    return {
        "cohort": cohort,
        "participant": key.participant,
        "instrument": key.instrument,
        "given_by": key.by,
        "element": key.element,
    }


def _is(table: sa.Table, cohort: CohortId, key: EvidenceKey) -> list[sa.ColumnElement[bool]]:
    return [table.c[name] == value for name, value in _key_values(cohort, key).items()]
