"""Each kind of mistake that a cohort folder can hold is named by file, line, column and reason."""

from pathlib import Path

import pytest

from tests.builders.described_folder import described, mistakes, read, replace, spoilt


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the pilot's description that a test may spoil."""
    return described(tmp_path / "cohort")


# Mistakes in cohort.toml

TOML_MISTAKES = [
    ('"to build on" = 1,', '"to build on" = 2,', "bands.from: “2” must begin with a band at the scale's minimum, 1"),
    (
        '"a strength" = 3.75',
        '"a strength" = 5',
        "bands.from: “5” has a band that begins at or beyond",
    ),
    ('"a strength" = 3.75', '"a strength" = 2.75', "bands.from: has two bands that begin at the same point"),
    ("[bands]", "[thresholds]\nraters = 4\n\n[bands]", "thresholds.version: is missing"),
    (
        "[bands]",
        '[thresholds]\nversion = "1"\nband_probability = 0.5\n\n[bands]',
        "thresholds.band_probability: “0.5” is too small; it must be 0.8 or more",
    ),
    (
        "[bands]",
        '[thresholds]\nversion = "1"\nnot_observed_share = 25.0\n\n[bands]',
        "thresholds.not_observed_share: “25.0” is too large; it must be 1 or less",
    ),
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
        "comment:strengths",
        "identity:ratr",
        "maps_to: “identity:ratr” needs one of participant, rater, assessor, marker, relationship, email, token after",
    ),
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
