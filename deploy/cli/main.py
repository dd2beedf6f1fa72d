"""The command's root: its groups, and how an error looks to the person who typed it."""

import sys

import typer

from deploy.cli import (
    analysis,
    backups,
    cohorts,
    connections,
    deliveries,
    design,
    equality,
    evidence,
    fairness,
    framework,
    mail,
    mapping,
    norms,
    operations,
    plans,
    pool,
    results,
    self_others,
    status,
    webhooks,
)
from deploy.cli.output import complain
from shared.errors import TalentlineError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,
    help="Run a leadership talent process: evidence in, defensible scores, personal development plans out.",
)
operations.add_to(app)
backups.add_to(app)
app.command("status")(status.status)
app.command("submit")(evidence.submit)
app.command("score")(analysis.score)
app.command("agreement")(analysis.agreement)
app.command("self-others")(self_others.of_file)
app.command("fairness")(fairness.fairness)
app.add_typer(cohorts.group, name="cohort")
app.add_typer(connections.group, name="connection")

app.add_typer(mapping.group, name="mapping")
app.add_typer(framework.group, name="framework")
app.add_typer(design.group, name="design")
app.add_typer(evidence.quarantine, name="quarantine")
app.add_typer(results.group, name="result")
app.add_typer(norms.group, name="norms")
app.add_typer(equality.group, name="equality")
app.add_typer(plans.group, name="plan")
app.add_typer(mail.group, name="mail")
app.add_typer(pool.group, name="pool")
app.add_typer(deliveries.group, name="deliveries")
app.add_typer(webhooks.group, name="webhook")


def main() -> None:
    """Run the command. Our own errors become a message and exit status 1; a defect keeps its traceback."""
    try:
        app(prog_name="talentline")
    except TalentlineError as error:
        complain(str(error))
        sys.exit(1)
