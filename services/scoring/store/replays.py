"""What computing results and calibrations again needs of the database. It only reads."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from services.scoring.core.calibration.calibration import Calibration
from services.scoring.core.replay import Stored
from services.scoring.tables import calibrations, results
from shared.errors import PermanentError
from shared.ids import CohortId, ParticipantId, ResultId

Connection = sa.Connection


class NoSuchResult(PermanentError):
    """Nothing was scored under this id."""

    def __init__(self, name: str, cohort: CohortId | None) -> None:
        where = f" in {cohort}" if cohort else ""
        super().__init__(f"{name} is no cohort, and no participant or result{where} that was scored")


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored result, where it belongs, and what it names."""

    cohort: CohortId
    result: ResultId
    version: int
    model: str
    definition: str
    calibration: str | None
    stored: Stored


def kept_results(connection: sa.Connection, name: str, cohort: CohortId | None = None) -> list[Kept]:
    """Every version under an id: of a cohort, a participant (of one cohort, or of all), or one result.

    Raises NoSuchResult.
    """
    r = results.c
    of = sa.or_(r.cohort == name, r.id == name, r.participant == name)
    query = sa.select(results).where(of if cohort is None else sa.and_(r.cohort == cohort, of))
    found = [_kept(row) for row in connection.execute(query.order_by(r.cohort, r.participant, r.version))]
    if not found:
        raise NoSuchResult(name, cohort)
    return found


def _kept(row: sa.Row[tuple[object, ...]]) -> Kept:
    stored = Stored(ParticipantId(row.participant), row.document, row.hash, row.evidence_state)
    return Kept(CohortId(row.cohort), ResultId(row.id), row.version, row.model, row.definition, row.calibration, stored)


@dataclass(frozen=True, slots=True)
class KeptCalibration:
    """A stored calibration: its number, and the hash that was recorded."""

    number: int
    hash: str
    calibration: Calibration
    rules: str


def kept_calibrations(connection: sa.Connection, cohort: CohortId) -> list[KeptCalibration]:
    """All calibrations of a cohort, the first one first."""
    c = calibrations.c
    rows = connection.execute(sa.select(calibrations).where(c.cohort == cohort).order_by(c.number))
    return [KeptCalibration(row.number, row.hash, Calibration(row.document), row.rules) for row in rows]


def documents_of(
    connection: sa.Connection, cohort: CohortId, participants: Sequence[ParticipantId]
) -> dict[tuple[str, str], str]:
    """Result documents by participant and evidence state: which pieces a state is made of."""
    r = results.c
    query = sa.select(r.participant, r.evidence_state, r.document)
    rows = connection.execute(query.where(r.cohort == cohort, r.participant.in_(participants)).order_by(r.version))
    return {(row.participant, row.evidence_state): row.document for row in rows}
