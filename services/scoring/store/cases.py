"""Participants' cases: the row to lock, the evidence, and what the latest result rests on."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.scoring.core.evidence import Piece, piece_of
from services.scoring.core.requirements import NOTHING, Waived
from services.scoring.core.results import Grounds
from services.scoring.store.waivers import waived_of
from services.scoring.tables import cases, evidence, results
from shared.bulk import insert_many
from shared.db import UnitOfWork
from shared.ids import CohortId, ParticipantId, ResultId, SubmissionId

BATCH = 500
"""Participants looked at in one query."""


@dataclass(frozen=True, slots=True)
class Latest:
    """A participant's latest result: which one, and what it rests on."""

    result: ResultId
    version: int
    grounds: Grounds
    waived: tuple[str, ...] = ()
    """What it does without, by name."""


@dataclass(frozen=True, slots=True)
class Added:
    """A piece of evidence about a participant, and the submission that holds it."""

    participant: ParticipantId
    submission: SubmissionId
    piece: Piece


@dataclass(frozen=True, slots=True)
class Case:
    """All evidence about one participant, superseded pieces included, and the latest result, None before the first."""

    participant: ParticipantId
    pieces: tuple[Piece, ...]
    latest: Latest | None
    waived: Waived = NOTHING
    """What need not be there."""

    @property
    def scored(self) -> Grounds | None:
        """What the latest result rests on."""
        return None if self.latest is None else self.latest.grounds

    @property
    def version(self) -> int:
        """Of the latest result; 0 before the first."""
        return 0 if self.latest is None else self.latest.version


def hold_cases(uow: UnitOfWork, cohort: CohortId, participants: Iterable[ParticipantId], at: datetime) -> None:
    """Make those of the participants' cases that are new, and hold all of them until the end of the transaction.

    Whoever adds evidence holds the case, so of several last pieces that come at once one sees all the others.
    """
    those = sorted(participants)
    rows = [{"cohort": cohort, "participant": each, "changed_at": at} for each in those]
    insert_many(uow.connection, cases, rows, once=True)
    lock_cases(uow, cohort, those)


def lock_cases(uow: UnitOfWork, cohort: CohortId, participants: Sequence[ParticipantId]) -> None:
    """Hold the cases of these participants, taken in the order of their ids so that no two workers wait in a ring."""
    query = sa.select(cases.c.participant).where(cases.c.cohort == cohort, cases.c.participant.in_(participants))
    uow.execute(query.order_by(cases.c.participant).with_for_update()).all()


def add_pieces(
    uow: UnitOfWork,
    cohort: CohortId,
    participant: ParticipantId,
    submission: SubmissionId,
    pieces: Iterable[Piece],
    at: datetime,
) -> None:
    """Keep pieces of evidence; one that is known already changes nothing."""
    added = [uow.insert_once(evidence, _row(cohort, participant, submission, piece, at)) for piece in pieces]
    if any(added):
        case = sa.update(cases).where(cases.c.cohort == cohort, cases.c.participant == participant)
        uow.execute(case.values(changed_at=at))


def add_much(uow: UnitOfWork, cohort: CohortId, added: Iterable[Added], at: datetime) -> None:
    """The same for pieces about many participants, whose cases are held, in two statements."""
    rows = [_row(cohort, each.participant, each.submission, each.piece, at) for each in added]
    new = insert_many(uow.connection, evidence, rows, once=True, returning=("participant",))
    if new:
        changed = sorted({participant for (participant,) in new})
        these = sa.update(cases).where(cases.c.cohort == cohort, cases.c.participant.in_(changed))
        uow.execute(these.values(changed_at=at))


def cases_of(
    connection: sa.Connection, cohort: CohortId, participants: Sequence[ParticipantId]
) -> dict[ParticipantId, Case]:
    """These participants' cases. One without any evidence has an empty case."""
    pieces: dict[ParticipantId, list[Piece]] = defaultdict(list)
    e = evidence.c
    columns = (e.evidence, e.instrument, e.element, e.by, e.as_of, e.relationship, e.ratings, e.moderating, e.late)
    query = sa.select(e.participant, *columns).where(e.cohort == cohort, e.participant.in_(participants))
    for row in connection.execute(query):
        pieces[row.participant].append(piece_of(row._asdict()))
    latest, waived = _latest(connection, cohort, participants), waived_of(connection, cohort, participants)
    return {each: Case(each, tuple(pieces[each]), latest.get(each), waived.get(each, NOTHING)) for each in participants}


def unsettled(
    connection: sa.Connection, turn: int = 0, limit: int | None = None
) -> dict[CohortId, list[ParticipantId]]:
    """Cases, by cohort, that have no result as new as their evidence: mostly those that wait for more.

    At most `limit` of them; where there are more, `turn` (any number) chooses which stretch.
    """
    c, r = cases.c, results.c
    newer = sa.exists().where(r.cohort == c.cohort, r.participant == c.participant, r.scored_at >= c.changed_at)
    query = sa.select(c.cohort, c.participant).where(~newer).order_by(c.cohort, c.participant)
    if limit is not None:
        count = connection.execute(sa.select(sa.func.count()).select_from(cases).where(~newer)).scalar_one()
        query = query.limit(limit).offset(turn % max(1, -(-count // limit)) * limit)
    found: dict[CohortId, list[ParticipantId]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.cohort].append(row.participant)
    return found


def has_evidence(connection: sa.Connection, cohort: CohortId) -> bool:
    """Whether anything is known about anybody of the cohort: from then on its framework and scale are pinned."""
    query = sa.select(evidence.c.cohort).where(evidence.c.cohort == cohort).limit(1)
    return connection.execute(query).first() is not None


def people_with_evidence(connection: sa.Connection, cohort: CohortId) -> set[str]:
    """The ids of all whom evidence is about or from: participants, raters, assessors, markers."""
    e = evidence.c
    rows = connection.execute(sa.select(e.participant, e.by).where(e.cohort == cohort).distinct())
    return {each for row in rows for each in row}


def batches(participants: Sequence[ParticipantId]) -> Iterator[Sequence[ParticipantId]]:
    """The participants, some at a time, so that memory and parameters stay bounded in a large cohort."""
    return (participants[start : start + BATCH] for start in range(0, len(participants), BATCH))


def _latest(
    connection: sa.Connection, cohort: CohortId, participants: Sequence[ParticipantId]
) -> dict[ParticipantId, Latest]:
    r = results.c
    query = sa.select(r.id, r.participant, r.version, r.evidence_state, r.model, r.rules, r.calibration, r.waived)
    rows = connection.execute(query.where(r.cohort == cohort, r.participant.in_(participants)).order_by(r.version))
    return {
        row.participant: Latest(
            row.id,
            row.version,
            Grounds(row.evidence_state, row.model, row.rules, row.calibration),
            tuple(row.waived or ()),
        )
        for row in rows
    }


def _row(
    cohort: CohortId, participant: ParticipantId, submission: SubmissionId, piece: Piece, at: datetime
) -> dict[str, Any]:
    about = {"cohort": cohort, "participant": participant, "submission": submission, "recorded_at": at}
    return about | asdict(piece)
