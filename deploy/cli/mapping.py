"""`talentline mapping …`: draft what a form's fields mean, look a mapping through, see what a change of it led to."""

import csv
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
import typer

from deploy.cli.access import ready
from deploy.cli.output import AsJson, complain, say, show, table
from deploy.composition import Installation
from services.intake import store
from services.intake.commands import mapping
from services.intake.core.errors import Unreadable
from services.intake.core.mapping.draft import ChoiceRow, Draft, FieldRow, drafted, unasked
from services.intake.core.mapping.statements import PROPOSED_FROM
from services.intake.core.text import listed, shown
from shared.cohort.definition import CohortDefinition
from shared.cohort.store import definition_of
from shared.errors import TalentlineError
from shared.http_client import HttpClient
from shared.ids import CohortId, SubmissionId

group = typer.Typer(no_args_is_help=True, help="What the fields and answers of a form mean.")
CohortName = Annotated[str, typer.Argument(metavar="COHORT")]
FIELD_COLUMNS = (
    "connection",
    "vendor",
    "form_id",
    "field_ref",
    "maps_to",
    "confidence",
    "runner_up",
    "title",
    "reason",
)
CHOICE_COLUMNS = ("label", "rating", "confidence", "reads", "reason")
OPEN = "?"
"""What stands for a rating that is left open: `cohort open` refuses it. A blank one would mean "not observed"."""


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
    installation = ready()
    with installation.db.read() as database:
        definition = definition_of(database, CohortId(cohort))
        drafting = mapping.Drafting.of(definition, connection)
        gathered = _gathered(installation, database, drafting, from_, delivery, form)
        known = mapping.known_people(database, CohortId(cohort))
    found = drafted(gathered.forms, definition, connection, known)
    if not found.fields:
        raise mapping.NoForm(
            "there is nothing to draft from: no delivery of this connection is stored that can be read. Send a test"
            " response, or give a file with --from"
        )
    if to is not None:
        _write(to, found, definition, connection)
    if as_json:
        show(_as_json(found, gathered.where))
        return
    _tell(found, gathered.where, definition, connection, to)


def _gathered(
    installation: Installation,
    database: sa.Connection,
    drafting: mapping.Drafting,
    from_: Path | None,
    delivery: str | None,
    form: str,
) -> mapping.Gathered:
    if from_ is not None and delivery is not None:
        raise mapping.NoForm("give either --from or --delivery, not both")
    if from_ is not None:
        return mapping.from_file(drafting, from_.read_bytes(), form)
    cohort = CohortId(drafting.definition.cohort)
    if delivery is not None:
        one = store.delivery_of(database, cohort, SubmissionId(delivery))
        if one is None or one.connection != drafting.connection:
            raise mapping.NoForm(f"no delivery {delivery} of this connection is stored; its id is in `quarantine list`")
        return mapping.from_deliveries(drafting, [one])
    stored = mapping.from_deliveries(
        drafting, store.deliveries_of(database, cohort, drafting.connection, newest=mapping.NEWEST)
    )
    forms = [form] if form else sorted({*drafting.mapped_forms, *(each.form_id for each in stored.forms)})
    return _of_api(installation, drafting, forms) or stored


def _of_api(installation: Installation, drafting: mapping.Drafting, forms: Sequence[str]) -> mapping.Gathered | None:
    """What the tool's API says, if it has one and can be asked; says why not, where that could be mended."""
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


def _tell(found: Draft, where: str, definition: CohortDefinition, connection: str, to: Path | None) -> None:
    table(
        f"Fields, from {where}",
        ("form", "field", "asks", "maps to", "sure", "runner-up", "why not"),
        (
            (
                row.form_id,
                row.field_ref,
                shown(row.title),
                row.maps_to or "–",
                row.confidence or "",
                _next(row),
                row.reason,
            )
            for row in found.fields
        ),
        empty="No fields.",
    )
    if found.choices:
        rows = (
            (row.label, _meaning(row), row.worth.confidence or "", row.reads, row.worth.reason) for row in found.choices
        )
        table("Labels", ("label", "means", "sure", "reads", "why not"), rows, empty="")
    left = sum(row.maps_to is None for row in found.fields)
    doubtful = sum(row.worth.is_open for row in found.choices)
    say(
        f"{len(found.fields) - left} of {len(found.fields)} fields proposed, {left} left open (below {PROPOSED_FROM}, or for a reason)."
    )
    if doubtful:
        say(f"{doubtful} of {len(found.choices)} labels left open: write their rating.")
    lacking = unasked(found.fields, definition, definition.connections[connection].instrument)
    if lacking:
        say(f"No field is proposed for {listed(lacking)}.")
    if to is None:
        say("Nothing was written: add --to FILE.csv.")
    else:
        labels = f" and {_beside(to)}" if found.choices else ""
        say(f"Written: {to}{labels}. Check every row, decide or take out those left open, and copy them to")
        say("programme/form_fields.csv and programme/choices.csv; then `talentline cohort open FOLDER --update`.")


def _next(row: FieldRow) -> str:
    return f"{row.runner_up.code} ({row.runner_up.confidence})" if row.runner_up else ""


def _meaning(row: ChoiceRow) -> str:
    if row.worth.is_open:
        return OPEN
    return "not observed" if row.worth.rating is None else f"{row.worth.rating:g}"


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.stem}-choices{path.suffix or '.csv'}")


def _write(to: Path, found: Draft, definition: CohortDefinition, connection: str) -> None:
    vendor = definition.connections[connection].vendor
    fields = [
        (connection, vendor, row.form_id, row.field_ref, row.maps_to or "", row.confidence or "", _next(row))
        + (_cell(row.title), _cell(row.reason))
        for row in found.fields
    ]
    labels = [
        (row.label, _rating(row), row.worth.confidence or "", _cell(row.reads), _cell(row.worth.reason))
        for row in found.choices
    ]
    try:
        _save(to, FIELD_COLUMNS, fields)
        if labels:
            _save(_beside(to), CHOICE_COLUMNS, labels)
    except OSError as error:
        complain(f"{to} can't be written ({error.strerror}).")
        raise typer.Exit(1) from error


def _rating(row: ChoiceRow) -> str:
    if row.worth.is_open:
        return OPEN
    return "" if row.worth.rating is None else f"{row.worth.rating:g}"


def _cell(text: str) -> str:
    """A text from outside that no spreadsheet takes for a formula."""
    line = shown(text, 300)
    return f"'{line}" if line.startswith(("=", "+", "-", "@")) else line


def _save(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def _as_json(found: Draft, where: str) -> dict[str, Any]:
    return {
        "from": where,
        "fields": [
            {
                "form_id": row.form_id,
                "field_ref": row.field_ref,
                "title": row.title,
                "maps_to": row.maps_to,
                "confidence": row.confidence,
                "runner_up": row.runner_up.code if row.runner_up else None,
                "reason": row.reason,
            }
            for row in found.fields
        ],
        "choices": [
            {
                "label": row.label,
                "reads": row.reads,
                "rating": row.worth.rating,
                "open": row.worth.is_open,
                "confidence": row.worth.confidence,
                "reason": row.worth.reason,
            }
            for row in found.choices
        ],
    }


@group.command("check")
def check(
    cohort: CohortName,
    connection: Annotated[str | None, typer.Argument(metavar="[CONNECTION]")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare the mapping with all that arrived. Ends with status 1 if something keeps responses from counting."""
    with ready().db.read() as database:
        definition = definition_of(database, CohortId(cohort))
        names = [connection] if connection else sorted(definition.connections)
        checks = {name: mapping.looked_through(database, definition, name) for name in names}
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
        show(_summary_as_json(summary))
    else:
        tell_rereading(summary)


def tell_rereading(summary: store.RereadingSummary) -> None:
    """What a change of the mapping led to, in counts: no words, no names."""
    counts = summary.outcomes
    say(
        f"Read again: {sum(counts.values())} deliveries; {counts.get(store.CHANGED, 0)} say something else,"
        f" {counts.get(store.SAME, 0)} the same, {counts.get(store.UNREAD, 0)} can't be read"
        " (what they said before still counts; `talentline quarantine list` says why)."
    )
    lines = (
        (each.participant, each.submissions, _arrow(each.before.given, each.after.given))
        + (_arrow(each.before.not_observed, each.after.not_observed),)
        for each in summary.changes
    )
    columns = ("participant", "deliveries changed", "ratings", "not observed")
    table("Evidence that changed", columns, lines, empty="No evidence changed.")


def _arrow(before: int, after: int) -> str:
    return f"{before} → {after}"


def _summary_as_json(summary: store.RereadingSummary) -> dict[str, Any]:
    return {
        "rereading": summary.rereading,
        "begun_at": summary.begun_at.isoformat(),
        "deliveries": dict(summary.outcomes),
        "participants": [
            {
                "participant": each.participant,
                "deliveries": each.submissions,
                "ratings": [each.before.given, each.after.given],
                "not_observed": [each.before.not_observed, each.after.not_observed],
            }
            for each in summary.changes
        ],
    }
