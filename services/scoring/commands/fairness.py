"""What scoring knows of each scored participant, for the fairness report. It is never told who is in which group."""

from collections.abc import Iterator

from services.scoring import store
from services.scoring.core.fairness.report import Seen
from services.scoring.core.fairness.seeing import seen
from shared.cohort.store import definition_of
from shared.db import Database
from shared.ids import CohortId, ParticipantId


def seen_in(db: Database, cohort: CohortId) -> list[Seen]:
    """Every participant who has a result, by id.

    Raises:
        UnknownCohort: no such cohort is open here.
    """
    return list(_seen_in(db, cohort))


def _seen_in(db: Database, cohort: CohortId) -> Iterator[Seen]:
    with db.read() as connection:
        definition = definition_of(connection, cohort)
        domains: dict[ParticipantId, dict[str, float]] = {}
        for row in store.results_of(connection, cohort):
            if row.facet is None and row.competency is None:
                domains.setdefault(row.participant, {})[row.domain] = row.estimate
        for batch in store.batches(sorted(domains)):
            for participant, case in store.cases_of(connection, cohort, batch).items():
                yield seen(definition, participant, domains[participant], case.pieces)
