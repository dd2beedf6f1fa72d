"""A wide CSV of numbers: one row a person, one column a figure. Read and checked."""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.analysis.long_table import DELIMITERS, UnreadableTable


def read_numbers(lines: Iterable[str], columns: Mapping[str, str]) -> dict[str, NDArray[np.float64]]:
    """The numbers of some columns, by what they are; NaN where a cell is blank. `columns`: what → name in the file.

    Separated by comma, semicolon or tab; the first line names the columns. Raises UnreadableTable: a column is missing
    or stands twice, a row has too few or too many cells, a cell is not a number, no row is there.
    """
    try:
        header, rows = _opened(lines)
        where = {what: _place(header, what, name) for what, name in columns.items()}
        found = [[_number(row[at], line, columns[what]) for what, at in where.items()] for line, row in rows]
    except csv.Error as error:
        raise UnreadableTable(f"it is no CSV: {error}") from error
    if not found:
        raise UnreadableTable("the file has a header and no row")
    return dict(zip(where, np.array(found, dtype=float).T, strict=True))


def _opened(lines: Iterable[str]) -> tuple[list[str], Iterator[tuple[int, Sequence[str]]]]:
    lines = iter(lines)
    first = next(lines, "").lstrip("\ufeff")
    reader = csv.reader(chain([first], lines), delimiter=max(DELIMITERS, key=first.count))
    header = [name.strip() for name in next(reader, [])]

    def rows() -> Iterator[tuple[int, Sequence[str]]]:
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise UnreadableTable(f"line {reader.line_num}: {len(row)} cells where the header has {len(header)}")
            yield reader.line_num, row

    return header, rows()


def _place(header: Sequence[str], what: str, name: str) -> int:
    count = header.count(name)
    if count == 1:
        return header.index(name)
    there = ", ".join(header) or "none"
    wrong = "stands twice" if count else f"is not there; the file's columns are: {there}"
    raise UnreadableTable(f"line 1: column {name!r} {wrong}. Name the right one with --{what} NAME")


def _number(text: str, line: int, column: str) -> float:
    text = text.strip()
    if not text:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.inf
    if not math.isfinite(value):
        raise UnreadableTable(
            f"line {line}, {column}: {text[:60]!r} is not a number; leave blank what was not observed"
        )
    return value
