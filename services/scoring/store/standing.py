"""Where each participant stands, computed from the evidence itself."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from services.scoring.core.completeness import done_without, missing
from services.scoring.core.evidence import current
from services.scoring.core.requirements import Lack
from services.scoring.core.results import withheld
from services.scoring.store.cases import Case, batches, cases_of
from shared.cohort.definition import CohortDefinition
from shared.ids import CohortId, ParticipantId
from shared.people import participants_of
from shared.words import Relationship


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
