"""How drafts of a mapping and changes of evidence look: tables, JSON, and the CSV files for a coordinator."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from deploy.cli.output import complain, say, table
from services.intake import store
from services.intake.core.mapping.draft import ChoiceRow, Draft, FieldRow, unasked
from services.intake.core.mapping.statements import PROPOSED_FROM
from services.intake.core.text import listed, shown
from shared.cohort.definition import CohortDefinition

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


def tell_draft(found: Draft, where: str, definition: CohortDefinition, connection: str, to: Path | None) -> None:
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
    total = len(found.fields)
    say(f"{total - left} of {total} fields proposed, {left} left open (below {PROPOSED_FROM}, or for a reason).")
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


def write_draft(to: Path, found: Draft, definition: CohortDefinition, connection: str) -> None:
    vendor = definition.connections[connection].vendor
    fields = [
        (connection, vendor, row.form_id, row.field_ref, row.maps_to or "", *_remarks(row)) for row in found.fields
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


def _remarks(row: FieldRow) -> tuple[object, ...]:
    return (row.confidence or "", _next(row), _cell(row.title), _cell(row.reason))


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


def draft_as_json(found: Draft, where: str) -> dict[str, Any]:
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


def tell_rereading(summary: store.RereadingSummary) -> None:
    """What a change of the mapping led to, in counts: no words, no names."""
    counts = summary.outcomes
    say(
        f"Read again: {sum(counts.values())} deliveries; {counts.get(store.CHANGED, 0)} say something else,"
        f" {counts.get(store.SAME, 0)} the same, {counts.get(store.UNREAD, 0)} can't be read"
        " (what they said before still counts; `talentline quarantine list` says why)."
    )
    lines = (
        (
            each.participant,
            each.submissions,
            _arrow(each.before.given, each.after.given),
            _arrow(each.before.not_observed, each.after.not_observed),
        )
        for each in summary.changes
    )
    columns = ("participant", "deliveries changed", "ratings", "not observed")
    table("Evidence that changed", columns, lines, empty="No evidence changed.")


def _arrow(before: int, after: int) -> str:
    return f"{before} → {after}"


def rereading_as_json(summary: store.RereadingSummary) -> dict[str, Any]:
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
