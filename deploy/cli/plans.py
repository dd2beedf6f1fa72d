"""`talentline plan …`: personal development plans."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.access import ready
from deploy.cli.output import AsJson, Timeout, Wait, complain, followed, say, show, table
from services.reporting import commands, store
from shared.cohort.store import definition_of
from shared.db import Cause
from shared.ids import CohortId, CorrelationId, ParticipantId, new_id

group = typer.Typer(no_args_is_help=True, help="Personal development plans.")
CohortName = Annotated[str, typer.Argument(metavar="COHORT")]


@group.command("list")
def list_(cohort: CohortName, as_json: AsJson = False) -> None:
    """Every plan: what was sent, what waits. `pdf` is a copy under DATA_DIR, made when it is listed."""
    installation = ready()
    with installation.db.read() as connection:
        definition_of(connection, CohortId(cohort))
        plans = store.plans_of(connection, CohortId(cohort))
        folder = installation.settings.data_dir / "plans" / cohort
        files = {plan: _written(connection, CohortId(cohort), plan, folder) for plan in plans}
    if as_json:
        rows = [
            {
                "participant": plan.participant,
                "pdf": str(files[plan].resolve()),
                "sent": plan.sent,
                "message_id": plan.message_id,
                "revision": plan.revision,
                "state": plan.state,
                "waiting": plan.waiting,
            }
            for plan in plans
        ]
        show({"cohort": cohort, "plans": rows})
        return
    lines = ((p.participant, p.revision, p.state, p.message_id or "", p.waiting or "", files[p]) for p in plans)
    columns = ("participant", "revision", "state", "message id", "waits for", "pdf")
    table(f"Plans of {cohort}", columns, lines, empty="No plan yet: plans follow scores.")


@group.command("export")
def export(
    cohort: CohortName, to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where the PDFs go.")]
) -> None:
    """Write every plan as PDF into a folder, drafts included."""
    with ready().db.read() as connection:
        definition_of(connection, CohortId(cohort))
        plans = store.plans_of(connection, CohortId(cohort))
        for plan in plans:
            say(str(_written(connection, CohortId(cohort), plan, to)))
    say(f"{len(plans)} plan(s) written to {to}.")


@group.command("release")
def release(
    cohort: CohortName,
    participants: Annotated[list[str] | None, typer.Argument(metavar="[PARTICIPANT…]", help="Default: all.")] = None,
    wait: Wait = True,
    timeout: Timeout = 120.0,
    by: Annotated[str, typer.Option(help="Who does it, for the audit trail.")] = "coordinator",
) -> None:
    """Let plans go out that wait for it: after the debrief, or revised ones."""
    db = ready().db
    chain = CorrelationId(new_id())
    chosen = [ParticipantId(each) for each in participants] if participants else None
    with db.write(Cause(chain)) as uow:
        outcomes = commands.release(uow, CohortId(cohort), chosen, by)
    for outcome in outcomes:
        say(f"{outcome.participant}: {outcome.words}")
    if not outcomes:
        say("No plan waits for a release.")
    released = any(outcome.released for outcome in outcomes)
    progress = followed(db, [chain], timeout, "plans") if wait and released else None
    refused = [outcome for outcome in outcomes if not outcome.released]
    if refused:
        complain(f"{len(refused)} plan(s) were not released.")
    if refused or (progress is not None and (progress.parked or not progress.settled)):
        raise typer.Exit(1)


def _written(connection: store.Connection, cohort: CohortId, plan: store.PlanRow, folder: Path) -> Path:
    """A plan's PDF in a folder: the very bytes that were mailed, or a draft printed now."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = "" if plan.state != "draft" else "-draft"
    file = folder / f"{plan.participant}-{plan.revision}{draft}.pdf"
    if draft or not file.exists():
        file.write_bytes(commands.plan_pdf(connection, cohort, plan.participant, plan.revision))
    return file
