"""`talentline cohort links`: a link for each rater or assessor, in a file for the coordinator."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.access import ready
from deploy.cli.output import complain, say
from services.intake import commands
from shared.cohort.store import definition_of
from shared.ids import CohortId

COLUMNS = ("person", "name", "email", "participant", "relationship", "link")


def links(
    cohort: Annotated[str, typer.Argument(metavar="COHORT")],
    connection: Annotated[str, typer.Argument(metavar="CONNECTION")],
    link: Annotated[str, typer.Option(help="The form's address with {token}, or {participant}, {rater}, … in it.")],
    to: Annotated[Path, typer.Option(help="The CSV file to write. It holds names, addresses and links: keep it safe.")],
    by: Annotated[str, typer.Option(help="Who does it, for the audit trail.")] = "coordinator",
) -> None:
    """Write everybody's personal link to a file. Made again, the links are the same."""
    installation = ready()
    with installation.db.write() as uow:
        definition = definition_of(uow.connection, CohortId(cohort))
        found = commands.personal_links(uow, definition, connection, link, installation.intake.link_key, actor=by)
        _save(to, found)
    if not found:
        complain("Nobody is listed who could have a link.")
        raise typer.Exit(1)
    say(f"{len(found)} links are in {to}. Send each person only their own, and delete the file when that is done.")


def _save(to: Path, found: Sequence[commands.PersonalLink]) -> None:
    """Only whoever runs the command may read it: a link is a key."""
    try:
        descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        complain(f"{to} can't be written ({error.strerror}).")
        raise typer.Exit(1) from error
    with os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(
            (_plain(e.person), _plain(e.name), e.email, e.participant, e.relationship, e.link) for e in found
        )


def _plain(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
