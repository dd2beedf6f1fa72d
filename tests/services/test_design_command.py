"""`talentline design check` as it is typed: a folder, an open cohort, a rota that is good, bad or hostile."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from shared.cohort.folder import read_folder
from shared.db import Database
from shared.errors import TalentlineError
from tests.builders.bench import PILOT, Bench
from tests.builders.described_folder import VENDORS, described

EXERCISES = ("EX1", "EX2", "EX3", "EX4")
Type = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return described(tmp_path / "cohort")


@pytest.fixture
def type_(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    monkeypatch.setenv("TALENTLINE_DATABASE_URL", db.url.render_as_string(hide_password=False))
    monkeypatch.setenv("TALENTLINE_DATA_DIR", str(tmp_path / "data"))

    def typed(*words: str, status: int = 0) -> str:
        done = CliRunner().invoke(app, ["design", "check", *words])
        if isinstance(done.exception, TalentlineError):
            assert status == 1
            return str(done.exception)
        assert done.exit_code == status, done.output
        return done.output

    return typed


def rota(folder: Path, pairs: Callable[[int], tuple[str, str]]) -> None:
    """A rota in which these two watch the participant of this number in every exercise."""
    lines = [f"P-{n:04},{x},{a}" for n in range(1, 8) for x in EXERCISES for a in pairs(n)]
    (folder / "rota.csv").write_text("\n".join(["participant,exercise,assessor", *lines]) + "\n", encoding="utf-8")


def homes(folder: Path, **organisation: str) -> None:
    """Give assessors an organisation of their own in assessors.csv."""
    file = folder / "assessors.csv"
    rows = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
    lines = [",".join([*row.values(), organisation.get(row["assessor"].replace("-", ""), "")]) for row in rows]
    file.write_text("\n".join(["assessor,name,email,organisation", *lines]) + "\n", encoding="utf-8")


def found(type_: Type, folder: Path | str, *words: str, status: int = 0) -> Any:
    return json.loads(type_(str(folder), *words, "--json", status=status))


def test_a_folder_without_a_plan_is_told_what_to_expect(type_: Type, folder: Path) -> None:
    said = type_(str(folder))
    assert "there is no rota yet" in said
    assert "Nothing needs to be mended" in said
    assert "would narrow this to ±" in said
    document = found(type_, folder)
    assert [each["domain"] for each in document["expected"]] == ["SL", "IK", "CL"]
    assert all(0.3 < each["half_width"] < 1.0 for each in document["expected"])
    assert document["rota"] is None


def test_a_divided_rota_is_mended_by_the_one_proposed(type_: Type, folder: Path) -> None:
    homes(folder, A01="CCG", A02="NCUH", A03="CPFT")
    rota(folder, lambda n: ("A-01", "A-02") if n <= 3 else ("A-03", "A-04"))
    said = " ".join(type_(str(folder), status=1).split())
    assert "development day: 2 subsets that nobody links" in said
    assert "an assessor watches somebody of their own organisation: A-01 P-0001/EX1" in said
    assert "nothing left to mend" in said
    better = folder / "better.csv"
    type_(str(folder), "--to", str(better), status=1)
    after = found(type_, folder, "--rota", str(better))
    assert [finding for finding in after["findings"] if finding["mend"]] == []
    before = found(type_, folder, status=1)
    assert all(a["half_width"] < b["half_width"] for a, b in zip(after["expected"], before["expected"], strict=True))
    shutil.copy(better, folder / "rota.csv")
    assert "Nothing needs to be mended" in type_(str(folder))
    assert better.read_text() == _written_again(type_, folder)


def _written_again(type_: Type, folder: Path) -> str:
    again = folder / "again.csv"
    type_(str(folder), "--propose", "--to", str(again))
    return again.read_text()


def test_the_files_of_a_plan_do_not_disturb_opening_the_cohort(folder: Path) -> None:
    before = read_folder(folder, vendors=VENDORS)
    homes(folder, A01="CCG")
    rota(folder, lambda _: ("A-01", "A-02"))
    (folder / "marking.csv").write_text("participant,marker\nP-0001,M-01\n")
    assert read_folder(folder, vendors=VENDORS) == before


def test_an_open_cohort_is_checked_by_its_id_with_a_rota_beside(
    type_: Type, db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    Bench(db, tmp_path / "data", monkeypatch).open(PILOT)
    assert found(type_, "pilot-p")["links"][0]["subsets"] == 7
    rota(folder, lambda n: ("A-01", "A-02") if n <= 3 else ("A-02", "A-03"))
    document = found(type_, "pilot-p", "--rota", str(folder / "rota.csv"), status=1)
    assert any("one assessor watches" in finding["words"] for finding in document["findings"])
    assert "talentline cohort list" in type_("nowhere", status=1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("P-0001,EX9,A-01\n", "rota.csv, line 2, exercise: “EX9” is not in the exercises that are asked for"),
        ("P-0001,EX1,A-99\n", "rota.csv, line 2, assessor: “A-99” is not in assessors.csv"),
        ("P-0099,EX1,A-01\n", "rota.csv, line 2, participant: “P-0099” is not in roster.csv"),
        ("P-0001,EX1,A-01\nP-0001,EX1,A-01\n", "line 3, assessor: watches this twice; line 2 has it too"),
        ("P-0001,EX1\n", "has 2 cells where there are 3 columns"),
        ("Priya Nakamura <priya@example.org>,EX1,A-01\n", "line 2, participant: is not in roster.csv"),
        ('"P-0001,EX1,A-01\n', 'has a quote (") that is not closed'),
        ("", "has no rows below its column names"),
    ],
)
def test_a_faulty_rota_is_refused_with_every_mistake_and_no_name(
    type_: Type, folder: Path, text: str, told: str
) -> None:
    (folder / "rota.csv").write_text("participant,exercise,assessor\n" + text, encoding="utf-8")
    said = type_(str(folder), status=1)
    assert told in said
    assert "Priya" not in said


def test_a_rota_that_is_no_text_or_not_there_is_told(type_: Type, folder: Path, tmp_path: Path) -> None:
    (folder / "rota.csv").write_bytes(b"participant,exercise,assessor\n\xff\xfe,EX1,A-01\n")
    assert "is not written in UTF-8" in type_(str(folder), status=1)
    assert "is missing" in type_(str(folder), "--rota", str(tmp_path / "none.csv"), status=1)


def test_an_assessor_of_an_unknown_organisation_is_a_mistake(type_: Type, folder: Path) -> None:
    homes(folder, A01="NOWHERE")
    assert "“NOWHERE” is not in programme/organisations.csv" in type_(str(folder), status=1)


def test_a_faulty_folder_is_told_before_anything_else(type_: Type, folder: Path) -> None:
    (folder / "roster.csv").unlink()
    assert "roster.csv: is missing" in type_(str(folder), status=1)
