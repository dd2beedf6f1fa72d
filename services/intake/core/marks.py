"""Marks of the written assessment: columns participant, marker, criterion, mark, max_mark and, if wanted, moderating.

Markers are in no list: any id counts. A file with a mistake counts for nothing until it is corrected.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.intake.core.evidence import Evidence
from services.intake.core.grid import Grid, Mistake, Row, Table, Unusable, number_in, written
from services.intake.core.roster import Roster
from services.intake.core.text import LONGEST_ID, folded, listed
from shared.cohort.definition import CohortDefinition, Criterion
from shared.ids import CohortId, ParticipantId, RaterId
from shared.words import Instrument

COLUMNS = ("participant", "marker", "criterion", "mark", "max_mark")
OPTIONAL = ("moderating",)
YES = frozenset({"yes", "y", "true", "1", "x"})
NO = frozenset({"", "no", "n", "false", "0"})


def evidence_in(
    grids: Sequence[Grid], definition: CohortDefinition, roster: Roster
) -> tuple[list[Evidence], list[Mistake]]:
    """What the tables say, and every mistake in them. The evidence is complete only if there is no mistake."""
    reader = _Reader(definition, roster)
    for grid in grids:
        reader.table(grid)
    return reader.evidence, reader.mistakes


@dataclass(slots=True)
class _Reader:
    definition: CohortDefinition
    roster: Roster
    evidence: list[Evidence] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    seen: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """(participant, marker, criterion) → where it was first."""

    def table(self, grid: Grid) -> None:
        """One table of marks."""
        expected = f"is no column of marks; they are {', '.join((*COLUMNS, *OPTIONAL))}: rename or remove it"
        table = Table(grid, {name: name for name in (*COLUMNS, *OPTIONAL)}, lambda _: expected)
        if table.needs(*COLUMNS):
            for row in table.rows:
                if any(table.used(row)):
                    self._row(table, row)
        self.mistakes.extend(table.mistakes)

    def _row(self, table: Table, row: Row) -> None:
        before = len(table.mistakes)
        participant, marker, sent = (written(table.cell(row, name)) for name in ("participant", "marker", "criterion"))
        if not participant:
            table.note(row.number, "participant", None, "is blank; write the participant's id, or empty the row")
        elif participant not in self.roster.participants:
            reason = "is no participant of this cohort; write the id as in roster.csv"
            table.note(row.number, "participant", participant, reason)
        self._marker(table, row, marker)
        criterion = {folded(code): each for code, each in self.definition.criterion.items()}.get(folded(sent))
        if criterion is None:
            known = listed(sorted(self.definition.criterion))
            table.note(row.number, "criterion", sent, f"is no criterion of this cohort; write one of {known}")
        mark = self._mark(table, row, criterion)
        moderating = self._moderating(table, row)
        if criterion is not None:
            self._once(table, row, participant, marker, criterion.code)
        if len(table.mistakes) == before and criterion is not None:
            self.evidence.append(
                Evidence(
                    cohort=CohortId(self.definition.cohort),
                    participant=ParticipantId(participant),
                    instrument=Instrument.WRITTEN_ASSESSMENT,
                    by=RaterId(marker),
                    ratings={criterion.code: mark},
                    element=criterion.code,
                    moderating=moderating,
                )
            )

    def _marker(self, table: Table, row: Row, marker: str) -> None:
        if not marker:
            table.note(row.number, "marker", None, "is blank; write the marker's id")
        elif isinstance(cell := table.cell(row, "marker"), Unusable):
            table.note(row.number, "marker", marker, cell.reason)
        elif len(marker) > LONGEST_ID:
            table.note(row.number, "marker", marker, f"is longer than {LONGEST_ID} characters; write a shorter id")

    def _once(self, table: Table, row: Row, participant: str, marker: str, criterion: str) -> None:
        where = f"sheet {table.grid.name}, row {row.number}" if table.grid.name else f"row {row.number}"
        first = self.seen.setdefault((participant, marker, criterion), where)
        if first != where:
            reason = f"is marked on {criterion} by {marker} before, in {first}; keep one"
            table.note(row.number, "participant", participant, reason)

    def _mark(self, table: Table, row: Row, criterion: Criterion | None) -> float:
        most = self._number(table, row, "max_mark", "write the criterion's maximum mark")
        if criterion is not None and most is not None and most != criterion.max_mark:
            reason = f"is not the maximum of {criterion.code}, which is {criterion.max_mark:g}; correct it"
            table.note(row.number, "max_mark", written(table.cell(row, "max_mark")), reason)
        mark = self._number(table, row, "mark", "write the mark, or remove the row")
        limit = criterion.max_mark if criterion is not None else most
        if mark is not None and not 0 <= mark <= (mark if limit is None else limit):
            reason = f"is not between 0 and {limit:g}" if limit is not None else "is below 0"
            table.note(row.number, "mark", written(table.cell(row, "mark")), f"{reason}; correct it")
        return mark or 0.0

    def _number(self, table: Table, row: Row, name: str, cure: str) -> float | None:
        cell = table.cell(row, name)
        if cell is None:
            table.note(row.number, name, None, f"is blank; {cure}")
            return None
        number = number_in(cell)
        if isinstance(number, str):
            table.note(row.number, name, written(cell), number)
            return None
        return number

    def _moderating(self, table: Table, row: Row) -> bool:
        word = folded(written(table.cell(row, "moderating")))
        if word not in YES | NO:
            table.note(row.number, "moderating", word, "is neither yes nor no; write one, or leave it blank")
        return word in YES
