"""How a command reaches the installation: its settings, and a database whose tables are there."""

import typer
from pydantic import ValidationError

from deploy.cli.output import complain
from deploy.composition import Installation
from shared import logs, migrations
from shared.db import DatabaseUnavailable

TRY_AGAIN = 75
"""Exit status of a process that can't run yet: whoever supervises it starts it again (EX_TEMPFAIL of sysexits.h)."""


def installation(role: str = "cli") -> Installation:
    """The installation that the environment describes. Ends the command with the cure when a setting is wrong."""
    try:
        found = Installation()
    except ValidationError as error:
        for each in error.errors():
            name = "TALENTLINE_" + "_".join(str(part) for part in each["loc"]).upper()
            complain(f"{name}: {each['msg']}; see the settings table in README.md")
        raise typer.Exit(2) from error
    logs.configure(found.settings.log_level if role != "cli" else "WARNING", role=role)
    return found


def ready(role: str = "cli") -> Installation:
    """An installation whose database has every table: a SQLite file is brought up to date, anything else is checked."""
    found = installation(role)
    if found.db.is_sqlite:
        migrations.migrate(found.settings.database, post_deploy=False)
    elif migrations.pending(found.settings.database):
        complain("The database's tables are not up to date: run `talentline migrate` once, then try again.")
        raise typer.Exit(1)
    return found


def able(role: str) -> Installation:
    """An installation whose tables are at least those of this release: what a door or a worker needs to start.

    A database that does not answer now is no reason to end: the process waits for it as it would later.
    """
    found = installation(role)
    try:
        lacking = migrations.pending(found.settings.database)
    except DatabaseUnavailable:
        return found
    if lacking:
        complain(f"The database's tables are older than this release ({', '.join(lacking)} to apply).")
        complain("Run `talentline migrate`, then start this again; workers of the older release run on meanwhile.")
        raise typer.Exit(TRY_AGAIN)
    return found
