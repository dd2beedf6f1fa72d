"""Cohorts with other forms, scales, exercises and secrets, and a flat CSV of scores instead of workbooks."""

import csv
import io
from collections import Counter
from pathlib import Path

import openpyxl
import pytest
import sqlalchemy as sa

from services.intake import commands, store, tables
from services.intake.commands import Taken
from services.intake.core.submission import RawRequest
from services.intake.settings import IntakeSettings
from shared.cohort.store import definition_of
from shared.db import Database
from shared.ids import CohortId
from tests.builders.cohort_folder import OTHER_RULES, CohortRules, WrittenCohort, write_cohort
from tests.builders.intake import PILOT, handle_all, open_pilot, recorded_evidence, recorded_requests


def feed(db: Database, written: WrittenCohort, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Everything that lies in the folder arrives; gives how each submission ended."""
    monkeypatch.setenv(written.secret_env, written.secret)
    definition = open_pilot(db, written.folder)
    refused = 0
    for recorded in recorded_requests(written.folder / "deliveries"):
        request = recorded["request"]
        with db.write() as uow:
            raw = RawRequest(request["body"].encode(), tuple(request["headers"].items()))
            refused += not isinstance(commands.accept_webhook(uow, IntakeSettings(), written.connection, raw), Taken)
    for path in (*written.files("development_day/*"), *written.files("written/*"), *written.files("late/**/*.[cx]*")):
        with db.write() as uow:
            commands.submit_file(uow, definition, path.name, path.read_bytes(), actor="test")
    handle_all(db)
    assert refused == written.forged
    with db.read() as connection:
        return Counter(connection.execute(sa.select(tables.submissions.c.state)).scalars())


@pytest.mark.parametrize("rules", [CohortRules(), OTHER_RULES], ids=["the pilot's rules", "other rules"])
def test_another_cohort_is_understood_by_its_own_mapping(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rules: CohortRules
) -> None:
    written = write_cohort(tmp_path / "cohort", participants=3, organisations=2, rules=rules)
    states = feed(db, written, monkeypatch)
    assert states["quarantined"] == written.quarantined
    assert set(states) == {"recorded", "quarantined"}
    low, high = rules.scale
    ratings = [
        rating
        for event in recorded_evidence(db)
        for piece in event.pieces
        if piece.instrument != "written_assessment"
        for rating in piece.ratings.values()
        if rating is not None
    ]
    assert low <= min(ratings) < max(ratings) <= high


def as_flat_csv(workbook: Path, *, delimiter: str) -> bytes:
    """The same scores as one table."""
    book = openpyxl.load_workbook(workbook)
    assessor = book["About"]["B1"].value
    sheets = {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book if sheet.title != "About"}
    competencies = sorted({str(name) for rows in sheets.values() for name in rows[0][1:]})
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(["assessor", "exercise", "participant", *competencies])
    for exercise, (heading, *rows) in sheets.items():
        for row in rows:
            rated = dict(zip(heading, row, strict=True))
            writer.writerow([assessor, exercise, row[0], *(rated.get(name) for name in competencies)])
    return text.getvalue().encode("utf-8-sig")


def test_the_same_scores_as_csv_are_the_same_evidence(db: Database) -> None:
    definition = open_pilot(db)
    for path in sorted((PILOT / "development_day").glob("*.xlsx")):
        with db.write() as uow:
            commands.submit_file(uow, definition, path.name, path.read_bytes(), actor="test")
    handle_all(db)
    before = recorded_evidence(db)
    for delimiter, path in zip(",;\t,", sorted((PILOT / "development_day").glob("*.xlsx")), strict=True):
        with db.write() as uow:
            commands.submit_file(uow, definition, "x.csv", as_flat_csv(path, delimiter=delimiter), actor="test")
    handle_all(db)
    assert recorded_evidence(db) == before
    with db.read() as connection:
        assert store.quarantined(connection) == []


def test_the_same_file_in_two_cohorts_counts_in_both(db: Database, tmp_path: Path) -> None:
    definition = open_pilot(db)
    content = (PILOT / "written" / "marks.csv").read_bytes()
    other = tmp_path / "other"
    other.mkdir()
    for path in PILOT.rglob("*"):
        if path.suffix in {".csv", ".toml"}:
            target = other / path.relative_to(PILOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text(encoding="utf-8")
            changes = (
                ('"pilot-p"', '"pilot-q"'),
                ("connections.appraisal-360", "connections.other-360"),
                ("appraisal-360,typeform", "other-360,typeform"),
            )
            for old, new in changes:
                text = text.replace(old, new)
            target.write_text(text, encoding="utf-8")
    twin = open_pilot(db, other)
    for each in (definition, twin):
        with db.write() as uow:
            assert commands.submit_file(uow, each, "marks.csv", content, actor="test").new
    handle_all(db)
    found = recorded_evidence(db)
    assert Counter(event.cohort for event in found) == {"pilot-p": 7, "pilot-q": 7}
    ids = [piece.evidence for event in found for piece in event.pieces]
    assert len(set(ids)) == len(ids)
    with db.read() as connection:
        assert definition_of(connection, CohortId("pilot-q")).title == definition.title
