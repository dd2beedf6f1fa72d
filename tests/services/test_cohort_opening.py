"""Opening a cohort: once, unchanged, with --update; what is pinned; names that clash; two at once."""

import csv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from shared import bus, people
from shared.cohort import store
from shared.cohort.folder import CohortFolder, read_folder
from shared.cohort.opening import CohortChanged, ConnectionTaken, Opening, Pinned, open_cohort
from shared.db import Database
from shared.events import MappingChanged
from shared.ids import CohortId
from tests.builders.cohort_folder import CohortRules, write_cohort

COHORT = CohortId("spring")
RATER = "SPRING-002.peer.4"
READ_AGAIN = "what arrived on spring-feedback is read again, with all that the folder says now"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small cohort's folder that a test may change."""
    path = tmp_path / "spring"
    write_cohort(path, cohort=COHORT, participants=4, organisations=2, incomplete=False, oddities=False)
    return path


def read(path: Path) -> CohortFolder:
    return read_folder(path, vendors={"typeform"})


def opened(
    db: Database,
    path: Path,
    *,
    update: bool = False,
    has_evidence: bool = False,
    people_with_evidence: set[str] | None = None,
) -> Opening:
    with db.write() as uow:
        return open_cohort(
            uow,
            read(path),
            update=update,
            actor="Asha Coordinator",
            has_evidence=has_evidence,
            people_with_evidence=people_with_evidence,
        )


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new).encode())


def everybody(_: dict[str, str]) -> bool:
    return True


def rows(path: Path, who: str = "", *, keep: Callable[[dict[str, str]], bool] = everybody, **cells: str) -> None:
    """Rewrite a CSV file: only the rows to keep, and with other cells in the row that starts with `who`."""
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    columns = list(found[0])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows({**row, **(cells if row[columns[0]] == who else {})} for row in found if keep(row))


@dataclass(frozen=True)
class Kept:
    """Everything that the database says about cohorts."""

    rows: dict[str, list[dict[str, Any]]]

    @classmethod
    def by(cls, db: Database) -> "Kept":
        tables = (
            store.cohorts,
            store.definitions,
            store.connections,
            people.participants,
            people.raters,
            people.assessors,
            bus.audit,
        )
        with db.read() as connection:
            return cls({t.name: [dict(row) for row in connection.execute(sa.select(t)).mappings()] for t in tables})


def test_a_cohort_is_opened_with_its_rules_its_people_and_an_audit_entry(any_db: Database, folder: Path) -> None:
    assert opened(any_db, folder) == Opening("created")
    found = read(folder)
    with any_db.read() as connection:
        assert store.definition_of(connection, COHORT) == found.definition
        assert store.cohorts_open(connection) == [COHORT]
        assert store.cohort_of_connection(connection, "spring-feedback") == COHORT
        assert tuple(people.participants_of(connection, COHORT)) == found.participants
        assert people.raters_among(connection, COHORT, [found.raters[5].rater]) == [found.raters[5]]
        assert people.assessors_of(connection, COHORT) == {person.assessor for person in found.assessors}
    (entry,) = Kept.by(any_db).rows["bus_audit"]
    assert (entry["actor"], entry["action"], entry["subject"]) == ("Asha Coordinator", "cohort.opened", COHORT)
    assert entry["detail"]["participants"] == 4


def test_opening_the_same_folder_again_changes_nothing(any_db: Database, folder: Path) -> None:
    opened(any_db, folder)
    before = Kept.by(any_db)
    for update in (False, True):
        assert opened(any_db, folder, update=update, has_evidence=True) == Opening("unchanged")
    assert Kept.by(any_db) == before


def test_a_changed_folder_says_what_changed_and_asks_for_update(db: Database, folder: Path) -> None:
    opened(db, folder)
    before = Kept.by(db)
    replace(folder / "cohort.toml", "peer = 3", "peer = 2")
    replace(folder / "cohort.toml", 'policy = "at_run"', 'policy = "automatic"')
    replace(folder / "programme/choices.csv", "Seldom", "Rarely")
    rows(folder / "roster.csv", "SPRING-001", email="new@example.org", organisation="ORG-1")
    rows(folder / "raters.csv", keep=lambda row: row["rater"] != RATER)
    with pytest.raises(CohortChanged) as refused:
        opened(db, folder)
    assert list(refused.value.changes) == [
        "cohort.toml: evidence.appraisal_360.peer was 3, is now 2",
        "cohort.toml: release.policy was at_run, is now automatic",
        "programme/choices.csv: added “Rarely”",
        "programme/choices.csv: removed “Seldom”",
        "roster.csv: changed SPRING-001 (email, organisation ORG-2 → ORG-1)",
        f"raters.csv: removed {RATER}",
        READ_AGAIN,
    ]
    assert "add --update" in str(refused.value)
    assert Kept.by(db) == before


def test_an_update_takes_the_folder_over_keeps_the_old_version_and_is_audited(any_db: Database, folder: Path) -> None:
    opened(any_db, folder)
    first = read(folder)
    replace(folder / "cohort.toml", "group_minimum = 3", "group_minimum = 4")
    rows(folder / "roster.csv", "SPRING-001", email="new@example.org")
    rows(folder / "raters.csv", keep=lambda row: row["rater"] != RATER)
    replace(folder / "assessors.csv", "OBS-5", "OBS-6")
    opening = opened(any_db, folder, update=True)
    assert opening.outcome == "updated"
    assert "assessors.csv: added OBS-6" in opening.changes
    second = read(folder)
    with any_db.read() as connection:
        assert store.definition_of(connection, COHORT) == second.definition
        assert tuple(people.participants_of(connection, COHORT)) == second.participants
        assert people.raters_among(connection, COHORT, [first.raters[0].rater])
        assert "OBS-5" not in people.assessors_of(connection, COHORT)
    kept = Kept.by(any_db).rows
    assert {row["digest"] for row in kept["cohort_definitions"]} == {first.definition.digest, second.definition.digest}
    assert len(kept["people_raters"]) == len(first.raters) - 1
    assert [entry["action"] for entry in kept["bus_audit"]] == ["cohort.opened", "cohort.updated"]
    assert kept["bus_audit"][1]["detail"]["changes"] == list(opening.changes)
    assert opened(any_db, folder) == Opening("unchanged")


def test_a_version_that_comes_back_is_in_force_again(db: Database, folder: Path) -> None:
    opened(db, folder)
    first = read(folder).definition
    replace(folder / "cohort.toml", "group_minimum = 3", "group_minimum = 4")
    opened(db, folder, update=True)
    replace(folder / "cohort.toml", "group_minimum = 4", "group_minimum = 3")
    opened(db, folder, update=True)
    with db.read() as connection:
        assert store.definition_of(connection, COHORT) == first
    assert len(Kept.by(db).rows["cohort_definitions"]) == 2


def test_no_name_and_no_address_is_in_what_changed_or_in_the_audit(db: Database, folder: Path) -> None:
    opened(db, folder)
    rows(folder / "roster.csv", "SPRING-001", email="zelda@example.org", given_name="Zelda")
    rows(folder / "raters.csv", RATER, name="Zelda Other", email="zelda@example.org")
    opening = opened(db, folder, update=True)
    assert opening.changes == (
        "roster.csv: changed SPRING-001 (given_name, email)",
        f"raters.csv: changed {RATER} (name, email)",
    )
    assert "elda" not in str(Kept.by(db).rows["bus_audit"])


PINNED = [
    ("cohort.toml", "maximum = 5", "maximum = 6", "framework.scale (1 to 5 → 1 to 6); ratings are recorded on it"),
    (
        "cohort.toml",
        'version = "1"',
        'version = "2"',
        "framework (aspiring-talent/1 → aspiring-talent/2); results name it",
    ),
    ("programme/framework.csv", "Trust and partnership", "Trust", "SL2: name was Trust and partnership, is now Trust"),
    (
        "programme/framework.csv",
        "Shares information and",
        "Shares",
        "SL2c: statement was Shares information and credit",
    ),
    (
        "programme/exercises.csv",
        "X1,Exercise X1,SL2,apply",
        "X1,Exercise X1,SL2,know",
        "X1/SL2: facet was apply, is now know",
    ),
    (
        "programme/exercises.csv",
        "X1,Exercise X1,SL2,apply\r\n",
        "",
        "programme/exercises.csv: removed X1/SL2; sheets and",
    ),
    (
        "programme/written_criteria.csv",
        "K1,10,",
        "K1,12,",
        "K1: max_mark was 10, is now 12; sheets and marks that arrived",
    ),
    ("programme/written_criteria.csv", "K5,CL1,Criterion K5,10,know\r\n", "", "written_criteria.csv: removed K5"),
]


@pytest.mark.parametrize(("file", "old", "new", "told"), PINNED)
def test_what_evidence_rests_on_is_pinned_once_there_is_any(
    db: Database, folder: Path, file: str, old: str, new: str, told: str
) -> None:
    opened(db, folder)
    before = Kept.by(db)
    replace(folder / file, old, new)
    for update in (True, False):
        with pytest.raises(Pinned) as refused:
            opened(db, folder, update=update, has_evidence=True)
        assert any(told in reason for reason in refused.value.reasons), refused.value.reasons
    assert Kept.by(db) == before
    assert opened(db, folder, update=True, has_evidence=False).outcome == "updated"


def test_rules_names_forms_and_new_people_may_change_after_evidence(db: Database, folder: Path) -> None:
    opened(db, folder)
    replace(folder / "cohort.toml", "appraisal_360 = 0.5", "appraisal_360 = 0.6")
    replace(folder / "cohort.toml", "development_day = 0.3", "development_day = 0.2")
    replace(folder / "programme/exercises.csv", "Exercise X1", "Simulation")
    with (folder / "programme/choices.csv").open("a", encoding="utf-8") as choices:
        choices.write("Once in a blue moon,1\n")
    with (folder / "roster.csv").open("a", encoding="utf-8") as roster:
        roster.write("SPRING-005,Ada,Lind,ada@example.org,ORG-1,\n")
    opening = opened(db, folder, update=True, has_evidence=True)
    assert opening.changes == (
        "cohort.toml: weights.appraisal_360 was 0.5, is now 0.6",
        "cohort.toml: weights.development_day was 0.3, is now 0.2",
        *(f"programme/exercises.csv: X1/SL{n}: name was Exercise X1, is now Simulation" for n in range(1, 5)),
        "programme/choices.csv: added “Once in a blue moon”",
        "roster.csv: added SPRING-005",
        READ_AGAIN,
    )


def test_a_form_that_is_mapped_anew_is_read_again_and_nothing_else_is(db: Database, folder: Path) -> None:
    opened(db, folder)
    replace(folder / "programme/choices.csv", "Seldom,2", "Seldom,1")
    changes = opened(db, folder, update=True, has_evidence=True).changes
    assert changes[0] == "programme/choices.csv: “Seldom”: rating was 2, is now 1"
    assert changes[1] == READ_AGAIN
    assert asked_again(db) == [["spring-feedback"]]
    replace(folder / "cohort.toml", "appraisal_360 = 0.5", "appraisal_360 = 0.6")
    assert opened(db, folder, update=True, has_evidence=True).rereading is None
    assert asked_again(db) == [["spring-feedback"]]


def asked_again(db: Database) -> list[list[str]]:
    """The connections of each MappingChanged."""
    query = sa.select(bus.events.c.payload).where(bus.events.c.name == MappingChanged.name).order_by(bus.events.c.id)
    with db.read() as connection:
        return [payload["connections"] for payload in connection.execute(query).scalars()]


def test_a_rater_with_another_relationship_says_that_earlier_answers_stay(db: Database, folder: Path) -> None:
    opened(db, folder)
    rows(folder / "raters.csv", RATER, relationship="system_partner")
    changes = opened(db, folder, update=True, has_evidence=True).changes
    assert changes[0] == f"raters.csv: changed {RATER} (relationship peer → system_partner)"
    assert changes[1].startswith("what was recorded before keeps the relationship it was read with")


def test_people_whom_evidence_is_from_or_about_cannot_be_removed(db: Database, folder: Path) -> None:
    opened(db, folder)
    rows(folder / "roster.csv", keep=lambda row: row["participant"] != "SPRING-004")
    rows(folder / "raters.csv", keep=lambda row: row["participant"] != "SPRING-004" and row["rater"] != RATER)
    with pytest.raises(Pinned) as refused:
        opened(db, folder, update=True, has_evidence=True, people_with_evidence={"SPRING-004", "SPRING-004.self.1"})
    assert refused.value.reasons == (
        "roster.csv: SPRING-004 can't be removed; put the row back as it was",
        "raters.csv: SPRING-004.self.1 can't be removed; put the row back as it was",
    )
    with pytest.raises(Pinned):
        opened(db, folder, update=True, has_evidence=True)


def test_people_without_evidence_may_be_removed_although_others_have_some(db: Database, folder: Path) -> None:
    opened(db, folder)
    rows(folder / "raters.csv", keep=lambda row: row["rater"] != RATER)
    opening = opened(db, folder, update=True, has_evidence=True, people_with_evidence={"SPRING-001"})
    assert opening.changes == (f"raters.csv: removed {RATER}",)


def test_a_rater_with_evidence_cannot_be_given_to_another_participant(db: Database, folder: Path) -> None:
    opened(db, folder)
    rows(folder / "raters.csv", RATER, participant="SPRING-001")
    with pytest.raises(Pinned, match=r"SPRING-002\.peer\.4 can't be given to another participant"):
        opened(db, folder, update=True, has_evidence=True, people_with_evidence={RATER})


def test_a_connection_that_feeds_another_cohort_is_refused_whole(any_db: Database, tmp_path: Path) -> None:
    write_cohort(tmp_path / "one", cohort="one", participants=2, connection="feedback")
    write_cohort(tmp_path / "two", cohort="two", participants=2, connection="feedback")
    opened(any_db, tmp_path / "one")
    before = Kept.by(any_db)
    with pytest.raises(ConnectionTaken, match="feedback feeds cohort one") as refused:
        opened(any_db, tmp_path / "two")
    assert refused.value.taken == {"feedback": "one"}
    assert Kept.by(any_db) == before


def test_a_connection_that_is_given_up_is_free_for_another_cohort(db: Database, tmp_path: Path) -> None:
    write_cohort(tmp_path / "one", cohort="one", participants=2, connection="feedback")
    write_cohort(tmp_path / "two", cohort="two", participants=2, connection="feedback")
    opened(db, tmp_path / "one")
    for file in ("cohort.toml", "programme/form_fields.csv"):
        replace(tmp_path / "one" / file, "feedback", "feedback-one")
    assert opened(db, tmp_path / "one", update=True).outcome == "updated"
    assert opened(db, tmp_path / "two") == Opening("created")


def test_dropping_a_kind_of_evidence_is_told_as_a_change(db: Database, tmp_path: Path) -> None:
    write_cohort(tmp_path, cohort=COHORT, participants=2)
    opened(db, tmp_path)
    write_cohort(tmp_path, cohort=COHORT, participants=2, rules=CohortRules(markers=0))
    changes = opened(db, tmp_path, update=True).changes
    assert "cohort.toml: evidence.written_assessment.markers was 2, is now none" in changes
    assert "cohort.toml: weights.written_assessment was 0.2, is now none" in changes


def at_once(db: Database, paths: list[Path]) -> list[Opening | ConnectionTaken]:
    together = Barrier(len(paths))
    folders = [read(path) for path in paths]

    def one(folder: CohortFolder) -> Opening | ConnectionTaken:
        together.wait()
        try:
            with db.write() as uow:
                return open_cohort(uow, folder, update=True, actor="test", has_evidence=False)
        except ConnectionTaken as taken:
            return taken

    with ThreadPoolExecutor(len(paths)) as pool:
        return list(pool.map(one, folders))


def test_of_four_who_open_one_cohort_at_once_one_creates_it(postgres_db: Database, folder: Path) -> None:
    openings = at_once(postgres_db, [folder] * 4)
    assert sorted(opening.outcome for opening in openings if isinstance(opening, Opening)) == [
        "created",
        *["unchanged"] * 3,
    ]
    assert len(Kept.by(postgres_db).rows["bus_audit"]) == 1


def test_of_two_cohorts_that_open_with_one_connection_at_once_one_is_refused(
    postgres_db: Database, tmp_path: Path
) -> None:
    for cohort in ("one", "two"):
        write_cohort(tmp_path / cohort, cohort=cohort, participants=2, connection="feedback")
    outcomes = at_once(postgres_db, [tmp_path / "one", tmp_path / "two"])
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ConnectionTaken", "Opening"]
    assert len(Kept.by(postgres_db).rows["cohort_cohorts"]) == 1


def test_two_updates_at_once_end_in_one_of_both_whole(postgres_db: Database, folder: Path, tmp_path: Path) -> None:
    opened(postgres_db, folder)
    others = [tmp_path / name for name in ("a", "b")]
    for path, minimum in zip(others, (4, 5), strict=True):
        write_cohort(path, cohort=COHORT, participants=minimum, rules=CohortRules(group_minimum=minimum))
    assert all(isinstance(outcome, Opening) for outcome in at_once(postgres_db, others))
    with postgres_db.read() as connection:
        minimum = store.definition_of(connection, COHORT).disclosure.group_minimum
        assert len(people.participants_of(connection, COHORT)) == minimum
