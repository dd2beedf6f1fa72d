"""`talentline connection register`: the webhook at the survey tool, made by its API or by a person who is told how."""

from typing import Annotated

import typer

from deploy.cli.access import ready
from deploy.cli.connection_add import CohortName, Name
from deploy.cli.output import AsJson, complain, say, show
from deploy.composition import Installation
from services.intake import commands
from services.intake.core.errors import Unreadable
from services.intake.core.polling import Polled
from services.intake.core.registering import SECRET, Guide, Outcome, Registered, Registrar, Steps
from shared.cohort.store import definition_of
from shared.errors import TalentlineError
from shared.http_client import HttpClient
from shared.ids import CohortId

WORDS = {
    Outcome.MADE: "webhook made",
    Outcome.CHANGED: "webhook brought into line",
    Outcome.UNCHANGED: "webhook is there already; left alone",
}


def register(
    cohort: CohortName,
    connection: Name,
    form: Annotated[list[str] | None, typer.Option(help="Only this form; default: those that are mapped.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also where it looks right, such as after the secret was changed.")
    ] = False,
    show_secret: Annotated[bool, typer.Option("--show-secret", help="Print the secret where it belongs.")] = False,
    by: Annotated[str, typer.Option(help="Who does it, for the audit trail.")] = "coordinator",
    as_json: AsJson = False,
) -> None:
    """Make the webhook at the survey tool where its API can; elsewhere print the steps and the exact text to paste."""
    installation = ready()
    with installation.db.read() as db:
        definition = definition_of(db, CohortId(cohort))
    there = commands.connected(installation.intake, definition, connection)
    forms = form or there.forms
    _check(installation, there, forms)
    results = [_registered(installation, there, each, again=again, by=by) for each in forms]
    if as_json:
        show(
            {
                "registered": [
                    _shown(there, each, result, show_secret=show_secret)
                    for each, result in zip(forms, results, strict=True)
                ]
            }
        )
    else:
        for each, result in zip(forms, results, strict=True):
            _print(there, each, result, show_secret=show_secret)
    if any(isinstance(result, str) for result in results):
        raise typer.Exit(1)


def _check(installation: Installation, there: commands.Connected, forms: object) -> None:
    """Ends the command with the cure if nothing could come of it."""
    address, vendor = installation.settings.address, there.vendor
    if isinstance(vendor, Polled):
        say(vendor.steps(there.wanted(address, "")).lines[0])
        raise typer.Exit
    problems = []
    unreachable = f"{address} can't be reached by a survey tool; set TALENTLINE_BASE_URL to the door's https address"
    if not forms:
        problems.append("no form is mapped yet; add its fields to programme/form_fields.csv, or name it with --form")
    if not address.startswith("https://"):
        if isinstance(vendor, Registrar):
            problems.append(unreachable)
        else:  # a tool on this machine might
            complain(f"note: {unreachable}.")
    if there.needs_secret and not there.secrets.each and not (isinstance(vendor, Guide) and vendor.chooses_secret):
        problems.append(f"{there.secret_env} is not set; set it to the connection's secret here as for the web door")
    for problem in problems:
        complain(f"{there.name}: {problem}.")
    if problems:
        raise typer.Exit(1)


def _registered(
    installation: Installation, there: commands.Connected, form: str, *, again: bool, by: str
) -> Registered | Steps | str:
    """What became of it; in words, why it could not be done."""
    settings = installation.intake
    client = HttpClient(timeout=settings.fetch_timeout, max_bytes=settings.fetch_max_bytes)
    wanted = there.wanted(installation.settings.address, form, anew=again)
    try:
        made = commands.register(client, there, wanted)
    except Unreadable as error:
        return error.reason.words
    except TalentlineError as error:
        return f"{error}; check {there.secret_env}_TOKEN and its rights"
    if isinstance(made, Registered):
        with installation.db.write() as uow:
            commands.keep_registered(uow, there, wanted, made, actor=by)
    return made


def _print(there: commands.Connected, form: str, result: Registered | Steps | str, *, show_secret: bool) -> None:
    if isinstance(result, str):
        complain(f"form {form}: {result}.")
    elif isinstance(result, Registered):
        until = f"; the tool ends it at {result.until}, workers renew it before" if result.until else ""
        say(f"form {form}: {WORDS[result.outcome]}{until}")
        if result.secret:
            say(f"  {there.vendor_name} has chosen the secret, and shows it this once. Set it for the web door:")
            say(f"  export {there.secret_env}={result.secret}")
    else:
        for line in result.lines:
            say(_filled(line, there, show_secret=show_secret))
        for paste in result.pastes:
            say(f"--- {paste.name}")
            say(_filled(paste.text, there, show_secret=show_secret))
        say("---")


def _shown(
    there: commands.Connected, form: str, result: Registered | Steps | str, *, show_secret: bool
) -> dict[str, object]:
    if isinstance(result, str):
        return {"form": form, "outcome": "failed", "why": result}
    if isinstance(result, Registered):
        return {"form": form, "outcome": str(result.outcome), "until": result.until, "secret": result.secret or None}
    pastes = [{"name": p.name, "text": _filled(p.text, there, show_secret=show_secret)} for p in result.pastes]
    steps = [_filled(line, there, show_secret=show_secret) for line in result.lines]
    return {"form": form, "outcome": "by_hand", "steps": steps, "paste": pastes}


def _filled(text: str, there: commands.Connected, *, show_secret: bool) -> str:
    """The text with the secret in it, or with where it is to be found."""
    secret = next(iter(there.secrets.each), "")
    return text.replace(SECRET, secret if show_secret else f"(the value of {there.secret_env})")
