"""Calibrations of cohorts: appended, never changed; results name them by hash."""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.scoring.core.calibration.calibration import Calibration
from services.scoring.tables import calibrations
from shared.db import UnitOfWork
from shared.errors import PermanentError
from shared.ids import CohortId, RunId

KEPT = 8
"""Calibrations that a worker keeps in memory: of a national cohort one takes megabytes to read."""
_known: OrderedDict[str, Calibration] = OrderedDict()


class CalibrationLost(PermanentError):
    """A result names a calibration that is no longer in the database."""

    def __init__(self, cohort: CohortId, digest: str) -> None:
        super().__init__(f"calibration {digest[:12]} of {cohort} is gone from scoring_calibrations: restore a backup")


def latest_calibration(connection: sa.Connection, cohort: CohortId, model: str) -> Calibration | None:
    """The one that participants are scored against now; None before the first."""
    c = calibrations.c
    query = sa.select(c.hash).where(c.cohort == cohort, c.model == model).order_by(c.number.desc()).limit(1)
    digest = connection.execute(query).scalar_one_or_none()
    return None if digest is None else calibration_named(connection, cohort, digest)


def calibration_named(connection: sa.Connection, cohort: CohortId, digest: str) -> Calibration:
    """The calibration with this hash. Raises CalibrationLost."""
    found = _known.get(digest)
    if found is None:
        c = calibrations.c
        query = sa.select(c.document).where(c.cohort == cohort, c.hash == digest).limit(1)
        document = connection.execute(query).scalar_one_or_none()
        if document is None:
            raise CalibrationLost(cohort, digest)
        found = _known[digest] = Calibration(document)
        while len(_known) > KEPT:
            _known.popitem(last=False)
    return found


def calibration_number(connection: sa.Connection, cohort: CohortId, model: str) -> tuple[int, int] | None:
    """Number and participants of the one that counts now; None before the first."""
    c = calibrations.c
    query = sa.select(c.number, c.participants).where(c.cohort == cohort, c.model == model)
    row = connection.execute(query.order_by(c.number.desc()).limit(1)).one_or_none()
    return None if row is None else (row.number, row.participants)


def keep_calibration(
    uow: UnitOfWork, cohort: CohortId, run: RunId, calibration: Calibration, rules: str, at: datetime
) -> int:
    """Append a calibration. Gives its number: 1, 2, … in the cohort."""
    c = calibrations.c
    number = (uow.execute(sa.select(sa.func.max(c.number)).where(c.cohort == cohort)).scalar_one() or 0) + 1
    row: Mapping[str, Any] = {
        "cohort": cohort,
        "number": number,
        "run": run,
        "model": calibration.model,
        "rules": rules,
        "participants": len(calibration.evidence),
        "document": calibration.document,
        "hash": calibration.hash,
        "at": at,
    }
    uow.execute(sa.insert(calibrations).values(row))
    return number
