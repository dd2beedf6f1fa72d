"""`talentline deliveries …`: events on their way to a service, and those that could not be delivered."""

from typing import Annotated

import sqlalchemy as sa
import typer

from deploy.cli.access import ready
from deploy.cli.output import AsJson, Timeout, Wait, complain, followed, say, show, table
from shared.bus import deliveries, events
from shared.delivery import replay
from shared.ids import CorrelationId, DeliveryId
from shared.outbox import audited

group = typer.Typer(no_args_is_help=True, help="Events on their way to a service.")


@group.command("list")
def list_(
    parked: Annotated[bool, typer.Option("--parked", help="Only those that need a person.")] = False,
    as_json: AsJson = False,
) -> None:
    """What is not done yet, and why."""
    d = deliveries.c
    query = (
        sa.select(
            d.id,
            d.service,
            events.c.name.label("event"),
            d.state,
            d.attempts,
            d.crashes,
            d.due_at,
            d.last_error,
            events.c.correlation,
        )
        .join(events, events.c.id == d.event)
        .where(d.state == "parked" if parked else d.state != "done")
        .order_by(d.id)
    )
    with ready().db.read() as connection:
        rows = connection.execute(query).mappings().all()
    if as_json:
        shown = [{**row, "due_at": row["due_at"].isoformat()} for row in rows]
        show({"deliveries": shown})
        return
    columns = ("id", "service", "event", "state", "attempts", "last_error")
    lines = ([row[column] for column in columns] for row in rows)
    table("Deliveries", columns, lines, empty="Nothing is parked." if parked else "Everything is delivered.")


@group.command("retry")
def retry(
    ids: Annotated[list[int], typer.Argument(metavar="ID…")],
    wait: Wait = True,
    timeout: Timeout = 60.0,
    by: Annotated[str, typer.Option(help="Who does it, for the audit trail.")] = "coordinator",
) -> None:
    """Deliver parked events again, once their cause is mended."""
    db = ready().db
    with db.write() as uow:
        again = replay(uow, [DeliveryId(each) for each in ids])
        for each in again:
            audited(uow, actor=by, action="delivery.retry", subject=str(each))
        query = (
            sa.select(events.c.correlation)
            .join(deliveries, deliveries.c.event == events.c.id)
            .where(deliveries.c.id.in_(again))
        )
        chains = [CorrelationId(each) for each in uow.execute(query).scalars()]
    for missing in sorted(set(ids) - set(again)):
        complain(f"Delivery {missing} is not parked; `talentline deliveries list --parked` shows those that are.")
    say(f"{len(again)} delivery(ies) will be tried again.")
    progress = followed(db, chains, timeout, "deliveries") if wait and chains else None
    if len(again) < len(set(ids)) or (progress is not None and (progress.parked or not progress.settled)):
        raise typer.Exit(1)
