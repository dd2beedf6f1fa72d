"""Every participant whose evidence is complete has a result that rests on all of it."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby

import sqlalchemy as sa

from services.scoring.core.completeness import done_without, missing
from services.scoring.core.evidence import Piece, piece_of
from services.scoring.core.requirements import NOTHING, Requirement, Waived
from services.scoring.core.results import state_of
from services.scoring.tables import cases, evidence, in_force, results, waivers
from shared import clock
from shared.cohort.definition import CohortDefinition
from shared.cohort.store import definition_of, settled_cohorts
from shared.ids import CohortId, ParticipantId
from shared.invariants.rule import Invariant
from shared.words import Instrument

PATIENCE = timedelta(minutes=10)
"""New rules of a cohort may complete a case; the reconciliation looks every five minutes."""
STRETCH = 1000
"""Cases that wait for more and are looked at in one check. Where there are more, the next checks look at the others."""
TURN = timedelta(minutes=5)

Who = tuple[CohortId, ParticipantId]


def broken(connection: sa.Connection) -> list[str]:
    """`cohort/participant` of those who are complete and have no result on just this evidence."""
    definitions = {cohort: definition_of(connection, cohort) for cohort in settled_cohorts(connection, PATIENCE)}
    waived = _waived(connection)
    return [
        f"{cohort}/{participant}"
        for (cohort, participant), pieces in _pieces(connection, _stretch(_unsettled(connection, definitions)))
        if _is_unscored(
            connection, definitions[cohort], participant, pieces, waived.get((cohort, participant), NOTHING)
        )
    ]


def _is_unscored(
    connection: sa.Connection,
    definition: CohortDefinition,
    participant: ParticipantId,
    pieces: Sequence[Piece],
    waived: Waived,
) -> bool:
    if missing(definition, pieces, waived):
        return False
    state = state_of(pieces, done_without(definition, pieces, waived))
    return _scored_state(connection, CohortId(definition.cohort), participant) != state


def _unsettled(connection: sa.Connection, definitions: dict[CohortId, CohortDefinition]) -> list[Who]:
    """Every case that has no result as new as its evidence: mostly those that wait for more."""
    c, r = cases.c, results.c
    newer = sa.exists().where(r.cohort == c.cohort, r.participant == c.participant, r.scored_at >= c.changed_at)
    rows = connection.execute(sa.select(c.cohort, c.participant).where(~newer).order_by(c.cohort, c.participant))
    return [(row.cohort, row.participant) for row in rows if row.cohort in definitions]


def _stretch(waiting: Sequence[Who]) -> Sequence[Who]:
    """Those whose turn it is.

    >>> len(_stretch([("a", str(n)) for n in range(STRETCH)]))
    1000
    """
    stretches = max(1, -(-len(waiting) // STRETCH))
    turn = int(clock.now().timestamp() // TURN.total_seconds()) % stretches
    return waiting[turn * STRETCH : (turn + 1) * STRETCH]


def _pieces(connection: sa.Connection, wanted: Sequence[Who]) -> Iterator[tuple[Who, list[Piece]]]:
    e = evidence.c
    for cohort, people in groupby(wanted, key=lambda who: who[0]):
        theirs = sa.and_(e.cohort == cohort, e.participant.in_([participant for _, participant in people]))
        rows = connection.execute(sa.select(evidence).where(theirs).order_by(e.participant))
        for participant, pieces in groupby(rows, key=lambda row: ParticipantId(row.participant)):
            yield (cohort, participant), [piece_of(piece._asdict()) for piece in pieces]


def _waived(connection: sa.Connection) -> dict[Who, Waived]:
    """Everything that is waived, anywhere: waivers are few."""
    w = waivers.c
    found: dict[Who, Waived] = {}
    for row in connection.execute(sa.select(w.cohort, w.participant, w.instrument, w.element).where(in_force())):
        who = CohortId(row.cohort), ParticipantId(row.participant)
        found[who] = found.get(who, NOTHING) | {Requirement(Instrument(row.instrument), row.element)}
    return found


def _scored_state(connection: sa.Connection, cohort: CohortId, participant: ParticipantId) -> str | None:
    r = results.c
    query = sa.select(r.evidence_state).where(r.cohort == cohort, r.participant == participant)
    return connection.execute(query.order_by(r.version.desc()).limit(1)).scalar_one_or_none()


RULE = Invariant(
    broken,
    means="somebody waits for a plan although everything about them has arrived",
    cure="the reconciliation scores them within minutes if a worker for scoring runs; report it: it is a defect",
)
