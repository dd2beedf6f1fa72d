"""A long CSV of ratings, one row a rating: read, checked and coded. Millions of rows take seconds."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from shared.errors import PermanentError

Codes = NDArray[np.int32]
AT_ONCE = 100_000
"""Rows that are coded at a time."""
DELIMITERS = ",;\t"
NEEDED = ("participant", "rater", "item", "score")
FIELDS = ("participant", "source", "rater_group", "rater", "item", "score")


class UnreadableTable(PermanentError):
    """The file is not a table of ratings; the words say what is wrong, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of a file's columns. `source` and `rater_group` may be absent from it."""

    participant: str = "participant"
    source: str = "source"
    rater_group: str = "rater_group"
    rater: str = "rater"
    item: str = "item"
    score: str = "score"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the code of each row, and the names that codes stand for, sorted."""

    codes: Codes
    names: tuple[str, ...]

    def kept(self, rows: NDArray[np.bool_]) -> "Column":
        """The same names, of some rows only."""
        return Column(self.codes[rows], self.names)


@dataclass(frozen=True, slots=True)
class LongTable:
    """Ratings. `source` and `rater_group` are None where the file has no such column; `score` is NaN where the cell is
    blank: not observed. Rows are in the order of the file.
    """

    participant: Column
    rater: Column
    item: Column
    score: NDArray[np.float64]
    source: Column | None = None
    rater_group: Column | None = None

    def __len__(self) -> int:
        return len(self.score)

    def kept(self, rows: NDArray[np.bool_]) -> "LongTable":
        """Some of its rows, with the same names and codes."""
        return LongTable(
            self.participant.kept(rows),
            self.rater.kept(rows),
            self.item.kept(rows),
            self.score[rows],
            self.source.kept(rows) if self.source else None,
            self.rater_group.kept(rows) if self.rater_group else None,
        )


class _Index(dict[str, int]):
    """Numbers names as they come."""

    def __missing__(self, name: str) -> int:
        self[name] = len(self)
        return self[name]


def read_ratings(lines: Iterable[str], columns: Columns | None = None) -> LongTable:
    """The table that these lines of CSV hold (separated by comma, semicolon or tab; the first line names the columns).

    Raises UnreadableTable: a column is missing, a row has too few or too many cells, a name is blank, a score is not a
    number, no row is there, or one rater rated one item of one participant twice.
    """
    rows, where = _opened(lines, columns or Columns())
    indexes = {field: _Index() for field in where}
    parts: dict[str, list[Codes]] = {field: [] for field in where}
    done = 0
    while chunk := list(islice(rows, AT_ONCE)):
        _check_lengths(chunk, done)
        cells = list(zip(*chunk, strict=True))
        for field, place in where.items():
            numbers = map(indexes[field].__getitem__, cells[place])
            parts[field].append(np.fromiter(numbers, np.int32, len(chunk)))
        done += len(chunk)
    if not done:
        raise UnreadableTable("the file has a header and no rating")
    coded = {field: _sorted(indexes[field], np.concatenate(parts.pop(field))) for field in where}
    for field in where:
        _check_blank(field, coded[field])
    scores = coded.pop("score")
    table = LongTable(score=_numbers(scores), **coded)
    _check_twice(table)
    return table


def _opened(lines: Iterable[str], columns: Columns) -> tuple[Iterator[list[str]], dict[str, int]]:
    """Rows as lists of cells, and in which place each field stands."""
    lines = iter(lines)
    first = next(lines, "").lstrip("\ufeff")
    delimiter = max(DELIMITERS, key=first.count)
    rows = csv.reader(chain([first], lines), delimiter=delimiter)
    header = [name.strip() for name in next(rows, [])]
    wanted = {field: getattr(columns, field) for field in FIELDS}
    for field in NEEDED:
        if wanted[field] not in header:
            there = ", ".join(header) or "none"
            raise UnreadableTable(
                f"line 1: no column {wanted[field]!r}; the file's columns are: {there}. "
                f"Name the right one with --{field} NAME"
            )
    where = {field: header.index(name) for field, name in wanted.items() if name in header}
    return (row for row in rows if row), where


def _check_lengths(chunk: Sequence[Sequence[str]], done: int) -> None:
    size = len(chunk[0])
    if all(len(row) == size for row in chunk):
        return
    at, row = next((n, row) for n, row in enumerate(chunk) if len(row) != size)
    raise UnreadableTable(
        f"line {done + at + 2}: {len(row)} cells where other lines have {size}; put names with a separator into quotes"
    )


def _sorted(index: _Index, codes: Codes) -> Column:
    """Codes in the order of the names, so that the order of rows changes nothing. Blanks around names don't count."""
    names = sorted({name.strip() for name in index})
    number = {name: code for code, name in enumerate(names)}
    moved = np.array([number[name.strip()] for name in index], dtype=np.int32)
    return Column(moved[codes], tuple(names))


def _check_blank(field: str, column: Column) -> None:
    if field in NEEDED[:3] and "" in column.names:
        at = int(np.argmax(column.codes == column.names.index("")))
        raise UnreadableTable(f"line {at + 2}: {field} is blank; every rating needs one")


def _numbers(scores: Column) -> NDArray[np.float64]:
    values = np.full(len(scores.names), np.nan)
    for code, text in enumerate(scores.names):
        try:
            values[code] = float(text) if text else np.nan
        except ValueError:
            values[code] = np.inf
        if text and not np.isfinite(values[code]):
            at = int(np.argmax(scores.codes == code))
            raise UnreadableTable(
                f"line {at + 2}: score {text!r} is not a number; leave the cell blank where nothing was observed"
            )
    return values[scores.codes]


def _check_twice(table: LongTable) -> None:
    """Which of two ratings counts nobody can say, so the file must."""
    key = pair_key(table) * len(table.item.names) + table.item.codes
    if table.source:
        key = key * len(table.source.names) + table.source.codes
    alike = np.sort(key)
    same = alike[1:][alike[1:] == alike[:-1]]
    if len(same):
        first, second = np.nonzero(key == same[0])[0][:2].tolist()
        raise UnreadableTable(
            f"line {second + 2}: this rater rated this item of this participant in line {first + 2} already; "
            "keep one of the two, or tell items (occasions, exercises) apart by name"
        )


def pair_key(table: LongTable) -> NDArray[np.int64]:
    """A number for each row's (participant, rater)."""
    return table.participant.codes.astype(np.int64) * len(table.rater.names) + table.rater.codes
