"""All SQL of scoring: what is kept, and how the command line and the reports look at it."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.scoring.core.completeness import done_without, missing
from services.scoring.core.evidence import Piece, current, piece_of
from services.scoring.core.gaps import Cell, Gap
from services.scoring.core.requirements import NOTHING, Lack, Waived
from services.scoring.core.results import Grounds, Result, Rules, withheld
from services.scoring.store.waivers import named_of, waived_of
from services.scoring.tables import cases, evidence, gaps, results, runs
from shared.bulk import insert_many
from shared.cohort.definition import CohortDefinition
from shared.db import UnitOfWork
from shared.events import ScoredResult
from shared.ids import CohortId, ParticipantId, ResultId, RunId, SubmissionId
from shared.people import participants_of
from shared.words import Facet, Relationship

OVER = ("estimate", "standard_error", "low", "high")
"""Figures of a domain as a whole that its domain result has."""
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


@dataclass(frozen=True, slots=True)
class ParticipantStatus:
    """Where a participant stands. `scored`: has a result; `withheld`: rater groups too small to be in any figure."""

    participant: ParticipantId
    complete: bool
    scored: bool
    missing: tuple[str, ...]
    late: int
    """Pieces that count and came after the cohort closed."""
    withheld: tuple[Relationship, ...]
    waived: tuple[Lack, ...]
    """What is lacking and waived: the participant is scored on reduced evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """One figure of one result, flat. `version` 1, 2, …; fields as in `shared.events.Figure`."""

    participant: ParticipantId
    version: int
    domain: str
    facet: Facet | None
    competency: str | None
    estimate: float
    standard_error: float
    low: float
    high: float
    self_rating: float | None
    gap: float | None
    raters: int
    items: int
    anchored: bool
    sources: tuple[Mapping[str, Any], ...]
    """Each source's own figure, as in `shared.events.SourceFigure`."""
    model: str
    framework: str
    hash: str
    waived: tuple[str, ...] = ()
    """Names of what the result does without: it rests on reduced evidence."""
    result: Mapping[str, Any] | None = None
    """Of a domain as a whole: its domain result, as in `shared.events.DomainResult`, whose figures the row shows."""

    def shown(self) -> dict[str, Any]:
        """The row as `talentline result list --json` shows it."""
        row = asdict(self)
        row["self"] = row.pop("self_rating")
        return row


@dataclass(frozen=True, slots=True)
class Told:
    """What one result tells of its cohort: estimate and standard error of each facet of each domain, domains whose
    evidence is less than usual, and domains whose sources disagree.
    """

    cells: Mapping[Cell, tuple[float, float]]
    provisional: tuple[str, ...]
    disagreeing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CohortGaps:
    """The gap table of a cohort's latest run, weakest first; organisation None is the cohort as a whole."""

    run: RunId
    at: datetime
    rows: tuple[Gap, ...]


def lock_case(uow: UnitOfWork, cohort: CohortId, participant: ParticipantId, at: datetime) -> None:
    """Make the participant's case if it is new, and hold it until the end of the transaction.

    Whoever adds evidence holds the case, so of several last pieces that come at once one sees all the others.
    """
    uow.insert_once(cases, {"cohort": cohort, "participant": participant, "changed_at": at})
    lock_cases(uow, cohort, [participant])


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


def append_result(uow: UnitOfWork, rules: Rules, made: ScoredResult, result: Result, at: datetime) -> None:
    """Append a result. The case is held, so the version is free; a unique key would stop a second one."""
    row = {
        "id": made.result,
        "cohort": rules.definition.cohort,
        "participant": made.participant,
        "version": made.version,
        "model": result.grounds.model,
        "framework": rules.definition.framework.label,
        "definition": rules.definition.digest,
        "rules": result.grounds.rules,
        "evidence_state": result.grounds.evidence,
        "document": result.document,
        "hash": result.hash,
        "late": result.late,
        "waived": named_of(result.waived),
        "scored_at": at,
        "calibration": result.grounds.calibration,
    }
    uow.execute(sa.insert(results).values(row))


def open_run(uow: UnitOfWork, run: RunId, cohort: CohortId, at: datetime) -> bool:
    """Note a run. False if it was done already."""
    return uow.insert_once(runs, {"run": run, "cohort": cohort, "at": at})


def add_gaps(uow: UnitOfWork, run: RunId, cohort: CohortId, table: Sequence[Gap]) -> None:
    """Keep the gap table of a run."""
    rows = [{"run": run, "cohort": cohort, "position": n, **asdict(gap)} for n, gap in enumerate(table)]
    if rows:
        uow.execute(sa.insert(gaps), rows)


def told_by(connection: sa.Connection, wanted: Sequence[ResultId]) -> dict[ResultId, Told]:
    """What these results tell of the cohort."""
    query = sa.select(results.c.id, results.c.document).where(results.c.id.in_(wanted))
    return {row.id: _told(json.loads(row.document)) for row in connection.execute(query)}


def _told(document: Mapping[str, Any]) -> Told:
    domains = document.get("domains", ())
    return Told(
        cells={
            (figure["domain"], Facet(figure["facet"])): (figure["estimate"], figure["standard_error"])
            for figure in document["figures"]
            if figure["facet"] is not None
        },
        provisional=tuple(each["domain"] for each in domains if each["lacking"]),
        disagreeing=tuple(each["domain"] for each in domains if each["disagreeing"]),
    )


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


def status_of(
    connection: sa.Connection, definition: CohortDefinition, only: Collection[ParticipantId] | None = None
) -> list[ParticipantStatus]:
    """Where each participant of the roster stands (or `only` these), by id, computed from the evidence itself."""
    cohort = CohortId(definition.cohort)
    there = (each.participant for each in participants_of(connection, cohort))
    roster = sorted(each for each in there if only is None or each in only)
    return [
        _status(definition, case) for batch in batches(roster) for case in cases_of(connection, cohort, batch).values()
    ]


def results_of(
    connection: sa.Connection, cohort: CohortId, *, every: bool = False, competencies: bool = False
) -> list[ResultRow]:
    """The current results, by participant, in the framework's order of figures.

    `every` gives superseded versions as well, `competencies` the competencies beside domains and facets.
    """
    query = sa.select(results).where(results.c.cohort == cohort).order_by(results.c.version)
    kept: dict[tuple[str, int], list[ResultRow]] = {}
    for row in connection.execute(query):
        document = json.loads(row.document)
        results_by_domain = {each["domain"]: each for each in document.get("domains", ())}
        rows = [_result_row(row, figure, results_by_domain) for figure in document["figures"]]
        version = row.version if every else 0
        kept[row.participant, version] = [each for each in rows if competencies or each.competency is None]
    return [row for key in sorted(kept) for row in kept[key]]


def gaps_of(connection: sa.Connection, cohort: CohortId) -> CohortGaps | None:
    """The gap table of the cohort's latest run; None before the first run."""
    query = sa.select(runs.c.run, runs.c.at).where(runs.c.cohort == cohort)
    run = connection.execute(query.order_by(runs.c.at.desc(), runs.c.run.desc()).limit(1)).one_or_none()
    if run is None:
        return None
    g = gaps.c
    columns = [g[field.name] for field in fields(Gap)]
    table = sa.select(*columns).where(g.run == run.run, g.cohort == cohort).order_by(g.position)
    rows = (row._asdict() for row in connection.execute(table))
    return CohortGaps(run.run, run.at, tuple(Gap(**row | {"facet": Facet(row["facet"])}) for row in rows))


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


def _status(definition: CohortDefinition, case: Case) -> ParticipantStatus:
    pieces = current(case.pieces)
    lacking = missing(definition, pieces, case.waived)
    return ParticipantStatus(
        participant=case.participant,
        complete=not lacking,
        scored=case.latest is not None,
        missing=lacking,
        late=sum(piece.late for piece in pieces),
        withheld=withheld(definition, pieces),
        waived=done_without(definition, pieces, case.waived),
    )


def _row(
    cohort: CohortId, participant: ParticipantId, submission: SubmissionId, piece: Piece, at: datetime
) -> dict[str, Any]:
    about = {"cohort": cohort, "participant": participant, "submission": submission, "recorded_at": at}
    return about | asdict(piece)


def _result_row(row: Any, figure: Mapping[str, Any], by_domain: Mapping[str, Mapping[str, Any]]) -> ResultRow:
    same = ("domain", "competency", "estimate", "standard_error", "low", "high", "gap", "raters", "items", "anchored")
    whole = figure["facet"] is None and figure["competency"] is None
    result = by_domain.get(figure["domain"]) if whole else None
    shown = {name: figure[name] for name in same} | {name: result[name] for name in OVER if result}
    return ResultRow(
        participant=row.participant,
        version=row.version,
        facet=None if figure["facet"] is None else Facet(figure["facet"]),
        self_rating=figure["self"],
        sources=tuple(figure["sources"]),
        model=row.model,
        framework=row.framework,
        hash=row.hash,
        waived=tuple(row.waived or ()),
        result=result,
        **shown,
    )
