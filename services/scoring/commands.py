"""What a coordinator asks of scoring, through the command line or HTTP."""

from shared.cohort.store import definition_of
from shared.db import UnitOfWork
from shared.events import CohortRunRequested
from shared.ids import CohortId, RunId
from shared.outbox import audited, publish


def request_run(uow: UnitOfWork, cohort: CohortId, *, actor: str) -> RunId:
    """Ask for every case of a cohort to be looked at again, and for its gap table.

    The run's id is the unit of work's correlation id, so whoever asked can follow the whole chain to the last email by
    it. Ask in a unit of work of its own: one more run of the same cohort in the same chain would be the same run.

    Raises:
        UnknownCohort: no such cohort is open here.
    """
    definition_of(uow.connection, cohort)
    run = RunId(uow.cause.correlation)
    audited(uow, actor=actor, action="cohort.run_requested", subject=cohort, detail={"run": run})
    publish(uow, CohortRunRequested(run=run, cohort=cohort))
    return run
