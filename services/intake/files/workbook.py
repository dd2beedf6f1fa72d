"""XLSX workbooks as grids. What a person can't see, or what would be lost silently, is a mistake."""

import io
import zipfile
from collections.abc import Iterator
from datetime import date, time, timedelta
from typing import Any

import openpyxl
from openpyxl.utils import get_column_letter
from openpyxl.workbook.workbook import Workbook
from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula
from openpyxl.worksheet.worksheet import Worksheet

from services.intake.core.grid import Cell, Grid, Mistake, Row, Unusable
from services.intake.core.text import plain, shown
from services.intake.files.errors import NotATable

MOST_PARTS = 1000
MOST_ROWS = 5000
MOST_COLUMNS = 200

_FORMULA = Unusable("a formula", "is a formula without a stored value; open the file in Excel, save it, send it again")
_NOT_A_RATING = "is not a number; write one number, or leave the cell blank"


def grids_of_workbook(content: bytes, *, unpacked_limit: int) -> list[Grid]:
    """Every worksheet with its rows that are not blank.

    Raises:
        NotATable: it is no workbook that can be opened, or too large when unpacked.
    """
    _check_parts(content, unpacked_limit)
    values, formulas = _opened(content, data_only=True), _opened(content, data_only=False)
    return [_grid(values[sheet.title], sheet) for sheet in formulas.worksheets]


def _check_parts(content: bytes, unpacked_limit: int) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError):
        raise NotATable("is a damaged workbook; save it again as .xlsx") from None
    names = {part.filename for part in parts}
    if "xl/workbook.bin" in names:
        raise NotATable("is a binary workbook (.xlsb); save it as .xlsx")
    if "xl/workbook.xml" not in names:
        raise NotATable("is no Excel workbook; save it as .xlsx")
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > unpacked_limit:
        raise NotATable(f"unpacks to more than {unpacked_limit // 2**20} MB; send the plain tables only")


def _opened(content: bytes, *, data_only: bool) -> Workbook:
    try:
        return openpyxl.load_workbook(io.BytesIO(content), data_only=data_only)
    except Exception:  # noqa: BLE001  (what openpyxl raises for a broken workbook is in no list)
        raise NotATable("is a damaged workbook; open it in Excel and save it again as .xlsx") from None


def _grid(values: Worksheet, formulas: Worksheet) -> Grid:
    name = shown(formulas.title)
    if formulas.max_row > MOST_ROWS or formulas.max_column > MOST_COLUMNS:
        reason = (
            f"has a sheet “{name}” that reaches to row {formulas.max_row} and column"
            f" {get_column_letter(formulas.max_column)}; delete the empty rows and columns around the table and save it"
        )
        raise NotATable(reason)
    rows = tuple(_rows(values, formulas))
    return Grid(name, rows, tuple(_oddities(name, formulas, rows)) if rows else ())


def _rows(values: Worksheet, formulas: Worksheet) -> Iterator[Row]:
    pairs = zip(values.iter_rows(values_only=True), formulas.iter_rows(values_only=True), strict=False)
    for number, (cached, entered) in enumerate(pairs, start=1):
        cells = tuple(_cell(value, formula) for value, formula in zip(cached, entered, strict=False))
        if any(cell is not None for cell in cells):
            yield Row(number, cells)


def _cell(value: Any, entered: Any) -> Cell:
    is_formula = isinstance(entered, ArrayFormula | DataTableFormula) or str(entered).startswith("=")
    if value is None:
        return _FORMULA if is_formula else None
    if isinstance(value, bool):
        return Unusable(str(value).upper(), _NOT_A_RATING)
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, date | time | timedelta):
        reason = "is a date or a time (Excel may have made one of it); format the cell as a number and write it again"
        return Unusable(str(value), reason)
    text = plain(str(value))
    if text.startswith("#") and is_formula:
        return Unusable(shown(text), "is a formula's error; correct the formula or write the number")
    return text if text.strip() else None


def _oddities(name: str, sheet: Worksheet, rows: tuple[Row, ...]) -> Iterator[Mistake]:
    """What a person does not see as the program sees it: hidden sheets, rows and columns; merged cells."""
    if sheet.sheet_state != "visible":
        yield Mistake(name, None, None, None, "is a hidden sheet with values; show it or delete it")
    for merged in sorted(sheet.merged_cells.ranges, key=lambda area: (area.min_row, area.min_col)):
        reason = "are merged cells; unmerge them and fill each one in"
        yield Mistake(name, merged.min_row, get_column_letter(merged.min_col), str(merged), reason)
    for row in rows:
        if sheet.row_dimensions[row.number].hidden:
            yield Mistake(name, row.number, None, None, "is a hidden row with values; show it or delete it")
    for dimension in sheet.column_dimensions.values():
        columns = range(dimension.min or 0, (dimension.max or 0) + 1) if dimension.hidden else range(0)
        for column in columns:
            if any(len(row.cells) >= column and row.cells[column - 1] is not None for row in rows):
                letter = get_column_letter(column)
                yield Mistake(name, None, letter, None, "is a hidden column with values; show it or delete it")
