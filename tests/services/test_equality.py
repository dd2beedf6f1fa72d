"""Equality data: kept apart, told to nobody but the fairness report, deleted for good, and never a scoring input."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.reporting.core.pool import PoolEntry, PoolStatus
from services.reporting.store.pool import append
from services.scoring.tables import results
from shared.bus import audit
from shared.cohort.folder import CohortFolder
from shared.cohort.opening import open_cohort
from shared.db import Database
from shared.equality.store import Who, equality, erase, keep, stated
from shared.ids import CohortId, ParticipantId
from tests.builders.documented import documented, same_keys
from tests.builders.scored_cohort import Person, people, scored_cohort
from tests.builders.scoring_case import a_definition
from tests.builders.typed import Type, typist

COHORT = CohortId("small")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def type_(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    return typist(db, tmp_path / "data", monkeypatch)


def opened(db: Database, *persons: Person) -> None:
    folder = CohortFolder(a_definition(), tuple(each.enrolled for each in persons), (), ())
    with db.write() as uow:
        open_cohort(uow, folder, update=False, actor="test", has_evidence=False)


def written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


# -------------------------------------------------------------------------------------------------------------- store


def test_what_is_said_again_replaces_what_was_known_and_blank_takes_it_back(any_db: Database) -> None:
    with any_db.write() as uow:
        keep(uow, COHORT, Who.PARTICIPANT, {"sex": {"P-1": "woman", "P-2": "man"}}, actor="test")
        keep(uow, COHORT, Who.PARTICIPANT, {"sex": {"P-1": "man", "P-2": None}}, actor="test")
        assert stated(uow.connection, COHORT) == {"sex": {Who.PARTICIPANT: {"P-1": "man"}}}


def test_they_are_deleted_for_good_of_one_person_one_characteristic_or_all(any_db: Database) -> None:
    said = {"sex": {"P-1": "woman", "P-2": "man"}, "age": {"P-1": "40 to 49", "P-2": "30 to 39"}}
    with any_db.write() as uow:
        keep(uow, COHORT, Who.PARTICIPANT, said, actor="test")
        assert erase(uow, COHORT, actor="test", people=["P-1"], characteristic="age") == 1
        assert erase(uow, COHORT, actor="test", people=["P-1"]) == 1
        assert erase(uow, COHORT, actor="test") == 2
        assert uow.execute(sa.select(equality)).all() == []


def test_the_audit_has_counts_and_nobody(any_db: Database) -> None:
    with any_db.write() as uow:
        keep(uow, COHORT, Who.PARTICIPANT, {"sex": {"P-1": "woman"}}, actor="A. Coordinator")
        erase(uow, COHORT, actor="A. Coordinator", people=["P-1"])
        rows = str(uow.execute(sa.select(audit.c.action, audit.c.subject, audit.c.detail)).all())
    assert "equality.kept" in rows
    assert "equality.erased" in rows
    assert "P-1" not in rows
    assert "woman" not in rows


def test_results_are_the_same_to_the_byte_with_and_without_them(tmp_path: Path, db: Database, type_: Type) -> None:
    persons = people(12)
    scored_cohort(db, persons)
    with db.read() as connection:
        before = dict(connection.execute(sa.select(results.c.participant, results.c.hash)).all())
    lines = "\n".join(f"{each.participant},{'man' if at % 2 else 'woman'}" for at, each in enumerate(persons))
    assert type_("equality", "add", "small", written(tmp_path / "e.csv", f"participant,sex\n{lines}\n"))[0] == 0
    assert type_("cohort", "run", "small", "--no-wait")[0] == 0
    with db.read() as connection:
        assert dict(connection.execute(sa.select(results.c.participant, results.c.hash)).all()) == before
        assert all("woman" not in document for document in connection.execute(sa.select(results.c.document)).scalars())


# --------------------------------------------------------------------------------------------------------------- file


def test_a_file_is_taken_over_and_only_counts_are_listed(db: Database, type_: Type, tmp_path: Path) -> None:
    opened(db, Person("P-1"), Person("P-2"), Person("P-3"))
    text = "participant;Sex;ethnicity\nP-1;Woman;prefer not to say\nP-2;woman;\nP-3;man;Black\n"
    status, said = type_("equality", "add", "small", written(tmp_path / "e.csv", "\ufeff" + text))
    assert (status, "4 statement(s) kept: ethnicity, sex" in said) == (0, True)
    found = json.loads(type_("equality", "list", "small", "--json")[1])
    assert found["equality"] == [
        {"characteristic": "ethnicity", "who": "participant", "stated": 1},
        {"characteristic": "sex", "who": "participant", "stated": 3},
    ]
    with db.read() as connection:
        assert stated(connection, COHORT)["sex"][Who.PARTICIPANT] == {"P-1": "Woman", "P-2": "Woman", "P-3": "man"}
    assert "Black" not in type_("equality", "list", "small")[1]
    assert "1 statement(s) deleted" in type_("equality", "delete", "small", "P-1")[1]
    assert type_("equality", "delete", "small")[0] == 2
    assert "3 statement(s) deleted" in type_("equality", "delete", "small", "--all")[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1, participant: is missing"),
        ("participant,sex\n", "has no rows"),
        ("participant\nP-1\n", "has no column beside participant"),
        ("name,sex\nP-1,secretword\n", "line 1, participant: is missing"),
        ("participant,sex\nP-9,secretword\n", "line 2, participant: is no participant of this cohort"),
        ("participant,sex\nP-1,secretword\nP-1,man\n", "line 3, participant: is a participant twice"),
        ("participant,sex,sex\nP-1,secretword,man\n", "two columns of one name"),
        ("participant,sex\nP-1,secretword@example.org\n", "line 2, sex: is no group"),
        ("participant,sex\nP-1," + "secretword" * 20 + "\n", "line 2, sex: is no group"),
        ("participant,sex\nP-1,secretword,3\n", "has 3 cells where there are 2 columns"),
        ('participant,sex\nP-1,"secretword\n', "a quote"),
        (
            "participant," + ",".join(f"c{n}" for n in range(21)) + "\nP-1" + ",secretword" * 21 + "\n",
            "21 characteristics",
        ),
    ],
)
def test_a_file_with_mistakes_is_refused_whole_without_showing_a_cell(
    db: Database, type_: Type, tmp_path: Path, text: str, said: str
) -> None:
    opened(db, Person("P-1"))
    status, answer = type_("equality", "add", "small", written(tmp_path / "e.csv", text))
    assert status == 1
    assert said in answer
    assert "secretword" not in answer
    with db.read() as connection:
        assert stated(connection, COHORT) == {}


def test_free_text_is_no_characteristic(db: Database, type_: Type, tmp_path: Path) -> None:
    persons = people(30)
    opened(db, *persons)
    lines = "\n".join(f"{each.participant},1970-01-{at + 1:02}" for at, each in enumerate(persons))
    answer = type_("equality", "add", "small", written(tmp_path / "e.csv", f"participant,born\n{lines}\n"))[1]
    assert "has 30 different answers; put them into at most 20 groups first" in answer
    assert "1970" not in answer


def test_bytes_that_are_no_text_are_refused(db: Database, type_: Type, tmp_path: Path) -> None:
    opened(db, Person("P-1"))
    (tmp_path / "e.csv").write_bytes(b"participant,sex\nP-1,\xff\xfe\n")
    assert "not written in UTF-8" in type_("equality", "add", "small", str(tmp_path / "e.csv"))[1]
    assert "is missing" in type_("equality", "add", "small", str(tmp_path / "none.csv"))[1]
    assert "talentline cohort list" in type_("equality", "add", "nowhere", str(tmp_path / "e.csv"))[1]


# ----------------------------------------------------------------------------------------------------------- fairness


def decided(db: Database, statuses: dict[str, PoolStatus]) -> None:
    with db.write() as uow:
        for who, status in statuses.items():
            entry = PoolEntry("local", "developing", status, "", "Chair", "", date(2027, 1, 1), date(2028, 1, 1))
            append(uow, COHORT, ParticipantId(who), entry, result=None, at=NOW, until=NOW + timedelta(days=700))


def stating(db: Database, type_: Type, tmp_path: Path, persons: list[Person]) -> None:
    lines = "\n".join(f"{each.participant},{'woman' if at % 3 else 'man'}" for at, each in enumerate(persons))
    type_("equality", "add", "small", written(tmp_path / "e.csv", f"participant,sex\n{lines}\n"))


def test_the_report_compares_decisions_results_and_raters(db: Database, type_: Type, tmp_path: Path) -> None:
    persons = people(45)
    scored_cohort(db, persons)
    stating(db, type_, tmp_path, persons)
    decided(
        db,
        {each.participant: PoolStatus.ADMITTED if at % 2 else PoolStatus.DECLINED for at, each in enumerate(persons)},
    )
    found = json.loads(type_("fairness", "small", "--json")[1])
    same_keys(documented("Of `fairness COHORT`"), found)
    same_keys(documented("Of `equality list COHORT`"), json.loads(type_("equality", "list", "small", "--json")[1]))
    assert (found["view"], found["minimum"]) == ("programme", 5)
    (sex,) = found["characteristics"]
    assert (sex["reference"], sex["groups"]) == ("woman", [{"group": "man", "n": 15}, {"group": "woman", "n": 30}])
    admitted = next(each for each in sex["selections"] if each["outcome"] == "admitted to local")
    man = next(row for row in admitted["groups"] if row["group"] == "man")
    assert (man["selected"], man["decided"], man["undecided"]) == (7, 15, 0)
    assert "no conclusion possible" in man["impact"]["reading"]
    assert {each["rater_group"] for each in sex["pairings"]} == {"self", "line_manager", "peer", "assessors", "markers"}
    assert {each["domain"] for each in sex["domains"]} == {"A", "B"}
    assert any("DIF needs 100 people in each group" in each for each in sex["cannot"])
    shown = type_("fairness", "small")[1]
    assert "no conclusion possible" in shown
    assert "comparisons; by chance alone" in shown


def test_the_public_view_shows_no_count_below_ten(db: Database, type_: Type, tmp_path: Path) -> None:
    persons = people(24)
    scored_cohort(db, persons)
    stating(db, type_, tmp_path, persons)
    (programme,) = json.loads(type_("fairness", "small", "--json")[1])["characteristics"]
    assert programme["groups"] == [{"group": "man", "n": 8}, {"group": "woman", "n": 16}]
    (public,) = json.loads(type_("fairness", "small", "--public", "--json")[1])["characteristics"]
    assert (public["groups"], public["hidden_groups"]) == ([], 2)
    assert "groups below 10 are not shown" in public["cannot"][0]


def test_without_equality_data_or_with_a_strange_reference_it_says_what_to_do(
    db: Database, type_: Type, tmp_path: Path
) -> None:
    persons = people(12)
    scored_cohort(db, persons)
    assert "talentline equality add small FILE.csv" in type_("fairness", "small")[1]
    assert "talentline equality list small" in type_("fairness", "small", "--reference", "age=old")[1]
    stating(db, type_, tmp_path, persons)
    assert "nobody who is scored is in the reference group" in type_("fairness", "small", "--reference", "sex=x")[1]
    assert type_("fairness", "small", "--reference", "sex")[0] == 2
    assert type_("fairness", "nowhere")[0] == 1
