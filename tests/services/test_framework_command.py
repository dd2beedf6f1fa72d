"""`talentline framework …` as it is typed: what it prints, writes and ends with."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from shared.db import Database
from shared.errors import TalentlineError
from tests.builders.bench import PILOT, Bench

Type = Callable[..., str]
PACK = "aspiring-talent/1"


@pytest.fixture
def type_(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """One installation, with the pilot open."""
    monkeypatch.setenv("TALENTLINE_DATABASE_URL", db.url.render_as_string(hide_password=False))
    Bench(db, tmp_path / "data", monkeypatch).open(PILOT)

    def typed(*words: str, status: int = 0) -> str:
        done = CliRunner().invoke(app, ["framework", *words])
        if isinstance(done.exception, TalentlineError):
            assert status == 1
            return str(done.exception)
        assert done.exit_code == status, done.output
        return done.output

    return typed


@pytest.fixture
def version_2(type_: Type, tmp_path: Path) -> Path:
    """The pilot's pack with one item worded otherwise."""
    file = tmp_path / "packs" / "two.json"
    file.parent.mkdir()
    type_("convert", PACK, "--to", str(file))
    pack = json.loads(file.read_text())
    pack["version"] = "2"
    pack["items"][0]["statement"] = "Sets out a purpose that partners share"
    file.write_text(json.dumps(pack))
    return file


def test_a_list_tells_where_each_pack_is_known_from(type_: Type, version_2: Path) -> None:
    rows = json.loads(type_("list", str(version_2.parent), "--json"))["frameworks"]
    assert [(row["name"], row["where"]) for row in rows] == [
        (PACK, "shipped"),
        (PACK, "cohort pilot-p"),
        ("aspiring-talent/2", str(version_2.parent)),
    ]


def test_a_diff_says_which_past_results_stay_comparable(type_: Type, version_2: Path) -> None:
    said = " ".join(type_("diff", PACK, str(version_2)).split())
    assert "wording: SL1a" in said
    assert "Not comparable: SL, because of wording (SL1a)." in said
    assert "Comparable between aspiring-talent/1 and aspiring-talent/2: SL (know), IK" in said
    found = json.loads(type_("diff", str(PILOT), str(version_2), "--json"))
    lost = [row for row in found["comparable"] if not row["comparable"]]
    assert [(row["domain"], row["facet"], row["competency"]) for row in lost] == [
        ("SL", None, None),
        ("SL", "apply", None),
        (None, None, "SL1"),
    ]
    assert "are the same" in type_("diff", PACK, str(PILOT))


def test_a_check_names_every_mistake_and_ends_with_status_1(type_: Type, version_2: Path) -> None:
    assert "In order" in type_("check", str(version_2), str(PILOT))
    pack = json.loads(version_2.read_text())
    pack["items"][0]["competency"] = "SL9"
    version_2.write_text(json.dumps(pack))
    said = type_("check", str(version_2.parent), status=1)
    assert "items[0].competency: “SL9” is not a competency of the pack" in said
    assert "1 mistake(s)" in said
    assert "SL9" in type_("diff", PACK, str(version_2), status=1)


def test_a_cohort_folder_with_a_faulty_framework_is_told_by_line(type_: Type, tmp_path: Path) -> None:
    (tmp_path / "programme").mkdir()
    (tmp_path / "cohort.toml").write_text((PILOT / "cohort.toml").read_text())
    text = (PILOT / "programme/framework.csv").read_text().replace(",apply", ",do", 1)
    (tmp_path / "programme/framework.csv").write_text(text)
    assert "programme/framework.csv, line 2, facet: “do”" in type_("check", str(tmp_path), status=1)


def test_a_converted_pack_is_the_framework_of_a_folder_again(type_: Type, tmp_path: Path) -> None:
    (tmp_path / "programme").mkdir()
    (tmp_path / "cohort.toml").write_text((PILOT / "cohort.toml").read_text())
    said = type_("convert", PACK, "--to", str(tmp_path / "programme/framework.csv"))
    assert 'pack = "aspiring-talent"' in said
    assert "are the same" in type_("diff", PACK, str(tmp_path))


def test_an_unknown_pack_is_told_with_those_that_are_known(type_: Type, tmp_path: Path) -> None:
    assert f"known are {PACK}" in type_("diff", PACK, "nobody/7", status=1)
    assert "ends in .json" in type_("convert", PACK, "--to", str(tmp_path / "x.txt"), status=2)
    assert "can't be written" in type_("convert", PACK, "--to", str(tmp_path / "none/x.json"), status=1)
