"""What must hold in scoring's tables whatever happened before. Each query gives what breaks it, ideally nothing."""

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby

import sqlalchemy as sa

from services.scoring.core.completeness import missing
from services.scoring.core.evidence import Piece, piece_of
from services.scoring.core.results import state_of
from services.scoring.tables import cases, evidence, results
from shared.cohort.store import cohorts_open, definition_of
from shared.ids import CohortId, ParticipantId


def complete_and_unscored(connection: sa.Connection) -> list[str]:
    """Participants whose evidence is complete and whose latest result, if any, rests on other evidence."""
    definitions = {cohort: definition_of(connection, cohort) for cohort in cohorts_open(connection)}
    complete = [
        (cohort, participant, state_of(pieces))
        for cohort, participant, pieces in _changed(connection)
        if cohort in definitions and not missing(definitions[cohort], pieces)
    ]
    return [
        f"{cohort}/{participant}"
        for cohort, participant, state in complete
        if _scored_state(connection, cohort, participant) != state
    ]


def versions_with_a_hole(connection: sa.Connection) -> list[str]:
    """Participants whose results are not numbered 1, 2, … without a hole: one was removed or made up."""
    r = results.c
    grouped = sa.select(r.cohort, r.participant).group_by(r.cohort, r.participant)
    query = grouped.having(sa.func.max(r.version) != sa.func.count()).order_by(r.cohort, r.participant)
    return [f"{row.cohort}/{row.participant}" for row in connection.execute(query)]


def results_without_evidence(connection: sa.Connection) -> list[str]:
    """Results of participants about whom nothing is known."""
    r, e = results.c, evidence.c
    known = sa.exists().where(e.cohort == r.cohort, e.participant == r.participant)
    return list(connection.execute(sa.select(r.id).where(~known).order_by(r.id)).scalars())


INVARIANTS: Mapping[str, Callable[[sa.Connection], list[str]]] = {
    "scoring: whoever is complete is scored": complete_and_unscored,
    "scoring: results are numbered without a hole": versions_with_a_hole,
    "scoring: a result has evidence": results_without_evidence,
}


def _changed(connection: sa.Connection) -> Iterator[tuple[CohortId, ParticipantId, list[Piece]]]:
    """Every case that has no result as new as its evidence, with its pieces."""
    c, r, e = cases.c, results.c, evidence.c
    newer = sa.exists().where(r.cohort == c.cohort, r.participant == c.participant, r.scored_at >= c.changed_at)
    of_case = sa.and_(e.cohort == c.cohort, e.participant == c.participant)
    query = sa.select(evidence).join(cases, of_case).where(~newer).order_by(e.cohort, e.participant)
    rows = connection.execute(query)
    for (cohort, participant), pieces in groupby(rows, key=lambda row: (row.cohort, row.participant)):
        yield cohort, participant, [piece_of(piece._asdict()) for piece in pieces]


def _scored_state(connection: sa.Connection, cohort: CohortId, participant: ParticipantId) -> str | None:
    r = results.c
    query = sa.select(r.evidence_state).where(r.cohort == cohort, r.participant == participant)
    return connection.execute(query.order_by(r.version.desc()).limit(1)).scalar_one_or_none()
