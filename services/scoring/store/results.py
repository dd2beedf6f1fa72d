"""Results: appended once for each version, and listed figure by figure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.scoring.core.results import Result, Rules
from services.scoring.store.waivers import named_of
from services.scoring.tables import results
from shared.db import UnitOfWork
from shared.events import ScoredResult
from shared.ids import CohortId, ParticipantId
from shared.words import Facet

OVER = ("estimate", "standard_error", "low", "high")
"""Figures of a domain as a whole that its domain result has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """One figure of one result, flat. `version` 1, 2, …; fields as in `shared.events.Figure`."""

    participant: ParticipantId
    version: int
    domain: str
    facet: Facet | None
    competency: str | None
    estimate: float
    standard_error: float
    low: float
    high: float
    self_rating: float | None
    gap: float | None
    raters: int
    items: int
    anchored: bool
    sources: tuple[Mapping[str, Any], ...]
    """Each source's own figure, as in `shared.events.SourceFigure`."""
    model: str
    framework: str
    hash: str
    waived: tuple[str, ...] = ()
    """Names of what the result does without: it rests on reduced evidence."""
    result: Mapping[str, Any] | None = None
    """Of a domain as a whole: its domain result, as in `shared.events.DomainResult`, whose figures the row shows."""

    def shown(self) -> dict[str, Any]:
        """The row as `talentline result list --json` shows it."""
        row = asdict(self)
        row["self"] = row.pop("self_rating")
        return row


@dataclass(frozen=True, slots=True)
class Reduced:
    """A result that rests on reduced evidence. `waived`: names of what it does without."""

    participant: ParticipantId
    version: int
    waived: tuple[str, ...]


def reduced_of(rows: Iterable[ResultRow]) -> tuple[Reduced, ...]:
    """Those of the results that rest on reduced evidence, once each, in their order."""
    return tuple(dict.fromkeys(Reduced(each.participant, each.version, each.waived) for each in rows if each.waived))


def append_result(uow: UnitOfWork, rules: Rules, made: ScoredResult, result: Result, at: datetime) -> None:
    """Append a result. The case is held, so the version is free; a unique key would stop a second one."""
    row = {
        "id": made.result,
        "cohort": rules.definition.cohort,
        "participant": made.participant,
        "version": made.version,
        "model": result.grounds.model,
        "framework": rules.definition.framework.label,
        "definition": rules.definition.digest,
        "rules": result.grounds.rules,
        "evidence_state": result.grounds.evidence,
        "document": result.document,
        "hash": result.hash,
        "late": result.late,
        "waived": named_of(result.waived),
        "scored_at": at,
        "calibration": result.grounds.calibration,
    }
    uow.execute(sa.insert(results).values(row))


def results_of(
    connection: sa.Connection, cohort: CohortId, *, every: bool = False, competencies: bool = False
) -> list[ResultRow]:
    """The current results, by participant, in the framework's order of figures.

    `every` gives superseded versions as well, `competencies` the competencies beside domains and facets.
    """
    query = sa.select(results).where(results.c.cohort == cohort).order_by(results.c.version)
    kept: dict[tuple[str, int], list[ResultRow]] = {}
    for row in connection.execute(query):
        document = json.loads(row.document)
        results_by_domain = {each["domain"]: each for each in document.get("domains", ())}
        rows = [_result_row(row, figure, results_by_domain) for figure in document["figures"]]
        version = row.version if every else 0
        kept[row.participant, version] = [each for each in rows if competencies or each.competency is None]
    return [row for key in sorted(kept) for row in kept[key]]


def _result_row(row: Any, figure: Mapping[str, Any], by_domain: Mapping[str, Mapping[str, Any]]) -> ResultRow:
    same = ("domain", "competency", "estimate", "standard_error", "low", "high", "gap", "raters", "items", "anchored")
    whole = figure["facet"] is None and figure["competency"] is None
    result = by_domain.get(figure["domain"]) if whole else None
    shown = {name: figure[name] for name in same} | {name: result[name] for name in OVER if result}
    return ResultRow(
        participant=row.participant,
        version=row.version,
        facet=None if figure["facet"] is None else Facet(figure["facet"]),
        self_rating=figure["self"],
        sources=tuple(figure["sources"]),
        model=row.model,
        framework=row.framework,
        hash=row.hash,
        waived=tuple(row.waived or ()),
        result=result,
        **shown,
    )
