"""The bytes of an uploaded file become sheets of cells, or say what to do; nothing is lost silently."""

import io
import zipfile
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.core import uploads
from services.intake.core.grid import Cell, Grid, Unusable
from services.intake.core.roster import Roster
from services.intake.files import NotATable, grids_of
from shared.cohort.folder import read_folder
from tests.builders.intake import PILOT, a_definition, saved, workbook

LIMIT = 2**20
TABLE: list[list[object]] = [["participant", "SL1"], ["P-1", 4]]


def opened(content: bytes) -> list[Grid]:
    return grids_of(content, unpacked_limit=LIMIT)


def cells(content: bytes) -> list[tuple[Cell, ...]]:
    (grid,) = opened(content)
    assert grid.mistakes == ()
    return [row.cells for row in grid.rows]


def refusal(content: bytes) -> str:
    with pytest.raises(NotATable) as caught:
        opened(content)
    return str(caught.value)


def with_sheet(change: str) -> bytes:
    """A workbook with one oddity."""
    book = openpyxl.load_workbook(io.BytesIO(workbook({"EX1": TABLE, "EX2": TABLE})))
    sheet = book["EX1"]
    match change:
        case "merged":
            sheet.merge_cells("A2:B2")
        case "hidden row":
            sheet.row_dimensions[2].hidden = True
        case "hidden column":
            sheet.column_dimensions["B"].hidden = True
        case "hidden sheet":
            sheet.sheet_state = "hidden"
        case "far":
            sheet["A9000"] = "x"
    return saved(book)


def test_a_workbook_gives_its_cells_with_the_rows_as_numbered_there() -> None:
    (grid,) = opened(workbook({"EX1": [["participant", "SL1"], [], ["P-1", 4], [" ", None]]}))
    assert (grid.name, [(row.number, row.cells) for row in grid.rows]) == (
        "EX1",
        [(1, ("participant", "SL1")), (3, ("P-1", 4.0))],
    )


def test_a_formula_counts_by_its_stored_value_and_without_one_it_is_named() -> None:
    ((_, _), (_, cell)) = cells(workbook({"EX1": [["participant", "SL1"], ["P-1", "=2+2"]]}))
    assert isinstance(cell, Unusable)
    assert "formula without a stored value" in cell.reason


def test_a_formula_that_was_saved_by_a_spreadsheet_counts_by_its_value() -> None:
    content = workbook({"EX1": [["participant", "SL1"], ["P-1", "=2+2"]]})
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(file, "w") as changed:
        for name in archive.namelist():
            changed.writestr(name, archive.read(name).replace(b"<v></v>", b"<v>4</v>").replace(b"<v />", b"<v>4</v>"))
    assert cells(file.getvalue())[1] == ("P-1", 4.0)


def test_dates_and_truth_values_are_no_ratings() -> None:
    (row,) = cells(workbook({"EX1": [[date(2026, 5, 4), True]]}))
    assert [type(cell) for cell in row] == [Unusable, Unusable]
    assert isinstance(row[0], Unusable)
    assert "date" in row[0].reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("merged", "are merged cells"),
        ("hidden row", "is a hidden row"),
        ("hidden column", "is a hidden column"),
        ("hidden sheet", "is a hidden sheet"),
    ],
)
def test_what_a_person_does_not_see_is_named(change: str, words: str) -> None:
    first, second = opened(with_sheet(change))
    assert words in first.mistakes[0].reason
    assert second.mistakes == ()


def test_a_sheet_that_reaches_too_far_says_how_far() -> None:
    assert "row 9000" in refusal(with_sheet("far"))


def bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * 50 * LIMIT)
    return file.getvalue()


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "<x/>")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100, ".xls"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "password"),
        (b"%PDF-1.7 ...", "is no table"),
        (b"PK\x03\x04 damaged", "damaged"),
        (zipped("word/document.xml"), "is no Excel workbook"),
        (zipped("xl/workbook.bin"), ".xlsb"),
        (zipped("xl/workbook.xml"), "damaged"),
        (bomb(), "unpacks to more than"),
        (b"a,b\x81\x00\x00,c", "no text"),
        (b'a,b\n"' + b"x" * 200_000, "CSV from line 2"),
    ],
)
def test_what_can_not_be_opened_says_what_to_do(content: bytes, words: str) -> None:
    assert words in refusal(content)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_text_is_read_in_the_encodings_that_spreadsheets_write(encoding: str, delimiter: str) -> None:
    text = f"participant{delimiter}marker\r\nP-1{delimiter}Müller\r\n"
    assert cells(text.encode(encoding)) == [("participant", "marker"), ("P-1", "Müller")]


def test_a_line_that_names_the_separator_is_no_row() -> None:
    (grid,) = opened(b"sep=;\nparticipant;marker\nP-1;M-1\n")
    assert [row.number for row in grid.rows] == [2, 3]
    assert grid.rows[1].cells == ("P-1", "M-1")


def test_rows_are_numbered_by_the_line_that_they_begin_on() -> None:
    (grid,) = opened(b'a,b\n"x\ny",1\n\nz,2\n')
    assert [row.number for row in grid.rows] == [1, 2, 5]


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"PK\x03\x04", b"\xff\xfe", b"\xef\xbb\xbf", b"participant,marker\n"]),
)
@settings(deadline=None)
def test_any_bytes_give_sheets_or_a_reason(content: bytes, start: bytes) -> None:
    try:
        found = opened(start + content)
    except NotATable as refused:
        assert str(refused)  # noqa: PT017
        return
    reading = uploads.read(found, a_definition(), Roster())
    assert reading.mistakes


def test_a_workbook_cut_off_anywhere_gives_a_reason() -> None:
    whole = workbook({"EX1": TABLE})
    for size in range(4, len(whole) - 1, 97):
        assert refusal(whole[:size])


def test_the_rejected_sheet_of_the_pilot_names_each_of_its_mistakes() -> None:
    folder = read_folder(PILOT, vendors={"typeform"})
    roster = Roster(
        frozenset(person.participant for person in folder.participants),
        assessors=frozenset(person.assessor for person in folder.assessors),
    )
    content = (PILOT / "rejected" / "A-01-with-errors.xlsx").read_bytes()
    found = uploads.read(opened(content), folder.definition, roster)
    assert [(each.sheet, each.row, each.column, each.value) for each in found.mistakes] == [
        ("About", None, None, None),
        ("EX1", 1, "SL9", "SL9"),
        ("EX1", 2, "SL2", "4/5"),
        ("EX1", 2, "SL3", "7"),
        ("EX1", 3, "participant", "P-9999"),
        ("EX1", 4, "participant", None),
    ]


@pytest.mark.parametrize(
    ("pattern", "pieces"), [("development_day/A-0[1-4].xlsx", 56), ("written/marks.csv", 70), ("late/written/*", 1)]
)
def test_the_sheets_and_marks_of_the_pilot_have_no_mistake(pattern: str, pieces: int) -> None:
    folder = read_folder(PILOT, vendors={"typeform"})
    roster = Roster(
        frozenset(person.participant for person in folder.participants),
        assessors=frozenset(person.assessor for person in folder.assessors),
    )
    count = 0
    for path in Path(PILOT).glob(pattern):
        found = uploads.read(opened(path.read_bytes()), folder.definition, roster)
        assert found.mistakes == ()
        count += len(found.evidence)
    assert count == pieces
