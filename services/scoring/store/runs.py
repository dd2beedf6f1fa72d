"""Runs over a whole cohort and their gap tables."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.scoring.core.gaps import Cell, Gap
from services.scoring.tables import gaps, results, runs
from shared.db import UnitOfWork
from shared.ids import CohortId, ResultId, RunId
from shared.words import Facet


@dataclass(frozen=True, slots=True)
class Told:
    """What one result tells of its cohort: estimate and standard error of each facet of each domain, domains whose
    evidence is less than usual, and domains whose sources disagree.
    """

    cells: Mapping[Cell, tuple[float, float]]
    provisional: tuple[str, ...]
    disagreeing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CohortGaps:
    """The gap table of a cohort's latest run, weakest first; organisation None is the cohort as a whole."""

    run: RunId
    at: datetime
    rows: tuple[Gap, ...]


def open_run(uow: UnitOfWork, run: RunId, cohort: CohortId, at: datetime) -> bool:
    """Note a run. False if it was done already."""
    return uow.insert_once(runs, {"run": run, "cohort": cohort, "at": at})


def add_gaps(uow: UnitOfWork, run: RunId, cohort: CohortId, table: Sequence[Gap]) -> None:
    """Keep the gap table of a run."""
    rows = [{"run": run, "cohort": cohort, "position": n, **asdict(gap)} for n, gap in enumerate(table)]
    if rows:
        uow.execute(sa.insert(gaps), rows)


def told_by(connection: sa.Connection, wanted: Sequence[ResultId]) -> dict[ResultId, Told]:
    """What these results tell of the cohort."""
    query = sa.select(results.c.id, results.c.document).where(results.c.id.in_(wanted))
    return {row.id: _told(json.loads(row.document)) for row in connection.execute(query)}


def _told(document: Mapping[str, Any]) -> Told:
    domains = document.get("domains", ())
    return Told(
        cells={
            (figure["domain"], Facet(figure["facet"])): (figure["estimate"], figure["standard_error"])
            for figure in document["figures"]
            if figure["facet"] is not None
        },
        provisional=tuple(each["domain"] for each in domains if each["lacking"]),
        disagreeing=tuple(each["domain"] for each in domains if each["disagreeing"]),
    )


def gaps_of(connection: sa.Connection, cohort: CohortId) -> CohortGaps | None:
    """The gap table of the cohort's latest run; None before the first run."""
    query = sa.select(runs.c.run, runs.c.at).where(runs.c.cohort == cohort)
    run = connection.execute(query.order_by(runs.c.at.desc(), runs.c.run.desc()).limit(1)).one_or_none()
    if run is None:
        return None
    g = gaps.c
    columns = [g[field.name] for field in fields(Gap)]
    table = sa.select(*columns).where(g.run == run.run, g.cohort == cohort).order_by(g.position)
    rows = (row._asdict() for row in connection.execute(table))
    return CohortGaps(run.run, run.at, tuple(Gap(**row | {"facet": Facet(row["facet"])}) for row in rows))
