"""A sheet as rows of cells, whatever file it came from, and the mistakes that are found in it.

`services.intake.files` makes grids of XLSX and CSV bytes; `core.score_sheet` and `core.marks` say what they mean.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from services.intake.core.text import folded, shown


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to put right in a file. `row` counts from 1 as the spreadsheet does; `column` is the column's heading
    (or letter); `reason` says what to do.

    >>> print(Mistake("EX1", 2, "SL2", "4/5", "is not a number"))
    sheet EX1, row 2, column SL2: “4/5” is not a number
    """

    sheet: str
    row: int | None
    column: str | None
    value: str | None
    reason: str

    def __str__(self) -> str:
        """The mistake as one line."""
        where = [
            f"sheet {self.sheet}" if self.sheet else "",
            f"row {self.row}" if self.row is not None else "",
            f"column {self.column}" if self.column else "",
        ]
        place = ", ".join(filter(None, where)) or "the file"
        return f"{place}: {f'“{self.value}” ' if self.value else ''}{self.reason}"


@dataclass(frozen=True, slots=True)
class Unusable:
    """A cell whose value can't be taken as it is, such as a date. `reason` completes a sentence."""

    text: str
    reason: str


Cell = str | float | Unusable | None
"""Text, a number, something unusable, or blank."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that is not blank. `number` counts from 1 as the spreadsheet shows it."""

    number: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """One sheet: its rows that are not blank, and what is wrong with the sheet itself (merged or hidden cells)."""

    name: str
    rows: tuple[Row, ...]
    mistakes: tuple[Mistake, ...] = ()

    @property
    def heading(self) -> frozenset[str]:
        """The words of the first row, as they are compared."""
        return frozenset(heading_key(written(cell)) for cell in self.rows[0].cells) if self.rows else frozenset()


def written(cell: Cell) -> str:
    """A cell as text: ids that a spreadsheet made numbers of lose their decimal point.

    >>> written(1001.0), written(" P-1 "), written(None)
    ('1001', 'P-1', '')
    """
    if cell is None:
        return ""
    if isinstance(cell, Unusable):
        return cell.text
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else str(cell)
    return cell.strip()


def heading_key(heading: str) -> str:
    """A column's heading as it is compared.

    >>> heading_key(" Max mark ")
    'max_mark'
    """
    return folded(heading).replace(" ", "_").replace("-", "_")


def letters(index: int) -> str:
    """A column's letters, counted from 0.

    >>> letters(0), letters(25), letters(26)
    ('A', 'Z', 'AA')
    """
    text = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


@dataclass(slots=True)
class Table:
    """A grid whose first row names columns. Collects mistakes while it is read.

    `known` gives the column's proper name for a heading's key; `unknown` the reason for a heading that is not known.
    """

    grid: Grid
    known: Mapping[str, str]
    unknown: Callable[[str], str]
    columns: dict[str, int] = field(default_factory=dict)
    """Proper name → index, of the columns that are known."""
    mistakes: list[Mistake] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Read the headings."""
        self.mistakes.extend(self.grid.mistakes)
        first = self.grid.rows[0]
        for index, cell in enumerate(first.cells):
            heading = written(cell)
            if heading:
                self._head(index, heading)
            elif any(index < len(row.cells) and row.cells[index] is not None for row in self.grid.rows[1:]):
                self.note(first.number, letters(index), None, "has values but no heading; name the column or empty it")

    def _head(self, index: int, heading: str) -> None:
        name = self.known.get(heading_key(heading))
        if name is None:
            self.note(self.grid.rows[0].number, shown(heading), heading, self.unknown(heading))
        elif name in self.columns:
            self.note(self.grid.rows[0].number, name, heading, "heads two columns; keep one")
        else:
            self.columns[name] = index

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows below the headings."""
        return self.grid.rows[1:]

    def needs(self, *names: str) -> bool:
        """Whether all these columns are there; each that is not is a mistake."""
        missing = [name for name in names if name not in self.columns]
        for name in missing:
            self.note(self.grid.rows[0].number, name, None, f"is missing; add a column with the heading {name}")
        return not missing

    def cell(self, row: Row, name: str) -> Cell:
        """The cell of a row in a known column; None if the row ends before it or the column is not there."""
        index = self.columns.get(name)
        return row.cells[index] if index is not None and index < len(row.cells) else None

    def note(self, row: int | None, column: str | None, value: object, reason: str) -> None:
        """Note a mistake."""
        quoted = None if value is None or value == "" else shown(value, 60)
        self.mistakes.append(Mistake(self.grid.name, row, column, quoted, reason))

    def used(self, row: Row) -> Iterator[str]:
        """The names of the known columns in which a row has something."""
        return (name for name in self.columns if self.cell(row, name) is not None)


def number_in(cell: Cell) -> float | str:
    """The number in a cell that is not blank, or the reason why it is none.

    >>> number_in(4.0), number_in(" 4.5 "), number_in("4/5")
    (4.0, 4.5, 'is not a number; write one number, or leave the cell blank')
    """
    if isinstance(cell, Unusable):
        return cell.reason
    text = written(cell)
    try:
        if set(text) <= set("0123456789.+-"):
            return float(text)
    except ValueError:
        pass
    if text.count(",") == 1 and text.replace(",", "").isdecimal():
        return "is not a number; write the decimal point as a full stop, or one number a cell"
    return "is not a number; write one number, or leave the cell blank"
