"""The rules of a generated cohort: what its cohort.toml says, and the programme that fits."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

PILOT_FRAMEWORK = Path(__file__).parents[2] / "deploy" / "demo_cohort" / "programme" / "framework.csv"

INVENTED = {
    "COL": ("Working across boundaries", {"COL1": "Common aims", "COL2": "Open dealing", "COL3": "Shared learning"}),
    "DEL": ("Delivering change", {"DEL1": "Knowing the work", "DEL2": "Testing ideas", "DEL3": "Holding the gains"}),
}
"""A small framework of our own: two domains of three competencies."""

LABELS = ("Not yet", "Seldom", "At times", "Often", "Nearly always", "Always", "Beyond the role")
NOT_OBSERVED = "Could not observe"


class FrameworkItem(NamedTuple):
    """One row of framework.csv."""

    domain: str
    domain_name: str
    competency: str
    competency_name: str
    item: str
    statement: str
    facet: str


@dataclass(frozen=True, slots=True)
class CohortRules:
    """What may vary from cohort to cohort. `assessors` 0: no development day; `markers` 0: no written assessment."""

    scale: tuple[int, int] = (1, 5)
    responses: Mapping[str, int] = field(
        default_factory=lambda: {"self": 1, "line_manager": 1, "peer": 3, "direct_report": 3, "system_partner": 0}
    )
    exercises: int = 4
    competencies_each: int = 4
    assessors: int = 2
    markers: int = 2
    moderate_above: int = 3
    group_minimum: int = 3
    release: str = "at_run"
    pool: str = "propose"
    levels: tuple[str, ...] = ("local", "regional")
    own_framework: bool = False

    @property
    def weights(self) -> dict[str, float]:
        """Shares of the evidence asked for."""
        day, written = bool(self.assessors), bool(self.markers)
        shares = {"appraisal_360": 0.5 if day or written else 1.0}
        if day:
            shares["development_day"] = 0.3 if written else 0.5
        if written:
            shares["written_assessment"] = 0.2 if day else 0.5
        return shares

    def framework(self) -> list[FrameworkItem]:
        """The rows of framework.csv: the pilot's framework or our own small one."""
        if not self.own_framework:
            with PILOT_FRAMEWORK.open(encoding="utf-8", newline="") as file:
                return [FrameworkItem(**row) for row in csv.DictReader(file)]
        return [
            FrameworkItem(domain, name, code, title, f"{code}.{number}", f"{title}: shows it, way {number}", facet)
            for domain, (name, competencies) in INVENTED.items()
            for code, title in competencies.items()
            for number, facet in enumerate(("apply", "know"), start=1)
        ]

    def choices(self) -> dict[str, int | None]:
        """Label → rating."""
        low, high = self.scale
        return {LABELS[rating - low]: rating for rating in range(low, high + 1)} | {NOT_OBSERVED: None}

    def grid(self) -> dict[str, list[str]]:
        """Exercise → competencies, so that the exercises go round all of them."""
        competencies = list(dict.fromkeys(row.competency for row in self.framework()))
        each = min(self.competencies_each, len(competencies))
        return {
            f"X{number}": [competencies[((number - 1) * each + step) % len(competencies)] for step in range(each)]
            for number in range(1, self.exercises + 1)
        }

    def criteria(self) -> dict[str, tuple[str, int]]:
        """Criterion → competency and maximum mark."""
        competencies = list(dict.fromkeys(row.competency for row in self.framework()))
        step = max(1, len(competencies) // 5)
        chosen = competencies[::step][:5]
        return {f"K{number}": (code, 10 if number % 2 else 20) for number, code in enumerate(chosen, start=1)}

    def raters_listed(self) -> dict[str, int]:
        """Raters invited of each relationship: one more than needed of the groups, and two system partners."""
        return {
            relationship: needed + 1
            if relationship in {"peer", "direct_report"}
            else max(needed, 2 * (relationship == "system_partner"))
            for relationship, needed in self.responses.items()
        }


OTHER_RULES = CohortRules(
    scale=(1, 6),
    responses={"self": 1, "line_manager": 1, "peer": 4, "direct_report": 4, "system_partner": 0},
    exercises=3,
    competencies_each=5,
    assessors=1,
    markers=0,
    group_minimum=4,
    release="after_debrief",
    pool="automatic",
    levels=("place", "system", "national"),
)
"""Rules that differ from the pilot's in everything that rules can."""


def random_reference(fate: Random) -> str:
    """A field's reference as survey tools make them."""
    digits = f"{fate.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def random_form(fate: Random) -> str:
    """A form's id as Typeform makes them."""
    return "".join(fate.choices("abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=8))
