"""What people ask for: to read again what is in quarantine, to run a cohort."""

from collections.abc import Sequence

from services.intake import store
from shared.cohort.store import definition_of
from shared.db import UnitOfWork
from shared.events import CohortRunRequested, SubmissionReceived
from shared.ids import CohortId, RunId, SubmissionId
from shared.outbox import audited, publish


def retry(uow: UnitOfWork, ids: Sequence[SubmissionId] | None, *, actor: str) -> list[SubmissionId]:
    """Have quarantined submissions read again, all of them if no ids are given. Gives those that were in quarantine.

    What follows has the correlation of the caller's transaction.
    """
    waiting = store.quarantined(uow.connection)
    wanted = None if ids is None else set(ids)
    again = [each for each in waiting if wanted is None or each.id in wanted]
    for each in again:
        publish(uow, SubmissionReceived(submission=each.id, cohort=each.cohort))
        audited(uow, actor=actor, action="quarantine.retried", subject=each.id, detail={"cohort": each.cohort})
    return [each.id for each in again]


def request_run(uow: UnitOfWork, cohort: CohortId, run: RunId, *, actor: str) -> None:
    """Ask for every case of a cohort to be looked at again. The caller's transaction has the run's id as correlation.

    Raises:
        UnknownCohort: no such cohort is open.
    """
    definition_of(uow.connection, cohort)
    publish(uow, CohortRunRequested(run=run, cohort=cohort))
    audited(uow, actor=actor, action="cohort.run_requested", subject=run, detail={"cohort": cohort})
