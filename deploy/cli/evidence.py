"""`talentline submit` and `talentline quarantine …`: evidence by hand, and what could not be understood."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.access import ready
from deploy.cli.output import AsJson, Timeout, Wait, complain, followed, say, show, table
from services.intake import commands, store
from shared.cohort.store import definition_of
from shared.db import Cause
from shared.ids import CohortId, CorrelationId, SubmissionId, new_id

quarantine = typer.Typer(no_args_is_help=True, help="Submissions that could not be understood yet.")


def submit(
    cohort: Annotated[str, typer.Argument(metavar="COHORT")],
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", exists=True, dir_okay=False, help="Score sheets, marks.")
    ],
    wait: Wait = True,
    timeout: Timeout = 60.0,
    by: Annotated[str, typer.Option(help="Who does it, for the audit trail.")] = "coordinator",
) -> None:
    """Submit score sheets (XLSX or CSV) and marks (CSV). A file with mistakes is refused whole."""
    db = ready().db
    chains: list[CorrelationId] = []
    refused = 0
    for file in files:
        chain = CorrelationId(new_id())
        try:
            with db.write(Cause(chain)) as uow:
                definition = definition_of(uow.connection, CohortId(cohort))
                accepted = commands.submit_file(uow, definition, file.name, file.read_bytes(), actor=by)
        except commands.Refused as error:
            refused += 1
            complain(f"{file.name}: refused, nothing of it counts until it is corrected:")
            for mistake in error.mistakes:
                complain(f"  {mistake}")
            continue
        say(f"{file.name}: {accepted.summary}" + ("" if accepted.new else " (received before; counted once)"))
        chains.append(chain)
    settled = not (wait and chains) or followed(db, chains, timeout, "evidence").settled
    if refused or not settled:
        raise typer.Exit(1)


@quarantine.command("list")
def list_(
    cohort: Annotated[str | None, typer.Option(help="Only this cohort.")] = None, as_json: AsJson = False
) -> None:
    """What is in quarantine, and why."""
    with ready().db.read() as connection:
        rows = store.quarantined(connection, CohortId(cohort) if cohort else None)
    if as_json:
        found = [
            {
                "id": q.id,
                "connection": q.connection,
                "reason": q.reason,
                "code": q.code,
                "cohort": q.cohort,
                "received_at": q.received_at.isoformat(),
            }
            for q in rows
        ]
        show({"quarantined": found})
        return
    lines = ((q.id, q.connection, f"{q.received_at:%Y-%m-%d %H:%M}", q.reason) for q in rows)
    table("Quarantine", ("id", "connection", "received", "reason"), lines, empty="Nothing is in quarantine.")


@quarantine.command("show")
def show_(id_: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """One submission in quarantine: why, and what to do."""
    with ready().db.read() as connection:
        detail = store.quarantined_one(connection, SubmissionId(id_))
    if detail is None:
        complain(f"Submission {id_} is not in quarantine; `talentline quarantine list` shows what is.")
        raise typer.Exit(1)
    if as_json:
        show(detail.shown())
        return
    for key, value in detail.shown().items():
        say(f"{key:<14} {value}")


@quarantine.command("retry")
def retry(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID…]", help="Default: all of them.")] = None,
    wait: Wait = True,
    timeout: Timeout = 60.0,
    by: Annotated[str, typer.Option(help="Who does it, for the audit trail.")] = "coordinator",
) -> None:
    """Read them again, after roster or mapping was put right."""
    db = ready().db
    chain = CorrelationId(new_id())
    with db.write(Cause(chain)) as uow:
        again = commands.retry(uow, [SubmissionId(each) for each in ids] if ids else None, actor=by)
    unknown = set(ids or ()) - set(again)
    for each in sorted(unknown):
        complain(f"Submission {each} is not in quarantine; `talentline quarantine list` shows what is.")
    progress = followed(db, [chain], timeout, "quarantine") if wait and again else None
    with db.read() as connection:
        left = {q.id: q for q in store.quarantined(connection)}
    for each in again:
        say(f"{each}: {'still in quarantine: ' + left[each].reason if each in left else 'read again'}")
    if not again:
        say("Nothing is in quarantine." if not ids else "Nothing was retried.")
    if unknown or (progress is not None and not progress.settled):
        raise typer.Exit(1)
