"""Reading one CSV file of a cohort folder: as spreadsheets save it, with every mistake named by line and column."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from shared.cohort.cells import HIDDEN
from shared.cohort.columns import Columns
from shared.cohort.mistakes import Findings, did_you_mean, listed

R = TypeVar("R", bound=Columns)

LAYOUT = frozenset(
    {
        "README.md",
        "cohort.toml",
        "programme/framework.csv",
        "programme/organisations.csv",
        "programme/form_fields.csv",
        "programme/choices.csv",
        "programme/exercises.csv",
        "programme/written_criteria.csv",
        "programme/targets.csv",
        "roster.csv",
        "raters.csv",
        "assessors.csv",
        "rota.csv",
        "marking.csv",
    }
)
"""The files that have a meaning in a cohort folder."""


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as written; `line` is where it starts in the file. Cells are stripped; short of nothing."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A file's rows by column. `readable` is False when it is missing or not a table: then nothing refers to it."""

    name: str
    rows: tuple[RawRow, ...] = ()
    readable: bool = False
    decimal_comma: bool = False

    def codes(self, column: str) -> frozenset[str] | None:
        """Every value of a column, those of faulty rows too; None if the file could not be read."""
        return frozenset(row.cells[column] for row in self.rows) - {""} if self.readable else None


def read_csv(
    folder: Path, name: str, model: type[Columns], found: Findings, *, needed: bool, may_be_empty: bool = False
) -> CsvFile:
    """The rows of `folder/name`. What is no table (encoding, columns, row lengths) is noted in `found`; so
    is a table without rows, unless it `may_be_empty`.
    """
    text = read_text(folder, name, found, needed=needed)
    if text is None:
        return CsvFile(name)
    first = text.split("\n", 1)[0]
    comma = first.count(",") >= first.count(";")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="," if comma else ";", strict=True)
    header = next(_rows(reader, name, found), (1, []))[1]
    columns = _columns(name, header, model, found)
    if columns is None:
        return CsvFile(name)
    rows = tuple(_by_column(reader, name, columns, found))
    if not rows and not may_be_empty:
        found.mistake(name, "has no rows below its column names")
    return CsvFile(name, rows, readable=bool(rows) or may_be_empty, decimal_comma=not comma)


def read_text(folder: Path, name: str, found: Findings, *, needed: bool) -> str | None:
    """The text of a file in UTF-8, a byte order mark taken off; None (and, where it matters, a mistake) without one."""
    try:
        raw = (folder / name).read_bytes()
    except FileNotFoundError:
        if needed:
            found.mistake(name, f"is missing{did_you_mean(name, _strangers(folder))}")
        return None
    except OSError as error:
        found.mistake(name, f"can't be read ({type(error).__name__}); check that it is a file and may be opened")
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        cure = "save it anew as UTF-8 (in Excel: Save As, type “CSV UTF-8”)"
        found.mistake(name, f"is not written in UTF-8; {cure}", line=line)
        return None


def _strangers(folder: Path) -> list[str]:
    """Files where the layout knows none: perhaps one that was named wrongly."""
    paths = [*folder.glob("*"), *folder.glob("programme/*")]
    return [name for path in paths if path.is_file() and (name := path.relative_to(folder).as_posix()) not in LAYOUT]


def _rows(reader: Any, name: str, found: Findings) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the line where it starts; a broken quote ends the file."""
    while True:
        line = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error:
            found.mistake(name, 'has a quote (") that is not closed or stands inside a cell; double it: ""', line=line)
            return
        if any(cells):
            yield line, cells


def _columns(name: str, header: Sequence[str], model: type[Columns], found: Findings) -> list[str] | None:
    """The header's column names, or None (and mistakes) if some that the file needs are missing or doubled."""
    columns = [column.lower() for column in header]
    wanted = list(model.model_fields)
    spare = [column for column in columns if column not in wanted]
    missing = [column for column in wanted if column not in columns]
    doubled = [column for column, count in Counter(columns).items() if count > 1 and column in wanted]
    for column in missing:
        near = did_you_mean(column, spare).replace("did you mean", "is it")
        found.mistake(name, f"is missing; the columns are {','.join(wanted)}{near}", line=1, column=column)
    for column in doubled:
        found.mistake(name, "stands twice among the column names", line=1, column=column)
    return None if missing or doubled else columns


def _by_column(reader: Any, name: str, columns: Sequence[str], found: Findings) -> Iterator[RawRow]:
    for line, cells in _rows(reader, name, found):
        while len(cells) > len(columns) and not cells[-1]:
            cells.pop()
        if len(cells) == len(columns):
            yield RawRow(line, dict(zip(columns, cells, strict=True)))
        else:
            cure = "a cell that holds the separator needs quotes around it"
            found.mistake(name, f"has {len(cells)} cells where there are {len(columns)} columns; {cure}", line=line)


def typed(file: CsvFile, model: type[R], context: Mapping[str, Any], found: Findings) -> list[R]:
    """The rows that hold nothing wrong, as values; what is wrong in the others is noted cell by cell."""
    context = {**context, "decimal_comma": file.decimal_comma}
    rows: list[R] = []
    for raw in file.rows:
        try:
            rows.append(model.model_validate({name: raw.cells[name] for name in model.model_fields}, context=context))
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                column = str(detail["loc"][0])
                hidden = detail["type"] == HIDDEN or column in model.personal
                value = None if hidden else raw.cells[column]
                found.mistake(file.name, detail["msg"], line=raw.line, column=column, value=value)
    return rows


def only_once(file: CsvFile, columns: Sequence[str], reason: str, found: Findings, *, show: bool = True) -> None:
    """Note every row whose `columns` together were in an earlier row, capital letters or not."""
    first: dict[tuple[str, ...], int] = {}
    for row in file.rows:
        key = tuple(row.cells[column].casefold() for column in columns)
        if not all(key):
            continue
        earlier = first.setdefault(key, row.line)
        if earlier != row.line:
            value = row.cells[columns[-1]] if show else None
            found.mistake(
                file.name, f"{reason}; line {earlier} has it too", line=row.line, column=columns[-1], value=value
            )


def agree(file: CsvFile, key: str, column: str, found: Findings) -> None:
    """Note rows that say something else in `column` about the same `key` than most rows do (the first, if equal)."""
    said: dict[str, Counter[str]] = {}
    for row in file.rows:
        said.setdefault(row.cells[key], Counter())[row.cells[column]] += 1
    for row in file.rows:
        code, value = row.cells[key], row.cells[column]
        usual = said[code].most_common(1)[0][0]
        if code and value and value != usual:
            where = listed(
                [str(other.line) for other in file.rows if (other.cells[key], other.cells[column]) == (code, usual)]
            )
            found.mistake(
                file.name, f"is “{usual}” for {key} {code} on line {where}", line=row.line, column=column, value=value
            )
