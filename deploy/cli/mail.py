"""`talentline mail …`: how far each mail has come, and what a person decides about one refused or in doubt."""

from datetime import datetime
from typing import Annotated, Any

import typer

from deploy.cli.access import ready
from deploy.cli.output import AsJson, Timeout, Wait, complain, followed, say, show, table
from services.reporting import mail, store
from services.reporting.core.mail import known, to_do
from services.reporting.core.release import MessageState
from services.reporting.store.mails import Mail, deeds, mails
from shared.cohort.store import definition_of
from shared.db import Cause
from shared.ids import CohortId, CorrelationId, ParticipantId, new_id

group = typer.Typer(no_args_is_help=True, help="Mails: how far each has come, and those that need a person.")

SomeCohort = Annotated[str | None, typer.Argument(metavar="[COHORT]", help="Default: all.")]
CohortName = Annotated[str, typer.Argument(metavar="COHORT")]
ParticipantName = Annotated[str, typer.Argument(metavar="PARTICIPANT")]
By = Annotated[str, typer.Option(help="Who does it, for the audit trail.")]


@group.command("list")
def list_(
    cohort: SomeCohort = None,
    state: Annotated[MessageState | None, typer.Option(help="Only those in this state.")] = None,
    as_json: AsJson = False,
) -> None:
    """Every mail, how far it has come, and what is to be done about it."""
    with ready().db.read() as connection:
        found = mails(connection, _known(connection, cohort))
    _shown("Mails", [each for each in found if state in {None, each.state}], as_json, empty="No mail was made yet.")


@group.command("held")
def held(cohort: SomeCohort = None, as_json: AsJson = False) -> None:
    """The mails that wait for a person: refused for good, or in doubt without a proof."""
    with ready().db.read() as connection:
        found = mail.held(connection, _known(connection, cohort))
    _shown("Mails that need a person", found, as_json, empty="No mail needs a person.")


@group.command("show")
def show_one(cohort: CohortName, participant: ParticipantName, as_json: AsJson = False) -> None:
    """A participant's latest mail: what is known of it, since when, what to do, and who did what about it."""
    with ready().db.read() as connection:
        found = mail.latest(connection, CohortId(cohort), ParticipantId(participant))
        history = deeds(connection, found)
    if as_json:
        done = [{"at": _moment(d.at), "actor": d.actor, "action": d.action, "reason": d.reason} for d in history]
        show({**_row(found), "history": done})
        return
    for name, value in _row(found).items():
        if value is not None:
            say(f"{name.replace('_', ' '):15} {value}")
    for deed in history:
        say(f"{_moment(deed.at)}  {deed.action} by {deed.actor}  {deed.reason}".rstrip())


@group.command("mark-sent")
def mark_sent(
    cohort: CohortName,
    participant: ParticipantName,
    by: Annotated[str, typer.Option(help="Who knows that it arrived.")],
    reason: Annotated[str, typer.Option(help="How they know.")],
) -> None:
    """Say that a mail in doubt has arrived: it counts as sent."""
    with ready().db.write() as uow:
        outcome = mail.mark_sent(uow, CohortId(cohort), ParticipantId(participant), by=by, reason=reason)
    if not outcome.done:
        complain(f"{participant}: {outcome.words}")
        raise typer.Exit(1)
    say(f"{participant}: {outcome.words}")


@group.command("send-again")
def send_again(
    cohort: CohortName,
    participants: Annotated[list[str], typer.Argument(metavar="PARTICIPANT…")],
    by: By = "coordinator",
    reason: Annotated[str, typer.Option(help="Why, for the audit trail.")] = "",
    wait: Wait = True,
    timeout: Timeout = 120.0,
) -> None:
    """Send mails again that were refused or are in doubt, to the address that the roster has now."""
    db, chain = ready().db, CorrelationId(new_id())
    chosen = [ParticipantId(each) for each in participants]
    with db.write(Cause(chain)) as uow:
        outcomes = mail.send_again(uow, CohortId(cohort), chosen, by=by, reason=reason)
    for outcome in outcomes:
        (say if outcome.done else complain)(f"{outcome.participant}: {outcome.words}")
    is_any = any(outcome.done for outcome in outcomes)
    progress = followed(db, [chain], timeout, "mails") if wait and is_any else None
    if not all(outcome.done for outcome in outcomes) or (progress and (progress.parked or not progress.settled)):
        raise typer.Exit(1)


def _known(connection: store.Connection, cohort: str | None) -> CohortId | None:
    """The cohort, if one is named. Raises UnknownCohort."""
    if cohort is None:
        return None
    return CohortId(definition_of(connection, CohortId(cohort)).cohort)


def _shown(title: str, found: list[Mail], as_json: bool, *, empty: str) -> None:
    if as_json:
        show({"mails": [_row(each) for each in found]})
        return
    columns = ("cohort", "participant", "revision", "state", "since", "known", "to do")
    lines = ([_row(each)[column.replace(" ", "_")] for column in columns] for each in found)
    table(title, columns, lines, empty=empty)


def _row(found: Mail) -> dict[str, Any]:
    return {
        "cohort": found.cohort,
        "participant": found.participant,
        "revision": found.revision,
        "message_id": found.message_id,
        "state": found.state.value,
        "since": _moment(found.since),
        "known": known(found.state, found.words),
        "to_do": to_do(found.state, found.cohort, found.participant),
        "attempts": found.attempts,
        "channel": found.channel,
        "handed_over_at": _moment(found.handed_over_at),
        "next_look_at": _moment(found.next_look_at),
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
