"""A cohort folder is read whole or not at all, and every mistake is told at once, by file, line and reason."""

import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from shared.cohort.folder import CohortFolder, FolderMistakes, Mistake, read_folder
from shared.words import Facet, Instrument, PoolPolicy, Relationship, ReleasePolicy
from tests.builders.cohort_folder import OTHER_RULES, CohortRules, write_cohort

PILOT = Path(__file__).parents[2] / "deploy" / "demo_cohort"
FED = ("deliveries", "development_day", "written", "late", "rejected")
VENDORS = {"typeform", "qualtrics"}
Change = Callable[[Path], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the pilot's description that a test may spoil."""
    copy = tmp_path / "cohort"
    shutil.copytree(PILOT, copy, ignore=shutil.ignore_patterns(*FED))
    return copy


def read(path: Path) -> CohortFolder:
    return read_folder(path, vendors=VENDORS)


def mistakes(path: Path) -> tuple[Mistake, ...]:
    with pytest.raises(FolderMistakes) as refused:
        read(path)
    return refused.value.mistakes


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8", newline="")


def spoilt(folder: Path, file: str, old: str, new: str) -> list[str]:
    """The mistakes, as read by a coordinator, after a replacement in one file."""
    replace(folder / file, old, new)
    return [str(mistake) for mistake in mistakes(folder)]


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


# Mistakes in cohort.toml

TOML_MISTAKES = [
    ("opens = 2017-01-23", "opens = 2017-13-23", "cohort.toml, line 4: is not valid TOML"),
    (
        "opens = 2017-01-23",
        'opens = "2017-01-23"',
        "line 4, opens: “2017-01-23” is not a date; write it without quotes",
    ),
    ("opens = 2017-01-23", "opens = 2017-04-23", "line 5, closes: “2017-03-31” is before the day it opens, 2017-04-23"),
    ("closes = 2017-03-31", "closes = 2017-03-31T10:00:00", "line 5, closes: is not a date"),
    ("closes = 2017-03-31", "", "cohort.toml, closes: is missing"),
    (
        "Europe/London",
        "Europe/Londn",
        "line 6, time_zone: “Europe/Londn” is not a time zone such as Europe/London; did",
    ),
    ('"pilot-p"', '"pilot p"', "line 2, cohort: “pilot p” is not a code; use only"),
    ('"pilot-p"', "7", "line 2, cohort: “7” must be text in quotes"),
    ('title = "', 'titel = "', "line 3, titel: is not a key that is known here; did you mean “title”?"),
    ('title = "', 'titel = "', "cohort.toml, title: is missing"),
    ('version = "1"', "version = 1", "framework.version: “1” must be text in quotes"),
    ("minimum = 1", "minimum = 9", "line 12, framework.scale: has no width"),
    ("minimum = 1", "minimum = nan", "line 12, framework.scale.minimum: “nan” must be a finite number"),
    (
        "[connections.appraisal-360]",
        "[connections.Appraisal]",
        "connections.Appraisal: “Appraisal” can't stand in a web",
    ),
    (
        'vendor = "typeform"',
        'vendor = "tyepform"',
        "“tyepform” is not in the survey tools that are known here (qualtrics,",
    ),
    (
        'instrument = "appraisal_360"',
        'instrument = "appraisal"',
        "“appraisal” is not one of appraisal_360, development",
    ),
    ("secret_env =", "secret =", "secret: is not a key: a secret never stands in a file"),
    ("TALENTLINE_SECRET_APPRAISAL_360", "s3cret!", "secret_env: is not the name of an environment variable"),
    ("peer = 3", "pear = 3", "evidence.appraisal_360.pear: is not a key that is known here; did you mean “peer”?"),
    ("peer = 3", "peer = -1", "evidence.appraisal_360.peer: “-1” is too small; it must be 0 or more"),
    ("peer = 3", "peer = 2.5", "evidence.appraisal_360.peer: “2.5” must be a whole number"),
    ("self = 1", "self = 2", "evidence.appraisal_360: asks for more than one self rating"),
    (
        '"EX4"]',
        '"EX5"]',
        "line 27, evidence.development_day.exercises: “EX5” is not in programme/exercises.csv; did you",
    ),
    ('"EX4"]', '"EX1"]', "evidence.development_day.exercises: names one of them twice"),
    ('["EX1", "EX2", "EX3", "EX4"]', "[]", "evidence.development_day.exercises: is empty; name at least one"),
    ('["EX1", "EX2", "EX3", "EX4"]', '"EX1"', "exercises: “EX1” must be a list in square brackets"),
    ("assessors = 2", "assessors = 0", "line 28, evidence.development_day.assessors: “0” is too small"),
    ("moderate_above = 3", "moderate_above = -3", "moderate_above: “-3” is too small"),
    ("written_assessment = 0.2", "", "weights.written_assessment: is missing, yet [evidence.written_assessment] asks"),
    ("written_assessment = 0.2", "written_assessment = -0.2", "weights.written_assessment: “-0.2” is too small"),
    (
        "group_minimum = 3",
        "group_minimum = 0",
        "line 40, disclosure.group_minimum: “0” is too small; it must be 1 or more",
    ),
    (
        'policy = "at_run"',
        'policy = "at run"',
        "release.policy: “at run” is not one of at_run, automatic, after_debrief; did",
    ),
    ('policy = "propose"', 'policy = "suggest"', "pool.policy: “suggest” is not one of propose, automatic"),
    ('"regional"]', '"region one"]', "pool.levels: “region one” is not a code"),
    ('[pool]\npolicy = "propose"', "", "cohort.toml, pool: is missing"),
    ("[disclosure]\ngroup_minimum = 3", "disclosure = 3", "weights.disclosure: is not a key that is known here"),
]


@pytest.mark.parametrize(("old", "new", "told"), TOML_MISTAKES)
def test_a_mistake_in_cohort_toml_is_named_by_line_and_key(folder: Path, old: str, new: str, told: str) -> None:
    lines = spoilt(folder, "cohort.toml", old, new)
    assert any(told in line for line in lines), lines


def test_weights_are_for_evidence_that_is_asked_for_only(folder: Path) -> None:
    lines = spoilt(folder, "cohort.toml", "[evidence.written_assessment]\nmarkers = 2\nmoderate_above = 3", "")
    assert any(
        "weights.written_assessment: “0.2” is above 0, yet there is no [evidence.written" in line for line in lines
    )


def test_weights_that_are_all_zero_are_refused(folder: Path) -> None:
    for share in ("appraisal_360 = 0.4", "development_day = 0.4", "written_assessment = 0.2"):
        replace(folder / "cohort.toml", share, share.split(" = ")[0] + " = 0")
    assert any("weights: has nothing above 0" in str(mistake) for mistake in mistakes(folder))


def test_weights_that_do_not_add_up_to_one_are_made_shares_and_it_is_said(folder: Path) -> None:
    replace(folder / "cohort.toml", "written_assessment = 0.2", "written_assessment = 1.2")
    found = read(folder)
    assert found.definition.weights == pytest.approx(
        {"appraisal_360": 0.2, "development_day": 0.2, "written_assessment": 0.6}
    )
    assert [str(warning) for warning in found.warnings] == [
        "cohort.toml, line 34, weights: adds up to 2, not 1; each weight is divided by 2"
    ]


def test_an_appraisal_needs_a_connection(folder: Path) -> None:
    replace(folder / "cohort.toml", 'instrument = "appraisal_360"', 'instrument = "development_day"')
    assert any('have none with instrument = "appraisal_360"' in str(mistake) for mistake in mistakes(folder))


def test_a_cohort_that_asks_for_no_evidence_is_refused(folder: Path) -> None:
    text = (folder / "cohort.toml").read_text(encoding="utf-8")
    start, end = text.index("[evidence.appraisal_360]"), text.index("[weights]")
    (folder / "cohort.toml").write_text(text[:start] + "[evidence]\n" + text[end:], encoding="utf-8")
    assert any("evidence: asks for nothing; add one of" in str(mistake) for mistake in mistakes(folder))


def test_broken_toml_does_not_hide_mistakes_in_other_files(folder: Path) -> None:
    replace(folder / "roster.csv", "CCG", "CCX")
    lines = spoilt(folder, "cohort.toml", "[framework]", "[framework")
    assert [line.split(":")[0] for line in lines] == ["cohort.toml, line 8", "roster.csv, line 2, organisation"]


# Mistakes in the tables

CSV_MISTAKES = [
    (
        "roster.csv",
        "CCG,local",
        "CCX,local",
        "roster.csv, line 2, organisation: “CCX” is not in programme/organisations.csv; did",
    ),
    ("roster.csv", "CCG,local", ",local", "roster.csv, line 2, organisation: is blank"),
    (
        "roster.csv",
        "CCG,local",
        "CCG,locale",
        "line 2, pool_consent: “locale” is not in pool.levels of cohort.toml; did you",
    ),
    ("roster.csv", "p-0002@example", "p-0002 at example", "roster.csv, line 3, email: is not an e-mail address"),
    ("roster.csv", "P-0002", "P-0001", "roster.csv, line 3, participant: is a participant twice; line 2 has it too"),
    ("roster.csv", "P-0002", "p-0001", "roster.csv, line 3, participant: is a participant twice; line 2 has it too"),
    ("roster.csv", "P-0002", "P/0002", "roster.csv, line 3, participant: is not a code; use only"),
    ("roster.csv", "Idris,Fernández", ",", "roster.csv, line 3, given_name: is blank, and so is family_name"),
    ("roster.csv", "Idris", '"Id\nris"', "roster.csv, line 3, given_name: holds a line break or control character"),
    ("roster.csv", "Idris", '"Id"ris', 'roster.csv, line 3: has a quote (") that is not closed'),
    ("roster.csv", "Idris", "Idris,M.", "roster.csv, line 3: has 7 cells where there are 6 columns; a cell that holds"),
    ("roster.csv", "Idris,", "", "roster.csv, line 3: has 5 cells where there are 6 columns"),
    ("roster.csv", "pool_consent", "pool consent", "line 1, pool_consent: is missing; the columns are participant,"),
    ("roster.csv", "pool_consent", "pool consent", "is it “pool consent”?"),
    ("roster.csv", "pool_consent", "email", "roster.csv, line 1, email: stands twice among the column names"),
    (
        "raters.csv",
        "P-0001,line_manager",
        "P-0001,manager",
        "line 3, relationship: “manager” is not one of self, line_",
    ),
    ("raters.csv", "P-0001,line_manager", "P-0001,self", "line 3, relationship: “self” is a second self of this parti"),
    (
        "raters.csv",
        "P-0001,line_manager",
        "P-0099,line_manager",
        "line 3, participant: “P-0099” is not in roster.csv; did",
    ),
    (
        "raters.csv",
        "R-P-0001-PE2",
        "R-P-0001-PE1",
        "raters.csv, line 5, rater: is a rater twice; a person who rates two",
    ),
    ("assessors.csv", "A-02", "A-01", "assessors.csv, line 3, assessor: is an assessor twice; line 2 has it too"),
    ("assessors.csv", "assessor.02@example.org", "nowhere", "assessors.csv, line 3, email: is not an e-mail address"),
    ("programme/choices.csv", "4 - Often,4", "4 - Often,6", "line 3, rating: “6” is not on the scale 1 to 5"),
    (
        "programme/choices.csv",
        "4 - Often,4",
        "4 - Often,four",
        "line 3, rating: “four” is not a number such as 3 or 3.5",
    ),
    ("programme/choices.csv", "4 - Often", "5 - Consistently", "line 3, label: “5 - Consistently” is a choice twice"),
    ("programme/choices.csv", "4 - Often", "", "programme/choices.csv, line 3, label: is blank"),
    (
        "programme/exercises.csv",
        "System simulation,SL2",
        "System simulation,SL9",
        "line 3, competency: “SL9” is not in progra",
    ),
    ("programme/exercises.csv", "SL2,apply", "SL1,apply", "line 3, competency: “SL1” is shown by this exercise twice"),
    ("programme/exercises.csv", "SL2,apply", "SL2,does", "line 3, facet: “does” is not one of know, apply"),
    (
        "programme/exercises.csv",
        "EX1,System simulation,SL2",
        "EX1,Simulation,SL2",
        "line 3, name: “Simulation” is “System",
    ),
    ("programme/written_criteria.csv", "W2", "W1", "line 3, criterion: “W1” is a criterion twice; line 2 has it too"),
    ("programme/written_criteria.csv", "aim,10", "aim,0", "line 3, max_mark: “0” is too small; it must be above 0"),
    ("programme/written_criteria.csv", "aim,10", "aim,", "line 3, max_mark: is blank"),
    ("programme/organisations.csv", "NCUH,", "CCG,", "line 3, organisation: “CCG” is an organisation twice"),
    (
        "programme/form_fields.csv",
        "typeform,wNe360aT,e5316960",
        "qualtrics,wNe360aT,e5316960",
        "line 3, vendor: “qualtrics” is “typeform” for the connection",
    ),
    (
        "programme/form_fields.csv",
        "appraisal-360",
        "apraisal-360",
        "line 2, connection: “apraisal-360” is not in the connec",
    ),
    (
        "programme/form_fields.csv",
        "SL1b",
        "SL1a",
        "line 3, maps_to: “SL1a” is asked twice by this form; line 2 has it too",
    ),
    (
        "programme/form_fields.csv",
        "SL1b",
        "SL1z",
        "line 3, maps_to: “SL1z” is neither an item of programme/framework.csv",
    ),
    ("programme/form_fields.csv", "comment:strengths", "comment:", "maps_to: “comment:” needs a kind of comment after"),
    (
        "programme/form_fields.csv",
        "e5316960-6ce1-43c2-aeef-a279b02e3d8d",
        "ccb1c51d-0eba-4ea8-8770-a08716e6fec3",
        "field_ref: “ccb1c51d-0eba-4ea8-8770-a08716e6fec3” is a field of this form twice",
    ),
    ("programme/framework.csv", "SL1b", "SL1a", "line 3, item: “SL1a” is an item twice; line 2 has it too"),
    ("programme/framework.csv", "SL1b", "SL", "line 3, item: “SL” is the code of a domain on line 2 already"),
    (
        "programme/framework.csv",
        "SL,Systems leadership,SL2",
        "IK,Systems leadership,SL2",
        "line 5, domain: “IK” is “SL” for com",
    ),
    (
        "programme/framework.csv",
        "Systems leadership,SL2",
        "System leadership,SL2",
        "line 5, domain_name: “System leadership” is",
    ),
    (
        "programme/framework.csv",
        "Trust and partnership,SL2b",
        "Trust,SL2b",
        "line 6, competency_name: “Trust” is “Trust and",
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "told"), CSV_MISTAKES)
def test_a_mistake_in_a_table_is_named_by_file_line_and_column(
    folder: Path, file: str, old: str, new: str, told: str
) -> None:
    lines = spoilt(folder, file, old, new)
    assert any(told in line for line in lines), lines


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
