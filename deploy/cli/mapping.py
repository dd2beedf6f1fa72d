"""`talentline mapping …`: draft what a form's fields mean, look a mapping through, see what a change of it led to."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer

from deploy.cli.access import ready
from deploy.cli.mapping_words import draft_as_json, rereading_as_json, tell_draft, tell_rereading, write_draft
from deploy.cli.output import AsJson, complain, say, show, table
from deploy.composition import Installation
from services.intake import store
from services.intake.commands import mapping
from services.intake.core.errors import Unreadable
from services.intake.core.mapping.draft import drafted
from shared.cohort.store import definition_of
from shared.errors import TalentlineError
from shared.http_client import HttpClient
from shared.ids import CohortId, SubmissionId

group = typer.Typer(no_args_is_help=True, help="What the fields and answers of a form mean.")
CohortName = Annotated[str, typer.Argument(metavar="COHORT")]


@group.command("draft")
def draft(
    cohort: CohortName,
    connection: Annotated[str, typer.Argument(metavar="CONNECTION")],
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from", exists=True, dir_okay=False, help="A recorded delivery, a form's definition, or titles."
        ),
    ] = None,
    delivery: Annotated[str | None, typer.Option(help="A stored delivery's id, instead of the newest ones.")] = None,
    form: Annotated[str, typer.Option(help="The form's id, where nothing else says it.")] = "",
    to: Annotated[Path | None, typer.Option(help="Write the rows to this CSV file, and labels beside it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Propose what a form's fields and labels mean, for you to confirm. It changes nothing."""
    if from_ is not None and delivery is not None:
        raise mapping.NoForm("give either --from or --delivery, not both")
    installation = ready()
    with installation.db.read() as database:
        definition = definition_of(database, CohortId(cohort))
        drafting = mapping.Drafting.of(definition, connection)
        known = store.known_people(database, CohortId(cohort))
        stored = mapping.from_deliveries(drafting, _deliveries(database, drafting, delivery))
    if from_ is not None:
        gathered = mapping.from_file(drafting, from_.read_bytes(), form)
    else:
        gathered = stored if delivery else _of_api(installation, drafting, form, stored) or stored
    found = drafted(gathered.forms, definition, connection, known)
    if not found.fields:
        raise mapping.NoForm(
            "there is nothing to draft from: no delivery of this connection is stored that can be read. Send a test"
            " response, or give a file with --from"
        )
    if to is not None:
        write_draft(to, found, definition, connection)
    if as_json:
        show(draft_as_json(found, gathered.where))
        return
    tell_draft(found, gathered.where, definition, connection, to)


def _deliveries(
    database: sa.Connection, drafting: mapping.Drafting, delivery: str | None
) -> Iterable[store.Submission]:
    """The delivery that was named, else the newest."""
    cohort = CohortId(drafting.definition.cohort)
    if delivery is None:
        return store.deliveries_of(database, cohort, drafting.connection, newest=mapping.NEWEST)
    one = store.delivery_of(database, cohort, SubmissionId(delivery))
    if one is None or one.connection != drafting.connection:
        raise mapping.NoForm(f"no delivery {delivery} of this connection is stored; its id is in `quarantine list`")
    return [one]


def _of_api(
    installation: Installation, drafting: mapping.Drafting, form: str, stored: mapping.Gathered
) -> mapping.Gathered | None:
    """What the tool's API says, if it has one and can be asked; says why not, where that could be mended."""
    forms = [form] if form else sorted({*drafting.mapped_forms, *(each.form_id for each in stored.forms)})
    variable = drafting.definition.connections[drafting.connection].secret_env
    settings = installation.intake
    token = settings.api_key(variable)
    try:
        if not forms or not any(mapping.can_be_asked(drafting, each) for each in forms):
            return None
        if token is None:
            complain(f"The tool's API would define the form: set {variable}_TOKEN to ask it. Using deliveries instead.")
            return None
        timeout = timedelta(seconds=settings.fetch_timeout_seconds)
        return mapping.from_api(drafting, forms, token, HttpClient(timeout=timeout, max_bytes=settings.fetch_max_bytes))
    except Unreadable as error:
        complain(f"The tool's API did not define the form: {error.reason.words}. Using deliveries instead.")
    except TalentlineError as error:
        complain(f"The tool's API did not define the form: {error}. Using deliveries instead.")
    return None


@group.command("check")
def check(
    cohort: CohortName,
    connection: Annotated[str | None, typer.Argument(metavar="[CONNECTION]")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare the mapping with all that arrived. Ends with status 1 if something keeps responses from counting."""
    db = ready().db
    with db.read() as database:
        definition = definition_of(database, CohortId(cohort))
    names = [connection] if connection else sorted(definition.connections)
    checks = {name: mapping.looked_through(db, definition, name) for name in names}
    found = [(name, check.answered, each) for name, check in checks.items() for each in check.findings()]
    if as_json:
        rows = [
            {
                "connection": name,
                "form_id": each.form_id,
                "blocks": each.blocks,
                "words": each.words,
                "count": each.count,
            }
            for name, _, each in found
        ]
        show(
            {"cohort": cohort, "responses": {n: sum(c.answered.values()) for n, c in checks.items()}, "findings": rows}
        )
    else:
        lines = (
            ("blocks" if each.blocks else "note", name, each.form_id, each.count or "", each.words)
            for name, _, each in found
        )
        table("Mapping", ("", "connection", "form", "responses", "what"), lines, empty="Nothing to put right.")
        for name, each in checks.items():
            say(f"{name}: {sum(each.answered.values())} response(s) looked at.")
    if any(each.blocks for _, _, each in found):
        raise typer.Exit(1)


@group.command("changes")
def changes(cohort: CohortName, as_json: AsJson = False) -> None:
    """What the last change of the mapping led to: what was read again, and how much evidence says otherwise now."""
    with ready().db.read() as database:
        definition_of(database, CohortId(cohort))
        summary = store.latest_rereading(database, CohortId(cohort))
    if summary is None:
        say("Nothing was ever read again here.")
    elif as_json:
        show(rereading_as_json(summary))
    else:
        tell_rereading(summary)
