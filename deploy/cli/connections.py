"""`talentline connection …`: the survey tools that feed a cohort."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from deploy.cli import connection_add, connection_probe, connection_register
from deploy.cli.access import ready
from deploy.cli.output import AsJson, Timeout, Wait, complain, say, show
from deploy.composition import Installation
from services.intake import commands, store
from services.intake.core.polling import Polled, Poller
from services.intake.core.silence import Window, silence, span
from services.scoring import store as scoring
from shared import clock
from shared.cohort.definition import CohortDefinition
from shared.cohort.store import cohorts_open, definition_of
from shared.db import Database
from shared.ids import CohortId
from shared.words import Instrument

group = typer.Typer(no_args_is_help=True, help="The survey tools that feed a cohort.")
group.command("add")(connection_add.add)
group.command("test")(connection_probe.probe)
group.command("register")(connection_register.register)
LOOK_S = 0.2


@group.command("list")
def list_(
    cohort: Annotated[str | None, typer.Argument(metavar="[COHORT]", help="Default: every cohort.")] = None,
    as_json: AsJson = False,
) -> None:
    """What each connection brought, what fails on it, and which look silent."""
    installation = ready()
    with installation.db.read() as connection:
        wanted = [CohortId(cohort)] if cohort else cohorts_open(connection)
        rows = []
        for each in wanted:
            definition = definition_of(connection, each)
            people = scoring.status_of(connection, definition)
            done = bool(people) and all(person.complete for person in people)
            for name in definition.connections:
                there = commands.connected(installation.intake, definition, name)
                standing = store.standing_of(connection, each, name)
                rows.append(_row(installation, definition, there, standing, is_done=done))
    if as_json:
        show({"connections": rows})
        return
    for row in rows:
        for line in _lines(row):
            say(line)
    if not rows:
        say("No cohort has a connection.")


def _row(
    installation: Installation,
    definition: CohortDefinition,
    there: commands.Connected,
    standing: store.Standing,
    *,
    is_done: bool,
) -> dict[str, Any]:
    """What is known of a connection, as it is printed with --json."""
    now = clock.now()
    window = Window(definition.start_of(definition.opens), definition.end_of(definition.closes), now)
    polled = [standing.pages_at] if standing.pages_at and isinstance(there.vendor, Polled) else []
    arrivals = [*standing.arrivals, *polled]
    last = max(standing.arrivals, default=None)
    parked, failing = (
        [{"why": words, "count": count} for words, count in store.counted(standing.troubles, parked=each)]
        for each in (True, False)
    )
    return {
        "cohort": definition.cohort,
        "connection": there.name,
        "vendor": there.vendor_name,
        "instrument": str(definition.connections[there.name].instrument),
        "address": f"{installation.settings.address}/webhooks/{there.name}",
        "forms": list(there.forms),
        "last_at": last.isoformat() if last else None,
        "age_seconds": _age(now, last),
        "asked_at": standing.pages_at.isoformat() if standing.pages_at else None,
        "asked_age_seconds": _age(now, standing.pages_at),
        "submissions": dict(standing.counts),
        "repeats": standing.repeats,
        "refused": [{"reason": r.reason, "count": r.count, "last_at": r.last_at.isoformat()} for r in standing.refused],
        "parked": parked,
        "failing": failing,
        "silent": None if is_done else silence(arrivals, window),
        "backfill": [_poll(each) for each in standing.polls],
        "renewals": {form: at.isoformat() for form, at in sorted(standing.renewals.items())},
        "secret_env": there.secret_env,
        "secret_set": bool(there.secrets.each),
        "token_set": there.token is not None,
        "token_used": bool(there.vendor.api_hosts),
        "secret_used": there.needs_secret,
    }


def _age(now: datetime, moment: datetime | None) -> int | None:
    return None if moment is None else round((now - moment).total_seconds())


def _poll(poll: store.Poll) -> dict[str, Any]:
    return {
        "form": poll.place.form,
        "ended_at": poll.ended_at.isoformat() if poll.ended_at else None,
        "news": poll.news,
        "under_way": store.is_under_way(poll),
        "failing": poll.reason if poll.failed_at else None,
    }


def _lines(row: dict[str, Any]) -> Iterator[str]:
    """A connection in a few lines, what needs a person last."""
    instrument = Instrument(row["instrument"]).label
    yield f"{row['connection']}: {instrument} of {row['cohort']} by {row['vendor']}"
    yield f"  address    {row['address']}"
    yield f"  forms      {', '.join(row['forms']) or 'none is mapped'}"
    yield f"  last       {_ago(row['age_seconds'])}" + (
        f"; by asking {_ago(row['asked_age_seconds'])}" if row["asked_age_seconds"] is not None else ""
    )
    counts = [f"{count} {state.replace('_', ' ')}" for state, count in sorted(row["submissions"].items())]
    yield f"  taken      {', '.join(counts) or 'nothing'}" + (f", {row['repeats']} again" if row["repeats"] else "")
    yield f"  set        {_set(row) or 'needs neither secret nor token'}"
    for form, at in row["renewals"].items():
        yield f"  renewed    webhook of form {form}, next at {datetime.fromisoformat(at):%Y-%m-%d %H:%M} UTC"
    for problem in _problems(row):
        yield f"  PROBLEM    {problem}"


def _ago(seconds: int | None) -> str:
    return "never" if seconds is None else f"{span(timedelta(seconds=seconds))} ago"


def _problems(row: dict[str, Any]) -> list[str]:
    refused = [f"refused at the door: {each['count']} × {each['reason']}" for each in row["refused"]]
    parked = [f"parked: {each['count']} × {each['why']}" for each in row["parked"]]
    failing = [f"failing, tried again: {each['count']} × {each['why']}" for each in row["failing"]]
    polls = [f"back-fill of form {each['form']}: {each['failing']}" for each in row["backfill"] if each["failing"]]
    no_secret = row["secret_used"] and not row["secret_set"]
    unset = [f"{row['secret_env']} is not set here: deliveries are refused"] if no_secret else []
    silent = [f"looks silent: {row['silent']}"] if row["silent"] else []
    return [*silent, *unset, *refused, *parked, *failing, *polls]


def _set(row: dict[str, Any]) -> str:
    secret = ("secret" if row["secret_set"] else "no secret") if row["secret_used"] else ""
    token = ("API token" if row["token_set"] else "no API token") if row["token_used"] else ""
    return ", ".join(filter(None, (secret, token)))


@group.command("backfill")
def backfill(
    cohort: connection_add.CohortName,
    connection: connection_add.Name,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"], help="From then on (UTC); default: what is new."),
    ] = None,
    wait: Wait = True,
    timeout: Timeout = 600.0,
    by: Annotated[str, typer.Option(help="Who does it, for the audit trail.")] = "coordinator",
) -> None:
    """Ask the survey tool for responses, and take in what its webhooks missed. Workers do so by themselves as well."""
    installation = ready()
    db = installation.db
    with db.write() as uow:
        there = commands.connected(installation.intake, definition_of(uow.connection, CohortId(cohort)), connection)
        commands.backfill(uow, there, since=since and since.replace(tzinfo=UTC), actor=by)
    if since is not None and isinstance(there.vendor, Poller) and there.vendor.starting(clock.now()) is None:
        complain(f"note: {there.vendor_name} can't be asked from a moment on; it is asked from the beginning.")
    if there.token is None:
        complain(f"note: {there.secret_env}_TOKEN is not set here; the workers need it.")
    if not wait:
        say(f"{connection}: asked for {len(there.forms)} form(s); `talentline connection list` shows what came.")
        return
    polls = _awaited(db, there, timeout)
    for poll in polls:
        say(f"form {poll.place.form}: {_told(poll)}")
    if any(store.is_under_way(poll) for poll in polls):
        complain(
            "Not through yet; nothing is lost. Is a worker running? `talentline connection list` shows how far it is."
        )
    if any(store.is_under_way(poll) or poll.failed_at for poll in polls):
        raise typer.Exit(1)


def _awaited(db: Database, there: commands.Connected, timeout: float) -> list[store.Poll]:
    deadline = time.monotonic() + timeout
    while True:
        with db.read() as connection:
            polls = [p for p in store.polls_of(connection, there.cohort, there.name) if p.place.form in there.forms]
        if time.monotonic() > deadline or not any(store.is_under_way(poll) for poll in polls):
            return polls
        time.sleep(LOOK_S)


def _told(poll: store.Poll) -> str:
    if poll.failed_at is not None:
        return f"failed: {poll.reason}"
    many = f"{poll.pages} page(s), {poll.news} response(s) that were not known"
    return f"under way; {many} so far" if store.is_under_way(poll) else many
