"""The system beside its cohorts, from the latest gap table of each."""

from collections import defaultdict
from dataclasses import dataclass

from services.scoring import store
from services.scoring.core.gaps import Gap
from services.scoring.core.system import SystemFigure, system_figures
from shared.cohort.definition import CohortDefinition
from shared.cohort.store import cohorts_open, definition_of
from shared.db import Database
from shared.ids import CohortId


@dataclass(frozen=True, slots=True)
class OfFramework:
    """Cohorts that share a framework and its scale; only these can be compared."""

    framework: str
    definition: CohortDefinition
    figures: tuple[SystemFigure, ...]


def system(db: Database, *, public: bool = False) -> list[OfFramework]:
    """One for each framework of the cohorts that have been run. The strictest cohort's minimum counts for all."""
    tables: dict[str, list[tuple[CohortDefinition, CohortId, tuple[Gap, ...]]]] = defaultdict(list)
    with db.read() as connection:
        for cohort in cohorts_open(connection):
            found = store.gaps_of(connection, cohort)
            if found is not None:
                definition = definition_of(connection, cohort)
                scale = definition.framework.scale
                key = f"{definition.framework.label} on {scale.minimum:g} to {scale.maximum:g}"
                tables[key].append((definition, cohort, found.rows))
    return [_of(framework, some, public=public) for framework, some in sorted(tables.items())]


def _of(framework: str, some: list[tuple[CohortDefinition, CohortId, tuple[Gap, ...]]], *, public: bool) -> OfFramework:
    minimum = max(definition.disclosure.group_minimum for definition, _, _ in some)
    definition = some[0][0]
    figures = system_figures(
        definition.framework.scale,
        [(cohort, rows) for _, cohort, rows in some],
        minimum=minimum,
        public=public,
    )
    return OfFramework(framework, definition, figures)
