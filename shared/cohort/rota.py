"""rota.csv and marking.csv: who is to watch and to mark whom. A plan before the day: no evidence, no scoring input."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from shared.cohort.cells import Known, PersonCode, known
from shared.cohort.columns import Columns, ParticipantRef
from shared.cohort.csv_file import only_once, read_csv, typed
from shared.cohort.definition import CohortDefinition
from shared.cohort.mistakes import Findings, FolderMistakes
from shared.cohort.people_files import ASSESSORS, ROSTER
from shared.cohort.programme import EXERCISES, ORGANISATIONS

ROTA = "rota.csv"
MARKING = "marking.csv"


class RotaRow(Columns):
    """An assessor watches a participant in an exercise."""

    participant: ParticipantRef
    exercise: Annotated[str, known("exercise")]
    assessor: Annotated[str, known("assessor", person=True)]


class MarkingRow(Columns):
    """A marker marks a participant's work."""

    participant: ParticipantRef
    marker: PersonCode


class HomeRow(Columns):
    """An assessor's own organisation, blank if it sends no participants."""

    assessor: PersonCode
    organisation: Annotated[str, known("organisation", optional=True)]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the two files say, row by row; either may be empty."""

    watches: tuple[RotaRow, ...] = ()
    markings: tuple[MarkingRow, ...] = ()


def read_plan(
    rota: Path | None,
    marking: Path | None,
    definition: CohortDefinition,
    participants: Collection[str],
    assessors: Collection[str],
) -> Plan:
    """The plan in two files; None where there is none. Raises FolderMistakes, with every mistake."""
    found = Findings()
    day = definition.evidence.development_day
    context: Mapping[str, Any] = {
        "participant": Known(frozenset(participants), ROSTER),
        "assessor": Known(frozenset(assessors), ASSESSORS),
        "exercise": Known(frozenset(day.exercises if day else ()), f"the exercises that are asked for ({EXERCISES})"),
    }
    watches: list[RotaRow] = []
    if rota is not None:
        file = read_csv(rota.parent, rota.name, RotaRow, found, needed=True)
        only_once(file, ["participant", "exercise", "assessor"], "watches this twice", found, show=False)
        watches = typed(file, RotaRow, context, found)
    markings: list[MarkingRow] = []
    if marking is not None:
        file = read_csv(marking.parent, marking.name, MarkingRow, found, needed=True)
        only_once(file, ["participant", "marker"], "marks this participant twice", found, show=False)
        markings = typed(file, MarkingRow, context, found)
    if found.mistakes:
        raise FolderMistakes(found.mistakes)
    return Plan(tuple(watches), tuple(markings))


def homes_of_assessors(folder: Path, organisations: Collection[str]) -> dict[str, str]:
    """Assessor → own organisation, where assessors.csv has a column `organisation`. Raises FolderMistakes."""
    header = _header(folder / ASSESSORS)
    if "organisation" not in header:
        return {}
    found = Findings()
    file = read_csv(folder, ASSESSORS, HomeRow, found, needed=False)
    rows = typed(file, HomeRow, {"organisation": Known(frozenset(organisations), ORGANISATIONS)}, found)
    if found.mistakes:
        raise FolderMistakes(found.mistakes)
    return {row.assessor: row.organisation for row in rows if row.organisation}


def _header(file: Path) -> str:
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as text:
            return text.readline().casefold()
    except OSError:
        return ""
