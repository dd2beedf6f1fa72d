"""`talentline result …`: what was scored."""

from typing import Annotated

import typer

from deploy.cli import self_others
from deploy.cli.access import ready
from deploy.cli.output import AsJson, number, show, table
from services.scoring import store
from shared.cohort.store import definition_of
from shared.ids import CohortId

group = typer.Typer(no_args_is_help=True, help="Domain results.")
group.command("self-others")(self_others.of_cohort)


@group.command("list")
def list_(
    cohort: Annotated[str, typer.Argument(metavar="COHORT")],
    competencies: Annotated[bool, typer.Option("--competencies", help="Competencies as well.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Superseded results as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """The current results, with their 95 % intervals. Self stands beside and is never in an estimate."""
    with ready().db.read() as connection:
        definition = definition_of(connection, CohortId(cohort))
        rows = store.results_of(connection, CohortId(cohort), every=every, competencies=competencies)
    if as_json:
        show({"cohort": cohort, "results": [row.shown() for row in rows]})
        return
    lines = (
        (
            row.participant,
            row.version,
            definition.framework.domain[row.domain].name,
            row.competency or row.facet or "",
            number(row.estimate) + (" *" if row.anchored else ""),
            f"{row.low:.2f} to {row.high:.2f}",
            number(row.self_rating),
            row.raters,
            row.items,
        )
        for row in rows
    )
    columns = ("participant", "version", "domain", "part", "estimate", "95 % interval", "self", "raters", "items")
    table(definition.title, columns, lines, empty="Nobody is scored yet.")
    if any(row.anchored for row in rows):
        typer.echo("* part of the interval rests on a stated variance: fewer than three raters stand behind a source.")
