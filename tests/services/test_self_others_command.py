"""`talentline result self-others` and `talentline self-others FILE.csv` as they are typed."""

import json
from pathlib import Path

import numpy as np
import pytest

from shared.db import Database
from tests.builders.documented import documented, same_keys
from tests.builders.scored_cohort import Person, people, scored_cohort
from tests.builders.typed import Type, typist


@pytest.fixture
def type_(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    return typist(db, tmp_path / "data", monkeypatch)


def test_a_cohort_names_only_those_who_differ_beyond_error(db: Database, type_: Type) -> None:
    scored_cohort(db, [Person("P-1", 2.5, own=2.0), Person("P-2", 3.0), Person("P-3", 4.5, own=-2.5)])
    status, said = type_("result", "self-others", "small", "--json")
    assert status == 0
    found = json.loads(said)
    same_keys(documented("`result self-others COHORT`: "), found)
    whole = {(row["participant"], row["domain"]): row["category"] for row in found["profiles"] if row["facet"] is None}
    assert whole["P-1", "A"] == "over"
    assert whole["P-3", "A"] == "under"
    assert [each["domain"] for each in found["domains"]] == ["A", "B"]
    assert all(each["fit"] is None and each["withheld"] for d in found["domains"] for each in d["surfaces"])
    shown = type_("result", "self-others", "small")[1]
    assert "self higher" in shown
    assert "a surface needs 100" in shown


def test_a_hundred_results_carry_a_surface(db: Database, type_: Type) -> None:
    scored_cohort(db, people(100))
    (first, _) = json.loads(type_("result", "self-others", "small", "--json")[1])["domains"]
    assert {each["outcome"]: each["n"] for each in first["surfaces"]} == {
        "development_day": 100,
        "written_assessment": 100,
    }
    assert [each["name"] for each in first["surfaces"][0]["fit"]["surface"]] == ["a1", "a2", "a3", "a4"]


def test_an_unknown_cohort_says_what_to_do(type_: Type) -> None:
    status, said = type_("result", "self-others", "nowhere")
    assert status == 1
    assert "talentline cohort list" in said


def written(file: Path, n: int = 120) -> Path:
    chance = np.random.default_rng(3)
    lines = [",".join(f"{v:.3f}" for v in row) for row in np.clip(chance.normal(3, 0.6, (n, 3)), 1, 5)]
    file.write_text("self,others,outcome\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_a_file_is_read_and_the_surface_shown(type_: Type, tmp_path: Path) -> None:
    file = written(tmp_path / "people.csv")
    found = json.loads(type_("self-others", str(file), "--json")[1])
    same_keys(documented("`self-others FILE.csv` takes"), found)
    assert found["n"] == 120
    assert len(found["fit"]["coefficients"]) == 6
    assert "slope along agreement" in type_("self-others", str(file))[1]


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("", (), "column 'self' is not there"),
        ("self,others,outcome\n", (), "a header and no row"),
        ("self,others,outcome\n3,4\n", (), "line 2: 2 cells where the header has 3"),
        ("self,others,outcome\n3,4,x\n", (), "line 2, outcome: 'x' is not a number"),
        ("self,others,outcome\n3,nan,2\n", (), "line 2, others: 'nan' is not a number"),
        ("self,others,outcome\n3,1e999,2\n", (), "is not a number"),
        ("self,others,self\n3,4,2\n", (), "'self' stands twice"),
        ("self,others,outcome\n3,9,2\n", (), "others: 9 is not on the scale 1 to 5; say --lowest and --highest"),
        ("me,others,outcome\n3,4,2\n", (), "Name the right one with --self NAME"),
        ('self,others,outcome\n3,"4,2\n', (), "line 2"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused_with_the_place(
    type_: Type, tmp_path: Path, text: str, words: tuple[str, ...], said: str
) -> None:
    file = tmp_path / "people.csv"
    file.write_text(text, encoding="utf-8")
    status, answer = type_("self-others", str(file), *words)
    assert status == 1
    assert said in answer
    assert str(file) in answer


def test_bytes_that_are_no_text_and_files_that_are_not_there_are_refused(type_: Type, tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_bytes(b"\xff\xfe\x00self")
    assert "not UTF-8" in type_("self-others", str(tmp_path / "raw.csv"))[1]
    assert "no such file" in type_("self-others", str(tmp_path / "none.csv"))[1]
    assert type_("self-others", str(tmp_path / "none.csv"), "--lowest", "5", "--highest", "1")[0] == 2
