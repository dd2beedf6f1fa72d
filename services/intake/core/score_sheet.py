"""Score sheets of the development day: an assessor's workbook, or the same as one flat table.

Workbook: a sheet `About` (assessor's id, scale) and one sheet an exercise; a row a participant, a column a competency.
Flat (CSV or one sheet): columns assessor, exercise, participant, then a column a competency. A blank is "not observed"
(in a flat table also: not part of that exercise). A file with a mistake counts for nothing until it is corrected.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.intake.core.evidence import Evidence
from services.intake.core.grid import Grid, Mistake, Row, Table, Unusable, heading_key, number_in, written
from services.intake.core.roster import Roster
from services.intake.core.text import folded, listed, shown
from shared.cohort.definition import CohortDefinition
from shared.ids import CohortId, ParticipantId, RaterId
from shared.words import Instrument

ABOUT = "about"
FLAT = frozenset({"assessor", "exercise", "participant"})


def evidence_in(
    grids: Sequence[Grid], definition: CohortDefinition, roster: Roster
) -> tuple[list[Evidence], list[Mistake]]:
    """What the sheets say, and every mistake in them. The evidence is complete only if there is no mistake."""
    reader = _Reader(definition, roster)
    about = [grid for grid in grids if folded(grid.name) == ABOUT]
    sheets = [grid for grid in grids if folded(grid.name) != ABOUT]
    flat = [grid for grid in sheets if len(grid.heading & FLAT) >= 2]
    apart = [grid for grid in sheets if grid not in flat]
    if apart:
        reader.about(about)
    for grid in sheets:
        if grid in flat:
            reader.flat(grid)
        else:
            reader.exercise(grid)
    if not sheets:
        reader.mistakes.append(Mistake("", None, None, None, "holds no exercise sheet; add one sheet an exercise"))
    return reader.evidence, reader.mistakes


def is_exercise(name: str, definition: CohortDefinition) -> bool:
    """Whether a sheet is named for an exercise of the cohort."""
    return folded(name) in _exercises(definition)


def _exercises(definition: CohortDefinition) -> dict[str, str]:
    """What an exercise may be called → its code."""
    by_name = {folded(cell.name): cell.exercise for cell in definition.exercises}
    return by_name | {folded(cell.exercise): cell.exercise for cell in definition.exercises}


@dataclass(slots=True)
class _Reader:
    definition: CohortDefinition
    roster: Roster
    assessor: str = ""
    evidence: list[Evidence] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    seen: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """(assessor, exercise, participant) → where it was first."""

    def about(self, grids: Sequence[Grid]) -> None:
        """The assessor's id, and the scale if it is stated, from the sheet `About`."""
        entries = {
            heading_key(written(row.cells[0])).removesuffix("_id"): (grid, row) for grid in grids for row in grid.rows
        }
        for grid in grids:
            self.mistakes.extend(grid.mistakes)
        if "assessor" not in entries:
            where = "the sheet About is missing" if not grids else "the sheet About names no assessor"
            reason = f"{where}; add a sheet “About” with “assessor” in A1 and the assessor's id in B1"
            self.mistakes.append(Mistake("About", None, None, None, reason))
        else:
            grid, row = entries["assessor"]
            self.assessor = written(row.cells[1]) if len(row.cells) > 1 else ""
            reason = self._stranger(self.assessor)
            if reason:
                self.mistakes.append(Mistake(grid.name, row.number, "assessor", shown(self.assessor) or None, reason))
        if "scale" in entries:
            self._scale(*entries["scale"])

    def _scale(self, grid: Grid, row: Row) -> None:
        stated = written(row.cells[1]) if len(row.cells) > 1 else ""
        scale = self.definition.framework.scale
        found = re.match(r"\s*(-?\d+(?:\.\d+)?)\s*(?:to|-|–)\s*(-?\d+(?:\.\d+)?)", stated)
        if found and (float(found[1]), float(found[2])) != (scale.minimum, scale.maximum):
            reason = f"is not the cohort's scale, {scale.minimum:g} to {scale.maximum:g}; rate on that scale"
            self.mistakes.append(Mistake(grid.name, row.number, "scale", shown(stated), reason))

    def _stranger(self, assessor: str) -> str:
        """Why an assessor's id can't be taken; empty if it can."""
        if not assessor:
            return "is blank; write the assessor's id as in assessors.csv"
        if assessor not in self.roster.assessors:
            return "is no assessor of this cohort; write the id as in assessors.csv, or add the assessor there"
        return ""

    def exercise(self, grid: Grid) -> None:
        """One sheet an exercise."""
        exercise = _exercises(self.definition).get(folded(grid.name))
        table = self._table(grid, ("participant",))
        if exercise is None:
            known = listed(sorted({cell.exercise for cell in self.definition.exercises}))
            table.note(None, None, grid.name, f"is no exercise of this cohort (they are: {known}); rename the sheet")
        else:
            mine = {cell.competency for cell in self.definition.cells_of(exercise)}
            for name in [name for name in table.columns if name != "participant" and name not in mine]:
                table.note(grid.rows[0].number, name, name, f"is not observed in {exercise}; remove the column")
                del table.columns[name]
        if table.needs("participant"):
            for row in table.rows:
                if any(table.used(row)):
                    self._row(table, row, self.assessor, exercise)
        self.mistakes.extend(table.mistakes)

    def flat(self, grid: Grid) -> None:
        """One table for everything."""
        table = self._table(grid, ("assessor", "exercise", "participant"))
        if table.needs("assessor", "exercise", "participant"):
            for row in table.rows:
                if any(table.used(row)):
                    self._flat_row(table, row)
        self.mistakes.extend(table.mistakes)

    def _flat_row(self, table: Table, row: Row) -> None:
        assessor, sent = (written(table.cell(row, name)) for name in ("assessor", "exercise"))
        reason = self._stranger(assessor)
        if reason:
            table.note(row.number, "assessor", assessor, reason)
        exercise = _exercises(self.definition).get(folded(sent))
        if exercise is None:
            known = listed(sorted({cell.exercise for cell in self.definition.exercises}))
            table.note(row.number, "exercise", sent, f"is no exercise of this cohort; write one of {known}")
        else:
            mine = {cell.competency for cell in self.definition.cells_of(exercise)}
            for name in table.used(row):
                if name not in FLAT and name not in mine:
                    reason = f"is not observed in {exercise}; leave the cell blank"
                    table.note(row.number, name, written(table.cell(row, name)), reason)
        self._row(table, row, assessor, exercise)

    def _table(self, grid: Grid, fixed: Sequence[str]) -> Table:
        codes = [competency.code for competency in self.definition.framework.competencies]
        known = {heading_key(code): code for code in codes} | {name: name for name in fixed}
        expected = f"write {', '.join(fixed)} or one of the competencies {listed(codes, most=30)}, or remove the column"
        return Table(grid, known, lambda _: f"is no competency of the framework; {expected}")

    def _row(self, table: Table, row: Row, assessor: str, exercise: str | None) -> None:
        participant = written(table.cell(row, "participant"))
        before = len(table.mistakes)
        self._participant(table, row, participant)
        names = [name for name in table.columns if name not in FLAT]
        mine = {cell.competency for cell in self.definition.cells_of(exercise)} if exercise else set(names)
        ratings = {name: self._rating(table, row, name) for name in names if name in mine}
        if exercise is None or not participant:
            return
        where = f"sheet {table.grid.name}, row {row.number}" if table.grid.name else f"row {row.number}"
        first = self.seen.setdefault((assessor, exercise, participant), where)
        if first != where:
            table.note(row.number, "participant", participant, f"is rated in {exercise} before, in {first}; keep one")
        if len(table.mistakes) == before:
            self.evidence.append(
                Evidence(
                    cohort=CohortId(self.definition.cohort),
                    participant=ParticipantId(participant),
                    instrument=Instrument.DEVELOPMENT_DAY,
                    by=RaterId(assessor),
                    ratings=ratings,
                    element=exercise,
                )
            )

    def _participant(self, table: Table, row: Row, participant: str) -> None:
        if not participant:
            table.note(row.number, "participant", None, "is blank; write the participant's id, or empty the row")
        elif isinstance(cell := table.cell(row, "participant"), Unusable):
            table.note(row.number, "participant", participant, cell.reason)
        elif participant not in self.roster.participants:
            reason = "is no participant of this cohort; write the id as in roster.csv"
            table.note(row.number, "participant", participant, reason)

    def _rating(self, table: Table, row: Row, name: str) -> float | None:
        cell = table.cell(row, name)
        if cell is None:
            return None
        rating = number_in(cell)
        scale = self.definition.framework.scale
        if isinstance(rating, str):
            table.note(row.number, name, written(cell), rating)
            return None
        if not scale.holds(rating):
            reason = f"is off the scale, {scale.minimum:g} to {scale.maximum:g}; blank means not observed"
            table.note(row.number, name, written(cell), reason)
        return rating
