"""The latest results' figures by their hash, as released models' recordings in `tests/samples/scoring` have them."""

import json

import sqlalchemy as sa

from services.scoring.core.canonical import canonical, hashed
from services.scoring.tables import results
from shared.db import Database
from shared.ids import CohortId


def recorded_figures(db: Database, cohort: CohortId) -> dict[str, str]:
    """Participant → SHA-256 of the figures of the latest result."""
    query = sa.select(results.c.participant, results.c.document).where(results.c.cohort == cohort)
    with db.read() as connection:
        rows = connection.execute(query.order_by(results.c.version)).all()
    return {row.participant: hashed(canonical(json.loads(row.document)["figures"])) for row in rows}
