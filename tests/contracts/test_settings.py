"""Every setting that a file names exists, and the README's table names every setting."""

import re
from pathlib import Path

import pytest

from services.intake.settings import IntakeSettings
from services.reporting.settings import ReportingSettings
from services.scoring.settings import ScoringSettings
from shared.words import Service

ROOT = Path(__file__).parents[2]
SETTINGS = {
    f"TALENTLINE_{name.upper()}"
    for settings in (IntakeSettings, ReportingSettings, ScoringSettings)
    for name in settings.model_fields
}
OF_COMPOSE = {
    "TALENTLINE_DATABASE_PASSWORD",
    "TALENTLINE_ENV_FILE",
    "TALENTLINE_GRAFANA_PASSWORD",
    "TALENTLINE_GRAFANA_PUBLISH",
    "TALENTLINE_MAIL_PAGES",
    "TALENTLINE_MAIL_PAGE_PUBLISH",
    "TALENTLINE_PROMETHEUS_PUBLISH",
    "TALENTLINE_PUBLISH",
    "TALENTLINE_VERSION",
    *(f"TALENTLINE_WORKERS_{service.upper()}" for service in Service),
}
"""What docker-compose.yml asks for itself."""
FILES = [
    "docker-compose.yml",
    "README.md",
    *(
        str(path.relative_to(ROOT))
        for place in ("deploy/container", "deploy/kubernetes", "deploy/systemd", "docs")
        for path in sorted((ROOT / place).rglob("*"))
        if path.is_file() and path.suffix not in {".png", ".svg"}
    ),
    "deploy/verify.sh",
]


def unknown(text: str) -> set[str]:
    """The settings that a text names and that do not exist. A cohort names its secrets as it likes."""
    named = set(re.findall(r"\bTALENTLINE_[A-Z0-9_]*[A-Z0-9]\b", text))
    return {name for name in named - SETTINGS - OF_COMPOSE if not name.startswith("TALENTLINE_SECRET_")}


@pytest.mark.parametrize("file", FILES)
def test_a_file_names_only_settings_that_exist(file: str) -> None:
    assert not unknown((ROOT / file).read_text(encoding="utf-8"))


def test_the_readme_names_every_setting() -> None:
    # In the table the prefix may be left out, since it is the same for all.
    words = set(re.findall(r"\w+", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert not {name for name in SETTINGS if not {name, name.removeprefix("TALENTLINE_")} & words}


def test_a_setting_that_does_not_exist_is_seen() -> None:
    assert unknown("set TALENTLINE_DATA_DIR and TALENTLINE_DATADIR") == {"TALENTLINE_DATADIR"}
