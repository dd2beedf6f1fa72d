"""`talentline connection add`: a connection's table in cohort.toml, and what comes next."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.access import installation
from deploy.cli.output import complain, say
from services.intake.core.polling import Polled
from services.intake.core.registering import Guide, Registrar
from services.intake.vendors import VENDORS
from shared.cohort.adding import add_connection
from shared.cohort.definition import Connection
from shared.cohort.folder import FolderMistakes
from shared.words import Instrument

CohortName = Annotated[str, typer.Argument(metavar="COHORT", help="The cohort's id, as `cohort list` shows it.")]
Name = Annotated[str, typer.Argument(metavar="CONNECTION", help="The connection's name in cohort.toml.")]


def add(
    cohort: Annotated[str, typer.Argument(metavar="COHORT", help="The cohort's id, as cohort.toml says it.")],
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="A name for it: a to z, 0 to 9 and -.")],
    vendor: Annotated[str, typer.Option(help="The survey tool, by its name in docs/vendors.md.")],
    instrument: Annotated[Instrument, typer.Option(help="What it collects.")] = Instrument.APPRAISAL_360,
    secret_env: Annotated[str | None, typer.Option(help="The variable that will hold its secret.")] = None,
    setting: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="A setting of the tool.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Its folder; default: one here that is named as it.")] = None,
) -> None:
    """Add a connection to the cohort.toml in a cohort's folder, and say what to set and do next. Nothing else changes
    until the cohort is opened or updated from the folder.
    """
    if vendor not in VENDORS:
        complain(f"Survey tool {vendor} is not known here; these are: {', '.join(VENDORS)}.")
        raise typer.Exit(1)
    variable = secret_env or f"TALENTLINE_SECRET_{connection.upper().replace('-', '_')}"
    new = Connection(vendor=vendor, instrument=instrument, secret_env=variable, settings=_settings(setting or []))
    place = folder or Path(cohort)
    try:
        add_connection(place, cohort, connection, new, vendors=VENDORS)
    except FolderMistakes as error:
        for mistake in error.mistakes:
            complain(str(mistake))
        complain(f"{len(error.mistakes)} mistake(s); cohort.toml is as it was.")
        raise typer.Exit(1) from error
    say(f"Added connection {connection} ({vendor}) to {place / 'cohort.toml'}.")
    for number, line in enumerate(_next(place, cohort, connection, new), start=1):
        say(f"  {number}. {line}")


def _settings(pairs: Sequence[str]) -> Mapping[str, str]:
    found = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name.strip():
            complain(f"--setting {pair}: write it as NAME=VALUE.")
            raise typer.Exit(2)
        found[name.strip()] = value.strip()
    return found


def _next(folder: Path, cohort: str, name: str, new: Connection) -> Sequence[str]:
    """What is left to do, in order."""
    vendor, address = VENDORS[new.vendor], installation().settings.address
    steps = []
    if not isinstance(vendor, Polled):
        whose = (
            "the one that the tool shows when the webhook is made"
            if isinstance(vendor, Guide) and vendor.chooses_secret
            else "a long random one, or the tool's: see its row in docs/vendors.md"
        )
        steps.append(f"Set {new.secret_env} to the secret for the web door and the workers ({whose}).")
    if vendor.api_hosts or vendor.configured(new.settings).api_hosts:
        steps.append(f"Set {new.secret_env}_TOKEN to the token of the tool's API, for the workers.")
    steps.append(f"talentline cohort open {folder} --update")
    this = f"{cohort} {name}"
    if not isinstance(vendor, Polled):
        does = "makes the webhook" if isinstance(vendor, Registrar) else "prints what to paste into the tool"
        steps.append(f"talentline connection register {this} --form FORM   ({does}: {address}/webhooks/{name})")
    drafted = f"talentline mapping draft {this} --form FORM --to draft.csv"
    steps.append(f"{drafted}   (from the tool's API or a test response; else docs/mapping.md)")
    steps.append(f"Check the draft, copy its rows to {folder / 'programme'}: talentline cohort open {folder} --update")
    steps.append(f"talentline connection test {this}")
    return steps
