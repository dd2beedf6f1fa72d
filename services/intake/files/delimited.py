"""CSV as spreadsheets write it: in several encodings, with commas, semicolons or tabs."""

import csv
import io

from services.intake.core.grid import Cell, Grid, Row
from services.intake.core.text import plain
from services.intake.files.errors import NotATable

MOST_ROWS = 50_000
LONGEST_CELL = 100_000


def grid_of_text(content: bytes) -> Grid:
    """A CSV file as one sheet without a name; rows are numbered by the line that they begin on.

    Raises:
        NotATable: the bytes are no text.
    """
    text = _decoded(content)
    lines = text.splitlines(keepends=True)
    start = 0
    delimiter = _delimiter(lines[0] if lines else "")
    if lines and lines[0].lower().startswith("sep="):
        delimiter, start = lines[0].strip()[4:5] or delimiter, 1
    reader = csv.reader(io.StringIO("".join(lines[start:]), newline=""), delimiter=delimiter)
    rows: list[Row] = []
    line = start
    try:
        for record in reader:
            first, line = line + 1, start + reader.line_num
            cells: tuple[Cell, ...] = tuple(plain(cell) if cell.strip() else None for cell in record)
            if any(cell is not None for cell in cells):
                rows.append(Row(first, cells))
    except csv.Error:
        raise NotATable(f"can't be read as CSV from line {line + 1} on; save it again as CSV (UTF-8)") from None
    if len(rows) > MOST_ROWS:
        raise NotATable(f"has more than {MOST_ROWS} rows; divide it")
    return Grid("", tuple(rows))


def _delimiter(heading: str) -> str:
    return max((",", ";", "\t"), key=heading.count)


def _decoded(content: bytes) -> str:
    """Text in UTF-8 (with a mark or without), UTF-16, or the Windows code page of Western Europe."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif b"\x00" in content[:200]:
        encodings = ["utf-16-le" if content[1:2] == b"\x00" else "utf-16-be"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise NotATable("is no text that can be read; save it as CSV (UTF-8) or as .xlsx")
