"""Forms of all three instruments: what their fields may be mapped to, and settings of their survey tools."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from services.intake.vendors import VENDORS
from shared.cohort.folder import CohortFolder, FolderMistakes, read_folder
from tests.builders.described_folder import described

FIELDS = Path("programme", "form_fields.csv")
DAY = """
[connections.day]
vendor = "typeform"
instrument = "development_day"
secret_env = "SECRET_DAY"
"""
MARKING = """
[connections.marking]
vendor = "typeform"
instrument = "written_assessment"
secret_env = "SECRET_MARKING"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The pilot's description with a connection for each instrument."""
    copy = described(tmp_path / "cohort")
    append(copy / "cohort.toml", DAY + MARKING)
    return copy


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


def read(folder: Path) -> CohortFolder:
    return read_folder(folder, vendors=VENDORS)


def refused(folder: Path) -> list[str]:
    with pytest.raises(FolderMistakes) as found:
        read(folder)
    return [str(mistake) for mistake in found.value.mistakes]


def test_day_ratings_and_marks_may_come_by_form(folder: Path) -> None:
    rows = "day,typeform,d1,q1,EX1:SL1\nday,typeform,d1,q2,comment:strengths\nmarking,typeform,m1,q1,W3\n"
    append(folder / FIELDS, rows + "marking,typeform,m1,q2,identity:marker\n")
    fields = read(folder).definition.form_fields
    mapped = {(each.connection, each.maps_to) for each in fields if each.connection != "appraisal-360"}
    assert mapped == {
        ("day", "EX1:SL1"),
        ("day", "comment:strengths"),
        ("marking", "W3"),
        ("marking", "identity:marker"),
    }


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (
            "day,typeform,d1,q1,SL1a",
            "“SL1a” is neither EXERCISE:COMPETENCY of programme/exercises.csv nor comment:<kind>",
        ),
        ("day,typeform,d1,q1,EX1:IK9", "“EX1:IK9” is neither EXERCISE:COMPETENCY of programme/exercises.csv"),
        ("day,typeform,d1,q1,W3", "“W3” is neither EXERCISE:COMPETENCY"),
        ("marking,typeform,m1,q1,EX1:SL1", "“EX1:SL1” is neither a criterion of programme/written_criteria.csv"),
        ("marking,typeform,m1,q1,W99", "“W99” is neither a criterion of programme/written_criteria.csv"),
        ("appraisal-360,typeform,wNe360aT,q1,W3", "“W3” is neither an item of programme/framework.csv"),
        ("appraisal-360,typeform,wNe360aT,q1,EX1:SL1", "“EX1:SL1” is neither an item of programme/framework.csv"),
    ],
)
def test_a_field_rates_what_its_connections_instrument_has(folder: Path, row: str, told: str) -> None:
    append(folder / FIELDS, f"{row}\n")
    assert any(told in line for line in refused(folder))


def test_a_day_form_is_warned_of_what_its_own_exercise_lacks_and_no_other(folder: Path) -> None:
    append(folder / FIELDS, "day,typeform,d1,q1,EX1:SL1\n")
    warned = [str(warning) for warning in read(folder).warnings if "d1" in str(warning)]
    assert len(warned) == 1
    assert "EX1:SL2" in warned[0]
    assert "EX2" not in warned[0]


@pytest.mark.parametrize(
    ("vendor", "settings", "told"),
    [
        ("surveymonkey", "{}", "settings.client_id: is missing: the app's client id"),
        ("surveymonkey", '{ client_id = "x", api_host = "https://evil.example" }', "settings.api_host: "),
        ("surveymonkey", '{ client_id = "x", api_host = "127.0.0.1" }', "settings.api_host: "),
        ("redcap_det", '{ api_url = "http://redcap.example.org/api/" }', "settings.api_url: "),
        ("limesurvey_plugin", '{ time_zone = "Europe/Londn" }', "settings.time_zone: “Europe/Londn” can't be right"),
        (
            "smartsurvey",
            '{ clientid = "x" }',
            "settings.clientid: “x” is not a setting of this survey tool (it has none)",
        ),
        ("msforms_powerautomate", '{ header = "X-Note" }', "settings.header: “X-Note” can't be right"),
    ],
)
def test_settings_are_judged_by_their_survey_tool(folder: Path, vendor: str, settings: str, told: str) -> None:
    text = DAY.replace("connections.day", "connections.other").replace("typeform", vendor)
    append(folder / "cohort.toml", text + f"settings = {settings}\n")
    assert any(told in line for line in refused(folder))


def test_settings_reach_the_definition_and_their_absence_leaves_no_trace(folder: Path) -> None:
    without = read(folder).definition
    text = DAY.replace("connections.day", "connections.other").replace("typeform", "qualtrics")
    append(folder / "cohort.toml", text + 'settings = { api_host = "lhr1.qualtrics.com" }\n')
    settings: Mapping[str, str] = read(folder).definition.connections["other"].settings
    assert settings == {"api_host": "lhr1.qualtrics.com"}
    assert "settings" not in without.model_dump_json()  # definitions kept before settings existed keep their digest
