"""A cohort folder is read whole or not at all, and every mistake is told at once, by file, line and reason."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from shared.cohort import columns, keys
from shared.cohort.csv_file import LAYOUT
from shared.cohort.definition import USUAL, CohortDefinition, Thresholds
from shared.cohort.folder import FolderMistakes
from shared.words import Facet, Instrument, PoolPolicy, Relationship, ReleasePolicy
from tests.builders.cohort_folder import OTHER_RULES, CohortRules, write_cohort
from tests.builders.described_folder import FED, PILOT, described, mistakes, read, replace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the pilot's description that a test may spoil."""
    return described(tmp_path / "cohort")


# What a valid folder gives


def test_the_pilot_is_read_without_mistake_or_warning() -> None:
    found = read(PILOT)
    definition = found.definition
    assert found.warnings == ()
    assert (len(found.participants), len(found.raters), len(found.assessors)) == (7, 84, 4)
    assert definition.framework.label == "aspiring-talent/1"
    assert [len(part) for part in (definition.framework.domains, definition.framework.items)] == [3, 36]
    assert definition.weights[Instrument.DEVELOPMENT_DAY] == 0.4
    assert definition.evidence.appraisal_360 is not None
    assert definition.evidence.appraisal_360.responses[Relationship.PEER] == 3
    assert definition.choices["Not observed"] is None
    assert definition.choices["4 - Often"] == 4
    assert definition.criterion["W3"].facet is Facet.KNOW
    assert (definition.release.policy, definition.pool.policy) == (ReleasePolicy.AT_RUN, PoolPolicy.PROPOSE)


def test_the_order_of_forms_choices_and_people_does_not_matter(folder: Path) -> None:
    before = read(folder)
    for file in ("programme/form_fields.csv", "programme/choices.csv", "programme/organisations.csv", "raters.csv"):
        header, *rows = (folder / file).read_text(encoding="utf-8").splitlines()
        (folder / file).write_text("\n".join([header, *reversed(rows)]), encoding="utf-8")
    after = read(folder)
    assert after.definition.digest == before.definition.digest
    assert after.raters == before.raters


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_what_spreadsheets_save_is_read_alike(folder: Path, encoding: str, delimiter: str) -> None:
    before = read(folder)
    for path in folder.rglob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        with path.open("w", encoding=encoding, newline="") as file:
            csv.writer(file, delimiter=delimiter).writerows([*rows, [""] * len(rows[0])])
    assert read(folder) == before


def test_columns_may_be_in_any_order_and_others_may_stand_beside_them(folder: Path) -> None:
    before = read(folder)
    with (folder / "roster.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    with (folder / "roster.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([[f" {cells[0]}", *reversed(cells[1:]), "a note"] for cells in rows])
    assert read(folder) == before


def test_a_file_with_semicolons_may_have_decimal_commas(folder: Path) -> None:
    (folder / "programme/choices.csv").write_text("label;rating\nOften;3,5\nNot seen;\n", encoding="utf-8")
    assert read(folder).definition.choices == {"Not seen": None, "Often": 3.5}


def test_parts_that_are_not_asked_for_may_be_absent(tmp_path: Path) -> None:
    write_cohort(tmp_path, rules=CohortRules(assessors=0, markers=0), participants=4)
    found = read(tmp_path)
    assert not (tmp_path / "assessors.csv").exists()
    assert found.definition.evidence.development_day is None
    assert found.definition.evidence.written_assessment is None
    assert (found.definition.exercises, found.definition.criteria, found.assessors) == ((), (), ())
    assert found.definition.weights == {Instrument.APPRAISAL_360: 1.0}


def test_what_is_usual_is_the_cohorts_to_say(folder: Path) -> None:
    assert read(folder).definition.thresholds == USUAL
    replace(folder / "cohort.toml", "[bands]", '[thresholds]\nversion = "north-1"\nraters = 4\n\n[bands]')
    definition = read(folder).definition
    assert definition.thresholds == Thresholds(version="north-1", raters=4)
    assert CohortDefinition.model_validate_json(definition.model_dump_json()) == definition


def test_a_day_without_an_appraisal_needs_no_forms_and_no_raters(folder: Path) -> None:
    text = (folder / "cohort.toml").read_text(encoding="utf-8")
    start, end = text.index("[connections"), text.index("[evidence.development_day]")
    weights = text[end:].replace("appraisal_360 = 0.4\n", "")
    (folder / "cohort.toml").write_text(text[:start] + weights, encoding="utf-8")
    for file in ("raters.csv", "programme/form_fields.csv", "programme/choices.csv"):
        (folder / file).unlink()
    found = read(folder)
    assert (found.raters, dict(found.definition.connections)) == ((), {})
    assert found.definition.weights == pytest.approx({"development_day": 2 / 3, "written_assessment": 1 / 3})


@pytest.mark.parametrize("rules", [CohortRules(), OTHER_RULES, CohortRules(own_framework=True)])
def test_generated_folders_are_valid(tmp_path: Path, rules: CohortRules) -> None:
    written = write_cohort(tmp_path, rules=rules, participants=5, seed=3)
    found = read(tmp_path)
    assert found.warnings == ()
    assert [person.participant for person in found.participants] == list(written.participants)
    assert found.definition.framework.scale.maximum == rules.scale[1]
    assert found.definition.disclosure.group_minimum == rules.group_minimum


# Mistakes together


def test_every_mistake_of_every_kind_is_told_at_once_and_in_order(folder: Path) -> None:
    replace(folder / "cohort.toml", "group_minimum = 3", "group_minimum = 0")
    replace(folder / "roster.csv", "CCG,local", "CCX,locale")
    replace(folder / "raters.csv", "P-0001,line_manager", "P-0001,manager")
    replace(folder / "programme/choices.csv", "4 - Often,4", "4 - Often,6")
    (folder / "assessors.csv").unlink()
    told = [(mistake.file, mistake.line, mistake.column) for mistake in mistakes(folder)]
    assert told == [
        ("assessors.csv", None, None),
        ("cohort.toml", 40, "disclosure.group_minimum"),
        ("programme/choices.csv", 3, "rating"),
        ("raters.csv", 3, "relationship"),
        ("roster.csv", 2, "organisation"),
        ("roster.csv", 2, "pool_consent"),
    ]


def test_the_message_counts_and_lists_the_mistakes(folder: Path) -> None:
    replace(folder / "roster.csv", "CCG,local", "CCX,local")
    with pytest.raises(ValueError, match=r"has 1 mistake; correct and open it again:\n  roster.csv, line 2"):
        read(folder)


def test_a_missing_file_is_named_with_its_likely_other_name(folder: Path) -> None:
    (folder / "roster.csv").rename(folder / "Roster.CSV.csv")
    assert [str(mistake) for mistake in mistakes(folder)] == ["roster.csv: is missing; did you mean “Roster.CSV.csv”?"]


def test_a_file_in_another_encoding_is_refused_with_the_cure(folder: Path) -> None:
    text = (folder / "roster.csv").read_text(encoding="utf-8")
    (folder / "roster.csv").write_bytes(text.encode("cp1252", errors="replace"))
    (mistake,) = mistakes(folder)
    assert (mistake.file, mistake.line) == ("roster.csv", 3)
    assert "CSV UTF-8" in mistake.reason


@pytest.mark.parametrize("content", ["", "\n\n", "organisation,name\n", "\x00", "\ufeff"])
def test_a_file_without_rows_is_a_mistake(folder: Path, content: str) -> None:
    (folder / "programme/organisations.csv").write_text(content, encoding="utf-8")
    assert {mistake.file for mistake in mistakes(folder)} == {"programme/organisations.csv"}


def test_a_path_that_is_no_folder_is_a_mistake(tmp_path: Path) -> None:
    assert "is not a folder" in str(mistakes(tmp_path / "nowhere")[0])


def test_an_empty_folder_names_every_file_it_needs(tmp_path: Path) -> None:
    assert [mistake.file for mistake in mistakes(tmp_path)] == [
        "cohort.toml",
        "programme/framework.csv",
        "programme/organisations.csv",
        "roster.csv",
    ]


def test_names_addresses_and_secrets_are_in_no_mistake(folder: Path) -> None:
    replace(folder / "roster.csv", "Ffion,Nakamura,participant.p-0001@example.org", '"Fi\tona",Nakamura,fiona.at.home')
    replace(folder / "roster.csv", "P-0002", "idris@home.example")
    replace(folder / "raters.csv", "rater.r-p-0001-li1@example.org", "olumide at home")
    replace(folder / "raters.csv", "P-0001,peer", "yusuf@home.example,peer")
    replace(folder / "cohort.toml", "TALENTLINE_SECRET_APPRAISAL_360", "hunter 2")
    replace(folder / "cohort.toml", "vendor =", 'secret = "hunter 2"\nvendor =')
    with pytest.raises(FolderMistakes) as refused:
        read(folder)
    told = str(refused.value).lower()
    assert len(refused.value.mistakes) >= 6
    assert not [word for word in ("fiona", "idris", "olumide", "yusuf", "home", "hunter") if word in told]


# Warnings


def test_evidence_that_the_lists_cannot_give_is_a_warning(folder: Path) -> None:
    replace(folder / "cohort.toml", "direct_report = 3", "direct_report = 5")
    replace(folder / "cohort.toml", "assessors = 2", "assessors = 5")
    told = [str(warning) for warning in read(folder).warnings]
    assert told[0] == "assessors.csv: lists 4 of the 5 assessors that each exercise needs"
    assert told[1] == (
        "raters.csv, participant: “P-0001” can't be complete with the raters listed (direct reports: 4 of 5)"
    )
    assert len(told) == 8


SECOND_CONNECTION = """[connections.x]
vendor = "typeform"
instrument = "appraisal_360"
secret_env = "X"

[evidence.appraisal_360]"""

WARNINGS = [
    (
        "cohort.toml",
        "group_minimum = 3",
        "group_minimum = 2",
        "is below 3: raters in so small a group can often be told",
    ),
    ("cohort.toml", 'EX3", "EX4"]', 'EX3"]', "exercise: “EX4” is not asked for by evidence.development_day.exercises"),
    ("cohort.toml", "[evidence.appraisal_360]", SECOND_CONNECTION, "connection: “x” has no field here"),
    ("programme/form_fields.csv", ",SL1a\n", ",comment:more\n", "form_id: “wNe360aT” does not ask SL1a"),
    (
        "roster.csv",
        "participant.p-0002@",
        "participant.p-0001@",
        "email: is the same as on line 2: both plans go to one",
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "told"), WARNINGS)
def test_what_a_coordinator_may_leave_is_a_warning(folder: Path, file: str, old: str, new: str, told: str) -> None:
    path = folder / file
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8", newline="\n")
    replace(path, old, new)
    warnings = [str(warning) for warning in read(folder).warnings]
    assert any(told in warning for warning in warnings), warnings


# Any change of any cell


def tables(root: Path) -> list[tuple[str, list[list[str]]]]:
    found = []
    for path in sorted(root.rglob("*.csv")):
        if path.relative_to(root).parts[0] not in FED:
            with path.open(encoding="utf-8", newline="") as file:
                found.append((path.relative_to(root).as_posix(), list(csv.reader(file))))
    return found


TABLES = tables(PILOT)
CELLS = [(file, row, column) for file, rows in TABLES for row in range(1, len(rows)) for column in range(len(rows[0]))]
VALUES = sorted({cell for _, rows in TABLES for cells in rows for cell in cells})
NASTY = [
    "",
    " ",
    "\x00",
    "é",
    "a/b",
    "1e999",
    "-1",
    "nan",
    "٣",
    "=1+1",
    "comment:",
    "a@b",
    "x" * 200,
    "self",
    "{reason}",
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(("programme/organisations.csv", 1, 0), "X")
@given(
    st.sampled_from(CELLS),
    st.one_of(st.sampled_from(VALUES), st.sampled_from(NASTY), st.text(st.characters(codec="utf-8"), max_size=12)),
)
def test_any_changed_cell_gives_a_folder_or_mistakes_that_name_it(
    folder: Path, cell: tuple[str, int, int], value: str
) -> None:
    name, row, column = cell
    rows = [list(cells) for cells in dict(TABLES)[name]]
    old, rows[row][column] = rows[row][column], value
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    before = (folder / name).read_bytes()
    (folder / name).write_bytes(text.getvalue().encode())
    line = row + 1
    try:
        read(folder)
    except FolderMistakes as error:
        for mistake in error.mistakes:
            here = mistake.file == name and (mistake.line == line or f"line {line}" in mistake.reason)
            # A code that other rows refer to: it is they that are named, with the code they miss.
            refers = mistake.value == old or f"on line {line}" in mistake.reason or old in mistake.reason
            assert here or refers, str(mistake)
    finally:
        (folder / name).write_bytes(before)


# The reference


def test_the_reference_names_every_key_and_every_column() -> None:
    reference = (PILOT.parents[1] / "docs" / "cohort-folder.md").read_text(encoding="utf-8")
    models = [model for module in (columns, keys) for model in vars(module).values() if isinstance(model, type)]
    names = {name for model in models if issubclass(model, BaseModel) for name in model.model_fields}
    assert {name for name in names if name not in reference} == set()
    assert {name for name in LAYOUT if Path(name).name not in reference} == set()


def test_the_example_in_the_reference_is_the_pilots_own(folder: Path) -> None:
    reference = (PILOT.parents[1] / "docs" / "cohort-folder.md").read_text(encoding="utf-8")
    before = read(folder)
    (folder / "cohort.toml").write_text(reference.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    assert read(folder) == before
