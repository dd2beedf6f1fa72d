"""`talentline result system`: cohorts beside each other, and what they share."""

from dataclasses import asdict
from typing import Annotated

import typer

from deploy.cli.access import ready
from deploy.cli.output import AsJson, number, say, show, table
from services.scoring.commands.system import OfFramework
from services.scoring.commands.system import system as of_system
from services.scoring.core.system import CohortMean, SystemFigure


def system(
    public: Annotated[bool, typer.Option("--public", help="For publication: cohorts below 10 are suppressed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Every cohort's mean by domain and facet with raw mean and n, drawn towards what all cohorts share."""
    found = of_system(ready().db, public=public)
    if as_json:
        show(
            {"system": [{"framework": each.framework, "figures": [asdict(f) for f in each.figures]} for each in found]}
        )
        return
    for each in found:
        _show(each)
    if not found:
        say("No cohort has been run yet.")


def _show(each: OfFramework) -> None:
    rows = [row for figure in each.figures for row in _rows(each, figure)]
    columns = ("domain", "facet", "cohort", "people", "mean", "95 % interval", "drawn", "95 % interval")
    table(each.framework, columns, rows, empty="No figure may be shown.")
    say("Drawn: towards what cohorts share, by as much as so few people could differ by chance.")


def _rows(each: OfFramework, figure: SystemFigure) -> list[tuple[object, ...]]:
    name = each.definition.framework.domain[figure.domain].name
    rows: list[tuple[object, ...]] = [(name, figure.facet, *_cells(mean)) for mean in figure.cohorts]
    if figure.common is not None:
        low, high = (figure.common.mean + sign * 1.96 * figure.common.error for sign in (-1, 1))
        rows.append((name, figure.facet, "system", "", number(figure.common.mean), _range(low, high), "", ""))
    return rows


def _cells(mean: CohortMean) -> tuple[object, ...]:
    if mean.withheld:
        return (mean.cohort, "", "–", mean.withheld, "", "")
    raw = number(mean.raw), _range(mean.low, mean.high)
    return (mean.cohort, mean.n, *raw, number(mean.drawn), _range(mean.drawn_low, mean.drawn_high))


def _range(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{low:.2f} to {high:.2f}"
