"""What plans, pool proposals and cohort reports are written from: texts, rules and thresholds as data (TOML).

`general.toml` serves every framework; a file per framework pack adds texts for that pack's own competencies. To add
one: write the file, add a line to `PACKS`. The shapes are in `services.reporting.core`.
"""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from services.reporting.core.cohort_report import ReportWords
from services.reporting.core.library import GoalText, PlanLibrary
from services.reporting.core.pool import PoolRule

PACKS = {
    "aspiring-talent": "aspiring-talent.toml",
}
"""Framework pack → the file with texts for its competencies."""

_HERE = Path(__file__).parent


@lru_cache
def plan_library(pack: str) -> PlanLibrary:
    """The action library for a framework pack; a pack without texts of its own gets the general ones."""
    own = _competencies(PACKS[pack]) if pack in PACKS else {}
    return PlanLibrary.model_validate(_read("general.toml") | {"competencies": own})


@lru_cache
def pool_rule() -> PoolRule:
    """The rule that proposes readiness for the talent pool."""
    return PoolRule.model_validate(_read("pool.toml"))


@lru_cache
def report_words() -> ReportWords:
    """The sentences of the cohort report."""
    return ReportWords.model_validate(_read("cohort_report.toml"))


def _competencies(file: str) -> dict[str, GoalText]:
    rows = _read(file)["competency"]
    return {
        row["name"].casefold(): GoalText.model_validate({k: v for k, v in row.items() if k != "name"}) for row in rows
    }


def _read(file: str) -> dict[str, Any]:
    return tomllib.loads((_HERE / file).read_text(encoding="utf-8"))
