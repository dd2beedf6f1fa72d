"""`talentline deliveries …`: events on their way to a service, and those that could not be delivered."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer

from deploy.cli.access import ready
from deploy.cli.explaining import explained
from deploy.cli.output import AsJson, Timeout, Wait, complain, followed, say, show, table
from shared.chains import OPEN, Standing, Whereabouts, correlations_of, listed, whereabouts_of
from shared.db import Database
from shared.ids import CorrelationId, DeliveryId
from shared.parked import discarded, retried
from shared.words import ParkReason

group = typer.Typer(no_args_is_help=True, help="Events on their way to a service.")
AT_ONCE = 500
"""Deliveries that are retried in one transaction."""
BRIEF = ("id", "service", "event", "state", "reason", "attempts", "crashes", "due_at", "last_error", "correlation")
Id = Annotated[int, typer.Argument(metavar="ID")]
By = Annotated[str, typer.Option(help="Who does it, for the audit trail.")]
Reason = Annotated[ParkReason | None, typer.Option(help="Only those that are parked for this reason.")]
EventName = Annotated[str | None, typer.Option("--event", help="Only those of this event, by its wire name.")]


@group.command("list")
def list_(
    parked: Annotated[bool, typer.Option("--parked", help="Only those that need a person.")] = False,
    aside: Annotated[bool, typer.Option("--discarded", help="Only those that were discarded.")] = False,
    reason: Reason = None,
    event: EventName = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the oldest.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """What is not done yet, and why."""
    states = ("discarded",) if aside else ("parked",) if parked or reason else OPEN
    with ready().db.read() as connection:
        rows = listed(connection, states, reason=reason, event=event, limit=limit)
    if as_json:
        show({"deliveries": [_shown(row, BRIEF) for row in rows]})
        return
    lines = ((r.id, r.service, r.event, r.state, r.reason, r.attempts, r.last_error) for r in rows)
    columns = ("id", "service", "event", "state", "reason", "attempts", "last error")
    table("Deliveries", columns, lines, empty=_none(states))
    if len(rows) == limit:
        say(f"These are the first {limit}; --limit shows more.")


def _none(states: Sequence[str]) -> str:
    return {OPEN: "Everything is delivered.", ("parked",): "Nothing is parked."}.get(tuple(states), "None.")


@group.command("show")
def show_(id_: Id, as_json: AsJson = False) -> None:
    """One delivery with its whole chain: what led to it, from the webhook on, and what followed."""
    found = _found(id_)
    if as_json:
        show(_document(found))
        return
    for key, value in _shown(found.delivery).items():
        say(f"{key:<14} {'' if value is None else value}")
    lines = (
        (
            f"{link.occurred_at:%Y-%m-%d %H:%M:%S}",
            link.event,
            each["id"],
            each["service"],
            each["state"],
            each["attempts"],
        )
        for link in found.chain
        for each in (link.deliveries or ({"id": "", "service": "", "state": "", "attempts": ""},))
    )
    table("Chain", ("at", "event", "delivery", "service", "state", "attempts"), lines, empty="")
    if found.more:
        say(f"and {found.more} more event(s)")
    for timer in found.timers:
        say(f"waits until {timer['due_at']:%Y-%m-%d %H:%M} for {timer['event']}")
    for each in found.decisions:
        say(f"{each['at']:%Y-%m-%d %H:%M} {each['action']} by {each['actor']}: {each['why'] or ''}")


@group.command("explain")
def explain(id_: Id, as_json: AsJson = False) -> None:
    """Why a delivery is where it is, what happens next, and what a person can do."""
    found = _found(id_)
    words = explained(found)
    if as_json:
        document = {"id": id_, "state": found.delivery.state, "reason": found.delivery.reason}
        show({**document, "why": words.why, "next": words.then, "can": list(words.can)})
        return
    say(f"Delivery {id_} of {found.delivery.event} to {found.delivery.service}: {found.delivery.state}.")
    say(f"Why   {words.why}\nNext  {words.then}")
    for each in words.can:
        say(f"Can   {each}")


@group.command("retry")
def retry(
    ids: Annotated[list[int] | None, typer.Argument(metavar="[ID…]")] = None,
    reason: Reason = None,
    event: EventName = None,
    wait: Wait = True,
    timeout: Timeout = 60.0,
    by: By = "coordinator",
    why: Annotated[str, typer.Option(help="Why it should work now, for the audit trail.")] = "the cause is mended",
) -> None:
    """Deliver parked events again, once their cause is mended: by id, or all of a reason or an event."""
    if bool(ids) == bool(reason or event):
        complain("Say which: by ID…, or all that are parked with --reason or --event.")
        raise typer.Exit(2)
    db = ready().db
    wanted = [DeliveryId(each) for each in ids or ()]
    if not wanted:
        with db.read() as connection:
            wanted = [row.id for row in listed(connection, ("parked",), reason=reason, event=event)]
    again, chains = _retried(db, wanted, by, why)
    _complain_of(set(wanted) - again if ids else set(), "neither parked nor discarded")
    say(f"{len(again)} delivery(ies) will be tried again.")
    progress = followed(db, chains, timeout, "deliveries") if wait and again else None
    if (ids and len(again) < len(set(ids))) or (progress is not None and (progress.parked or not progress.settled)):
        raise typer.Exit(1)


def _retried(
    db: Database, wanted: Sequence[DeliveryId], by: str, why: str
) -> tuple[set[DeliveryId], list[CorrelationId]]:
    """Those that are due again, and their chains."""
    again: set[DeliveryId] = set()
    chains: set[CorrelationId] = set()
    for start in range(0, len(wanted), AT_ONCE):
        with db.write() as uow:
            some = retried(uow, wanted[start : start + AT_ONCE], by=by, why=why)
            chains.update(correlations_of(uow.connection, some))
        again.update(some)
    return again, sorted(chains)


@group.command("discard")
def discard(
    ids: Annotated[list[int], typer.Argument(metavar="ID…")],
    because: Annotated[str, typer.Option(help="Why it can never work, for the audit trail. No names of people.")],
    by: By = "coordinator",
) -> None:
    """Lay parked deliveries aside that can never work: kept, shown, and no alarm any more."""
    if not because.strip():
        complain("Say why with --because: it is what the next person will read.")
        raise typer.Exit(2)
    db = ready().db
    with db.write() as uow:
        gone = discarded(uow, [DeliveryId(each) for each in ids], by=by, why=because.strip())
    _complain_of({DeliveryId(each) for each in ids} - set(gone), "not parked")
    say(f"{len(gone)} delivery(ies) discarded; `talentline deliveries list --discarded` shows them.")
    if len(gone) < len(set(ids)):
        raise typer.Exit(1)


def _found(id_: int) -> Whereabouts:
    with ready().db.read() as connection:
        found = whereabouts_of(connection, DeliveryId(id_))
    if found is None:
        complain(f"There is no delivery {id_}; `talentline deliveries list` shows what is not done yet.")
        raise typer.Exit(1)
    return found


def _complain_of(missing: set[DeliveryId], what: str) -> None:
    for each in sorted(missing):
        complain(f"Delivery {each} is {what}; `talentline deliveries show {each}` says what became of it.")


def _shown(row: Standing, keys: Sequence[str] | None = None) -> dict[str, Any]:
    return {key: _plain(value) for key, value in asdict(row).items() if keys is None or key in keys}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _document(found: Whereabouts) -> dict[str, Any]:
    def plain(row: Any) -> dict[str, Any]:
        return {key: _plain(value) for key, value in row.items()}

    chain = [{**plain(asdict(link)), "deliveries": [plain(each) for each in link.deliveries]} for link in found.chain]
    return {
        "delivery": _shown(found.delivery),
        "chain": chain,
        "more": found.more,
        "timers": [plain(each) for each in found.timers],
        "decisions": [plain(each) for each in found.decisions],
    }
