"""`talentline pool …`: the talent pool, proposals and decisions."""

from typing import Annotated

import typer

from deploy.cli.access import ready
from deploy.cli.output import AsJson, say, show, table
from services.reporting import commands, store
from services.reporting.core.pool import Decision
from shared.ids import CohortId, ParticipantId

group = typer.Typer(no_args_is_help=True, help="Talent-pool records.")


@group.command("list")
def list_(
    level: Annotated[str | None, typer.Option(help="Only this level, such as local or regional.")] = None,
    cohort: Annotated[str | None, typer.Option(help="Only this cohort.")] = None,
    as_json: AsJson = False,
) -> None:
    """The pool's records: level as agreed, readiness as proposed, status as decided."""
    with ready().db.read() as connection:
        records = store.pool_of(connection, level=level, cohort=CohortId(cohort) if cohort else None)
    if as_json:
        show({"records": [record.shown() for record in records]})
        return
    lines = ((r.participant, r.cohort, r.level, r.readiness, r.status, r.review_on, r.expires_on) for r in records)
    columns = ("participant", "cohort", "level", "readiness (our rule)", "status", "review", "expires")
    table("Talent pool", columns, lines, empty="The pool has no record that fits.")


@group.command("decide")
def decide(
    participant: Annotated[str, typer.Argument(metavar="PARTICIPANT")],
    level: Annotated[str, typer.Argument(metavar="LEVEL")],
    decision: Annotated[Decision, typer.Argument(metavar="admit|defer|decline")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="The person who decides.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")],
    cohort: Annotated[str | None, typer.Option(help="Needed when several cohorts have this participant.")] = None,
) -> None:
    """Decide a proposal: a named person, with a reason."""
    with ready().db.write() as uow:
        record = commands.decide(
            uow,
            ParticipantId(participant),
            level,
            decision,
            by=by,
            reason=reason,
            cohort=CohortId(cohort) if cohort else None,
        )
    say(f"{record.participant} ({record.level}): {record.status}.")
