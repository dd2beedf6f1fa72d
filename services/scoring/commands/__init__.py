"""What a coordinator asks of scoring, through the command line or HTTP."""

from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

from services.scoring.commands.files import opened
from services.scoring.core.analysis.agreeing import Agreement, agreements
from services.scoring.core.analysis.item_table import read_items
from services.scoring.core.analysis.long_table import Columns, read_ratings
from services.scoring.core.analysis.results import Scored
from services.scoring.core.analysis.scoring import DEFAULT_MODEL, score
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


def score_file(
    file: Path,
    *,
    items: Path | None = None,
    columns: Columns | None = None,
    model: str = DEFAULT_MODEL,
    weights: Mapping[str, float] | None = None,
    self_group: str = "self",
) -> Scored:
    """Score a long CSV of ratings, gzipped or not, without a cohort. See `core.analysis.scoring.score`.

    Raises:
        UnreadableTable: what is wrong with the file, where, and what to do.
    """
    with opened(file) as lines:
        table = read_ratings(lines, columns)
    if items is None:
        return score(table, model=model, weights=weights, clock=perf_counter, self_group=self_group)
    with opened(items) as lines:
        places = read_items(lines)
    return score(table, places, model=model, weights=weights, clock=perf_counter, self_group=self_group)


def agreement_in_file(
    file: Path,
    *,
    items: Path | None = None,
    columns: Columns | None = None,
    self_group: str = "self",
    scale: tuple[float, float] | None = None,
) -> list[Agreement]:
    """Every agreement statistic of a long CSV of ratings, gzipped or not.

    Raises:
        UnreadableTable: what is wrong with the file, where, and what to do.
    """
    with opened(file) as lines:
        table = read_ratings(lines, columns)
    if items is None:
        return agreements(table, self_group=self_group, scale=scale)
    with opened(items) as lines:
        return agreements(table, read_items(lines), self_group=self_group, scale=scale)
