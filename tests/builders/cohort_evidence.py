"""What arrives about a generated cohort: recorded webhook requests, score sheets, marks."""

import base64
import csv
import hashlib
import hmac
import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import openpyxl

from tests.builders.cohort_rules import NOT_OBSERVED, CohortRules, FrameworkItem

PRAISE = ("Asks before advising.", "Holds the room when it is hard.", "Keeps the family’s view in sight.", "让人安心。")
ADVICE = ("Share the data earlier.", "Let others chair.", "Say what will stop.", "Delegate the follow-up.")
MANY_YEARS_AGO = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Form:
    """One form: what it asks, by field reference."""

    form_id: str
    fields: Mapping[str, str]
    """Field reference → item code or `comment:<kind>`."""


@dataclass(slots=True)
class Survey:
    """The survey tool: fills in forms for raters, and signs what it sends."""

    rules: CohortRules
    connection: str
    secret: str
    statements: Mapping[str, FrameworkItem]
    levels: Mapping[tuple[str, str], float]
    """(participant, domain) → how they really are, on the scale."""
    fate: Random
    _bias: dict[str, float] = field(default_factory=dict)

    def answers(self, form: Form, participant: str, rater: str) -> list[dict[str, Any]]:
        """One rater's answers: some not observed, some comments left out."""
        bias = self._bias.setdefault(rater, self.fate.gauss(0, 0.35))
        found = []
        for reference, asks in form.fields.items():
            kind = "long_text" if asks.startswith("comment:") else "multiple_choice"
            place = {"id": hashlib.sha256(reference.encode()).hexdigest()[:12], "type": kind, "ref": reference}
            if kind == "multiple_choice":
                label = self._label(asks, participant, bias)
                ref = hashlib.sha256(label.encode()).hexdigest()[:8]
                found.append({"type": "choice", "choice": {"id": ref, "label": label, "ref": ref}, "field": place})
            elif self.fate.random() < 0.6:
                said = self.fate.choice(PRAISE if asks == "comment:strengths" else ADVICE)
                found.append({"type": "text", "text": said, "field": place})
        return found

    def _label(self, item: str, participant: str, bias: float) -> str:
        if self.fate.random() < 0.04:
            return NOT_OBSERVED
        low, high = self.rules.scale
        level = self.levels[participant, self.statements[item].domain]
        rating = min(high, max(low, round(level + bias + self.fate.gauss(0, 0.6))))
        return next(label for label, value in self.rules.choices().items() if value == rating)

    def body(
        self, form: Form, hidden: Mapping[str, str], at: datetime, answers: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """A delivery as Typeform documents it."""
        fields = [
            {
                "id": answer["field"]["id"],
                "type": answer["field"]["type"],
                "ref": answer["field"]["ref"],
                "properties": {},
            }
            for answer in answers
        ]
        return {
            "event_id": f"{self.fate.getrandbits(104):026X}",
            "event_type": "form_response",
            "form_response": {
                "form_id": form.form_id,
                "token": f"{self.fate.getrandbits(128):032x}",
                "landed_at": _zulu(at - timedelta(minutes=12)),
                "submitted_at": _zulu(at),
                "hidden": dict(hidden),
                "definition": {"id": form.form_id, "title": "Leadership feedback", "fields": fields},
                "answers": answers,
            },
        }

    def recorded(
        self, kind: str, rater: str, body: dict[str, Any] | str, *, expect: str = "2xx", secret: str | None = None
    ) -> dict[str, Any]:
        """The recorded HTTP request, in the pilot's format."""
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        digest = hmac.new((secret or self.secret).encode(), text.encode(), hashlib.sha256).digest()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Typeform Webhooks",
            "Typeform-Signature": f"sha256={base64.b64encode(digest).decode()}",
        }
        request = {"method": "POST", "path": f"/webhooks/{self.connection}", "headers": headers, "body": text}
        return {"kind": kind, "rater": rater, "request": request, "expect_status": expect}


def _zulu(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_recordings(folder: Path, recordings: Iterable[dict[str, Any]]) -> tuple[Path, ...]:
    """One file a request, numbered in order of arrival."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, recording in enumerate(recordings, start=1):
        path = folder / f"{number:04d}-{recording['kind']}.json"
        path.write_text(json.dumps(recording, ensure_ascii=False, indent=1), encoding="utf-8")
        paths.append(path)
    return tuple(paths)


Sheets = Mapping[str, Mapping[str, Mapping[str, Sequence[int | None]]]]
"""Assessor → exercise → participant → a rating a competency, in the grid's order."""


def write_sheets(folder: Path, sheets: Sheets, rules: CohortRules) -> tuple[Path, ...]:
    """One workbook an assessor, a sheet an exercise, a row a participant, a column a competency."""
    folder.mkdir(parents=True, exist_ok=True)
    grid = rules.grid()
    paths = []
    for assessor, exercises in sorted(sheets.items()):
        book = openpyxl.Workbook()
        about = book.active
        assert about is not None
        about.title = "About"
        about.append(["assessor", assessor])
        about.append(["scale", f"{rules.scale[0]} to {rules.scale[1]}, blank = not observed"])
        for exercise, rows in sorted(exercises.items()):
            sheet = book.create_sheet(exercise)
            sheet.append(["participant", *grid[exercise]])
            for participant, ratings in sorted(rows.items()):
                sheet.append([participant, *ratings])
        path = folder / f"{assessor}.xlsx"
        path.write_bytes(_timeless(book))
        paths.append(path)
    return tuple(paths)


def _timeless(book: openpyxl.Workbook) -> bytes:
    """The workbook's bytes without the time at which it was written: the same seed gives the same file."""
    written, plain = io.BytesIO(), io.BytesIO()
    book.save(written)
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(plain, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = re.sub(rb"\d{4}-\d\d-\d\dT[0-9:.]+Z", b"2019-01-01T00:00:00Z", source.read(name))
            target.writestr(zipfile.ZipInfo(name, MANY_YEARS_AGO), content)
    return plain.getvalue()


Mark = tuple[str, str, str, int]
"""Participant, marker, criterion, mark."""


def write_marks(path: Path, marks: Iterable[Mark], rules: CohortRules) -> Path:
    """Marks as markers send them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    criteria = rules.criteria()
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["participant", "marker", "criterion", "mark", "max_mark"])
        rows.writerows([*mark, criteria[mark[2]][1]] for mark in sorted(marks))
    return path
