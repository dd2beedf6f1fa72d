"""How a command reaches the installation: its settings, and a database whose tables are there."""

import typer
from pydantic import ValidationError

from deploy.cli.output import complain
from deploy.composition import Installation
from shared import logs, migrations


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
        migrations.migrate(found.settings.database)
    elif migrations.pending(found.settings.database):
        complain("The database's tables are not up to date: run `talentline migrate` once, then try again.")
        raise typer.Exit(1)
    return found
