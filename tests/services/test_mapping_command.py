"""`talentline mapping …` and `cohort links` as they are typed: what they print, write and end with."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from shared.db import Database
from shared.errors import TalentlineError
from tests.builders.bench import PILOT, Bench
from tests.builders.vendor_samples import SAMPLES

HEADERS = {"form_fields": "connection,vendor,form_id,field_ref,maps_to\n", "choices": "label,rating\n"}
Type = Callable[..., tuple[int, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The pilot's folder before anything is mapped."""
    path = tmp_path / "cohort"
    shutil.copytree(PILOT, path)
    for name, header in HEADERS.items():
        (path / f"programme/{name}.csv").write_text(header, encoding="utf-8")
    return path


@pytest.fixture
def bench(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Bench:
    """The pilot, opened unmapped, with its first responses waiting."""
    monkeypatch.setenv("TALENTLINE_DATABASE_URL", db.url.render_as_string(hide_password=False))
    bench = Bench(db, tmp_path / "data", monkeypatch)
    bench.open(folder)
    bench.deliver(sorted((folder / "deliveries").glob("*.json"))[:12])
    bench.work()
    return bench


@pytest.fixture
def type_(bench: Bench) -> Type:
    def typed(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, list(words))
        if isinstance(done.exception, TalentlineError):
            return 1, str(done.exception)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output

    assert bench.db.is_sqlite
    return typed


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))


def test_a_draft_that_is_copied_into_the_folder_opens_and_what_waited_is_read(
    type_: Type, bench: Bench, folder: Path, tmp_path: Path
) -> None:
    draft = tmp_path / "draft.csv"
    status, said = type_("mapping", "draft", "pilot-p", "appraisal-360", "--to", str(draft))
    assert status == 0
    assert "41 of 41 fields proposed" in said
    right = {row["field_ref"]: row["maps_to"] for row in rows(PILOT / "programme/form_fields.csv")}
    found = {row["field_ref"]: row["maps_to"] for row in rows(draft)}
    assert {ref: found[ref] for ref in right} == right
    shutil.copy(draft, folder / "programme/form_fields.csv")
    shutil.copy(tmp_path / "draft-choices.csv", folder / "programme/choices.csv")
    assert rows(tmp_path / "draft-choices.csv")[0].keys() >= {"label", "rating", "confidence", "reason"}
    status, said = type_("cohort", "open", str(folder), "--update", "--no-wait")
    assert status == 0
    bench.work()
    status, said = type_("mapping", "changes", "pilot-p", "--json")
    summary = json.loads(said)
    assert summary["deliveries"] == {"changed": 12}
    assert all(each["ratings"][0] == 0 < each["ratings"][1] for each in summary["participants"])
    status, said = type_("mapping", "check", "pilot-p")
    assert status == 0, said


def test_a_check_ends_with_status_1_while_something_blocks(type_: Type) -> None:
    status, said = type_("mapping", "check", "pilot-p", "--json")
    assert status == 1
    document: dict[str, Any] = json.loads(said)
    assert document["responses"] == {"appraisal-360": 12}
    assert any(each["blocks"] and "mapping draft" in each["words"] for each in document["findings"])


def test_titles_in_a_table_do_for_a_tool_that_tells_none(type_: Type, tmp_path: Path) -> None:
    titles = tmp_path / "titles.csv"
    titles.write_text("field_ref;title;options\nq1;Wins commitment from people who do not report to them;1|5\n")
    status, said = type_("mapping", "draft", "pilot-p", "appraisal-360", "--from", str(titles), "--form", "F", "--json")
    assert status == 0
    assert [row["maps_to"] for row in json.loads(said)["fields"]] == ["SL4a"]


def test_a_recorded_delivery_does_and_nobodys_answer_is_in_what_is_written(type_: Type, tmp_path: Path) -> None:
    sample = SAMPLES / "typeform" / "01-positive.json"
    to = tmp_path / "d.csv"
    status, _ = type_("mapping", "draft", "pilot-p", "appraisal-360", "--from", str(sample), "--to", str(to))
    assert status == 0
    assert "theatres" not in to.read_text(encoding="utf-8")
    assert {"identity:participant", "identity:rater"} <= {row["maps_to"] for row in rows(to)}


def test_words_that_a_spreadsheet_would_take_for_a_formula_are_none_in_a_draft(type_: Type, tmp_path: Path) -> None:
    titles, to = tmp_path / "titles.csv", tmp_path / "d.csv"
    titles.write_text('field_ref,title\nq1,"=HYPERLINK(""https://example.org"")"\n')
    type_("mapping", "draft", "pilot-p", "appraisal-360", "--from", str(titles), "--form", "F", "--to", str(to))
    assert rows(to)[0]["title"].startswith("'=")


WRONG = [
    (["mapping", "draft", "nope", "appraisal-360"], "is not open here"),
    (["mapping", "draft", "pilot-p", "nope"], "is no connection of cohort pilot-p (it has: appraisal-360)"),
    (["mapping", "draft", "pilot-p", "appraisal-360", "--delivery", "x"], "no delivery x of this connection"),
    (
        ["mapping", "draft", "pilot-p", "appraisal-360", "--from", __file__],
        "no CSV file with the columns field_ref,title",
    ),
    (["mapping", "draft", "pilot-p", "appraisal-360", "--from", __file__, "--delivery", "x"], "not both"),
    (
        ["mapping", "draft", "pilot-p", "appraisal-360", "--from", str(SAMPLES / "tally" / "01-positive.json")],
        "of another tool than the connection's, which is typeform",
    ),
    (["mapping", "check", "pilot-p", "nope"], "is no connection of cohort pilot-p"),
    (["cohort", "links", "pilot-p", "nope", "--link", "https://x/{rater}", "--to", "l.csv"], "is no connection"),
]


@pytest.mark.parametrize(
    ("words", "told"), WRONG, ids=[" ".join(words[:2]) + f" {n}" for n, (words, _) in enumerate(WRONG)]
)
def test_what_cannot_be_done_is_said_with_the_cure(type_: Type, words: list[str], told: str) -> None:
    status, said = type_(*words)
    assert status == 1
    assert told in said


def test_links_are_written_for_the_coordinators_eyes_only(type_: Type, tmp_path: Path) -> None:
    to = tmp_path / "links.csv"
    pattern = "https://f.example.org/#participant={participant}&rater={rater}"
    status, said = type_("cohort", "links", "pilot-p", "appraisal-360", "--link", pattern, "--to", str(to))
    assert status == 0
    assert "84 links" in said
    assert to.stat().st_mode & 0o077 == 0
    assert all(row["link"].endswith(f"rater={row['person']}") for row in rows(to))
