"""`talentline backup | restore | restored | prune`: keeping what is there, and letting go of what nothing needs."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from deploy import backups
from deploy.cli.access import installation, ready
from deploy.cli.output import say
from shared import restores, retention

By = Annotated[str, typer.Option("--by", help="Who does it, for the audit trail.")]

GAP = """\
What happened after this backup is not known here any more: docs/backup.md, "The gap".
Until `talentline restored --settled`, mails that may have gone out already are looked up or held, not sent again."""


def backup(file: Annotated[Path, typer.Argument(help="A new file.")]) -> None:
    """Back the database up while everything runs."""
    size = backups.backup(installation().settings.database, file)
    say(f"{file}: {size / 1e6:.1f} MB")


def restore(file: Annotated[Path, typer.Argument(help="A backup.")], by: By = "coordinator") -> None:
    """Fill an empty database from a backup. Nothing else may run on it."""
    backups.restore(installation().settings.database, file, by)
    say(f"Restored from {file}.")
    say(GAP)


def restored(
    settled: Annotated[bool, typer.Option("--settled", help="The gap is settled: mails go out as ever.")] = False,
    by: By = "coordinator",
) -> None:
    """Say that this database was restored by other means, before anything runs; or that the gap is settled."""
    with ready().db.write() as uow:
        if settled:
            count = restores.settle(uow, by)
        else:
            restores.note(uow, by)
    if settled:
        say("Settled." if count else "No restore was open.")
    else:
        say(GAP)


def prune(
    days: Annotated[
        int, typer.Option(min=retention.LEAST.days, help="Older than so many days, counted from when it was done.")
    ] = retention.USUAL.days,
) -> None:
    """Delete what was delivered long ago: events and deliveries that nothing needs any more."""
    gone = retention.prune(ready().db, timedelta(days=days))
    say(f"{gone.deliveries} deliveries and {gone.events} events are gone, all done more than {days} days ago.")


def add_to(app: typer.Typer) -> None:
    """Put the commands of this module on the command's root."""
    app.command("backup")(backup)
    app.command("restore")(restore)
    app.command("restored")(restored)
    app.command("prune")(prune)
