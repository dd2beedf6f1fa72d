"""The command's root: its groups, and how an error looks to the person who typed it."""

from typing import Any

import click
import typer
import typer.core

from deploy.cli import cohorts, deliveries, evidence, operations, plans, pool, results
from deploy.cli.output import complain
from shared.errors import TalentlineError


class _Explaining(typer.core.TyperGroup):
    """Turns our own errors into a message and exit status 1; anything else is a defect and keeps its traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except TalentlineError as error:
            complain(str(error))
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=_Explaining,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,
    help="Run a leadership talent process: evidence in, defensible scores, personal development plans out.",
)
operations.add_to(app)
app.command("submit")(evidence.submit)
app.add_typer(cohorts.group, name="cohort")
app.add_typer(evidence.quarantine, name="quarantine")
app.add_typer(results.group, name="result")
app.add_typer(plans.group, name="plan")
app.add_typer(pool.group, name="pool")
app.add_typer(deliveries.group, name="deliveries")
