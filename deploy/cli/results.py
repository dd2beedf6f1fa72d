"""`talentline result …`: what was scored."""

from typing import Annotated

import typer

from deploy.cli import changes, receipts, self_others, system
from deploy.cli.access import ready
from deploy.cli.output import AsJson, number, say, show, table
from deploy.cli.reduced import MARK, say_reduced
from deploy.cli.targets import distance_shown, to_target
from services.scoring import store
from shared.cohort.definition import CohortDefinition, Distance
from shared.cohort.store import definition_of
from shared.ids import CohortId

group = typer.Typer(no_args_is_help=True, help="Domain results.")
group.command("self-others")(self_others.of_cohort)
group.command("verify")(receipts.verify)
group.command("change")(changes.change)
group.command("explain")(receipts.explain)
group.command("system")(system.system)


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
        shown = [row.shown() | {"to_target": distance_shown(_distance(definition, row))} for row in rows]
        show({"cohort": cohort, "results": shown})
        return
    bands = definition.bands is not None
    aims = [to_target(_distance(definition, row)) for row in rows]
    lines = (
        (
            row.participant + (MARK if row.waived else ""),
            row.version,
            definition.framework.domain[row.domain].name,
            row.competency or row.facet or "",
            number(row.estimate) + (" *" if row.anchored else "") + (" ~" if _lacking(row) else ""),
            f"{row.low:.2f} to {row.high:.2f}",
            *([" or ".join(row.result["band"]) if row.result else ""] if bands else []),
            number(row.self_rating),
            row.raters,
            row.items,
            *([aim] if any(aims) else []),
        )
        for row, aim in zip(rows, aims, strict=True)
    )
    columns = ["participant", "version", "domain", "part", "estimate", "95 % interval"]
    columns += [*(["band"] if bands else []), "self", "raters", "items"]
    columns += ["to target"] if any(aims) else []
    table(definition.title, columns, lines, empty="Nobody is scored yet.")
    if any(row.anchored for row in rows):
        say("* part of the interval rests on a stated variance: fewer than three raters stand behind a source.")
    if any(_lacking(row) for row in rows):
        say("~ provisional: there is less evidence than usual; `talentline result explain ID` says what is lacking.")
    say_reduced(store.reduced_of(rows))


def _lacking(row: store.ResultRow) -> bool:
    """Whether a domain result is provisional."""
    return bool(row.result and row.result["lacking"])


def _distance(definition: CohortDefinition, row: store.ResultRow) -> Distance | None:
    """From the target of a domain or facet to a result; competencies have no target."""
    target = None if row.competency else definition.target_of(row.domain, row.facet)
    return None if target is None else target.distance(row.estimate, row.low, row.high)
