"""Every setting that a file names exists, and the README's table names every setting."""

import re
from pathlib import Path

import pytest

from services.intake.settings import IntakeSettings
from services.reporting.settings import ReportingSettings
from services.scoring.settings import ScoringSettings

ROOT = Path(__file__).parents[2]
SETTINGS = {
    f"TALENTLINE_{name.upper()}"
    for settings in (IntakeSettings, ReportingSettings, ScoringSettings)
    for name in settings.model_fields
}
OF_COMPOSE = {"TALENTLINE_DATABASE_PASSWORD", "TALENTLINE_PUBLISH", "TALENTLINE_VERSION"}
"""What docker-compose.yml asks for itself."""


def unknown(text: str) -> set[str]:
    """The settings that a text names and that do not exist. A cohort names its secrets as it likes."""
    named = set(re.findall(r"\bTALENTLINE_[A-Z0-9_]*[A-Z0-9]\b", text))
    return {name for name in named - SETTINGS - OF_COMPOSE if not name.startswith("TALENTLINE_SECRET_")}


@pytest.mark.parametrize("file", ["docker-compose.yml", "deploy/container/Dockerfile", "README.md"])
def test_a_file_names_only_settings_that_exist(file: str) -> None:
    assert not unknown((ROOT / file).read_text(encoding="utf-8"))


def test_the_readme_names_every_setting() -> None:
    # In the table the prefix may be left out, since it is the same for all.
    words = set(re.findall(r"\w+", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert not {name for name in SETTINGS if not {name, name.removeprefix("TALENTLINE_")} & words}


def test_a_setting_that_does_not_exist_is_seen() -> None:
    assert unknown("set TALENTLINE_DATA_DIR and TALENTLINE_DATADIR") == {"TALENTLINE_DATADIR"}
