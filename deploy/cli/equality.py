"""`talentline equality …`: who said to belong to which group. Kept apart, read by the fairness report only."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.access import ready
from deploy.cli.output import AsJson, complain, say, show, table
from shared.cohort.store import definition_of
from shared.equality.file import read_equality
from shared.equality.store import Who, erase, keep, known_people, stated
from shared.ids import CohortId

group = typer.Typer(no_args_is_help=True, help="Equality data: for the fairness report, never for scores.")
CohortName = Annotated[str, typer.Argument(metavar="COHORT")]
By = Annotated[str, typer.Option(help="Who does it, for the audit trail.")]


@group.command("add")
def add(
    cohort: CohortName,
    file: Annotated[
        Path, typer.Argument(metavar="FILE.csv", help="participant, and a column for each characteristic.")
    ],
    who: Annotated[Who, typer.Option(help="Whom the file is about; its first column's name.")] = Who.PARTICIPANT,
    by: By = "coordinator",
) -> None:
    """Take equality data over from a file. It replaces what was known of those in it; a blank cell takes back."""
    db = ready().db
    with db.read() as connection:
        definition_of(connection, CohortId(cohort))
        known = known_people(connection, CohortId(cohort), who)
    found = read_equality(file, who, known)
    with db.write() as uow:
        kept = keep(uow, CohortId(cohort), who, found.stated, actor=by)
    names = ", ".join(sorted(found.stated))
    say(f"{kept} statement(s) kept: {names}. Only `talentline fairness {cohort}` reads them.")


@group.command("list")
def list_(cohort: CohortName, as_json: AsJson = False) -> None:
    """Which characteristics are known, and of how many people. Never who said what."""
    with ready().db.read() as connection:
        definition_of(connection, CohortId(cohort))
        known = stated(connection, CohortId(cohort))
    rows = [
        {"characteristic": name, "who": str(who), "stated": len(groups)}
        for name, by_who in known.items()
        for who, groups in sorted(by_who.items())
    ]
    if as_json:
        show({"cohort": cohort, "equality": rows})
        return
    lines = (tuple(row.values()) for row in rows)
    table("Equality data", ("characteristic", "whose", "stated by"), lines, empty="None is kept.")


@group.command("delete")
def delete(
    cohort: CohortName,
    people: Annotated[
        list[str] | None, typer.Argument(metavar="[ID…]", help="Whose; without any: everybody's.")
    ] = None,
    characteristic: Annotated[str | None, typer.Option(metavar="NAME", help="Only this characteristic.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Everybody's, where no id is named.")] = False,
    by: By = "coordinator",
) -> None:
    """Delete equality data for good. Nothing else changes: no result rests on them."""
    if not people and not every:
        complain("Name whose data, or say --all for everybody's.")
        raise typer.Exit(2)
    if people and every:
        complain("Either ids or --all.")
        raise typer.Exit(2)
    with ready().db.write() as uow:
        definition_of(uow.connection, CohortId(cohort))
        gone = erase(uow, CohortId(cohort), actor=by, people=people or (), characteristic=characteristic)
    say(f"{gone} statement(s) deleted. Backups made before hold them until they are deleted too.")
