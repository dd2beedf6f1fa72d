"""Score sheets and marks: what they say, and every mistake of every kind by sheet, row, column, value and reason."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.core import uploads
from services.intake.core.grid import Cell, Grid, Mistake, Unusable
from services.intake.core.submission import SubmissionKind
from services.intake.core.uploads import UploadReading
from tests.builders.intake import ROSTER, a_definition, a_grid

ABOUT = a_grid("About", ("assessor", "A-1"), ("scale", "1 to 5, blank = not observed"))
MARKS = ("participant", "marker", "criterion", "mark", "max_mark")


def read(*grids: Grid) -> UploadReading:
    return uploads.read(grids, a_definition(), ROSTER)


def mistakes(*grids: Grid) -> list[Mistake]:
    """Every mistake; none of the file counts then."""
    found = read(*grids)
    assert found.mistakes
    assert found.evidence == ()
    return list(found.mistakes)


def only(*grids: Grid) -> Mistake:
    (mistake,) = mistakes(*grids)
    return mistake


def sheet(*rows: Sequence[Cell], name: str = "EX1", heading: Sequence[Cell] = ("participant", "SL1", "SL2")) -> Grid:
    return a_grid(name, heading, *rows)


def flat(*rows: Sequence[Cell]) -> Grid:
    return a_grid("", ("assessor", "exercise", "participant", "SL1", "SL2", "IK1"), *rows)


def marks(*rows: Sequence[Cell], heading: Sequence[Cell] = MARKS) -> Grid:
    return a_grid("", heading, *rows)


def test_a_workbook_gives_a_piece_for_each_row() -> None:
    found = read(
        ABOUT,
        sheet(("P-1", 4.0, None), ("P-2", 3.5, 1.0)),
        sheet(("P-1", 2.0), name="EX2", heading=("participant", "IK1")),
    )
    assert found.mistakes == ()
    assert found.kind is SubmissionKind.SCORE_SHEET
    assert [(each.by, each.participant, each.element, dict(each.ratings)) for each in found.evidence] == [
        ("A-1", "P-1", "EX1", {"SL1": 4.0, "SL2": None}),
        ("A-1", "P-2", "EX1", {"SL1": 3.5, "SL2": 1.0}),
        ("A-1", "P-1", "EX2", {"IK1": 2.0}),
    ]
    assert found.summary == "score sheet: 3 rows about 2 participants by 1 assessor"


def test_a_flat_table_says_the_same() -> None:
    found = read(flat(("A-1", "EX1", "P-1", "4", None, None), ("A-2", "Workshop", "P-1", None, None, "2")))
    assert [(each.by, each.element, dict(each.ratings)) for each in found.evidence] == [
        ("A-1", "EX1", {"SL1": 4.0, "SL2": None}),
        ("A-2", "EX2", {"IK1": 2.0}),
    ]


def test_headings_and_sheets_are_known_in_any_spelling() -> None:
    found = read(ABOUT, sheet(("P-1", 4.0), name=" simulation ", heading=(" Participant", "sl1")))
    assert dict(found.evidence[0].ratings) == {"SL1": 4.0}


def test_an_exercise_sheet_may_lack_competencies_and_hold_blank_rows() -> None:
    found = read(ABOUT, sheet(("P-1", 4.0), (None, None), heading=("participant", "SL1")))
    assert len(found.evidence) == 1


@pytest.mark.parametrize(
    ("grid", "row", "column", "value", "words"),
    [
        (sheet(("P-9", 3.0, 3.0)), 2, "participant", "P-9", "roster.csv"),
        (sheet((None, 3.0, 3.0)), 2, "participant", None, "is blank"),
        (sheet(("P-1", "4/5", 3.0)), 2, "SL1", "4/5", "is not a number"),
        (sheet(("P-1", "3,5", 3.0)), 2, "SL1", "3,5", "full stop"),
        (sheet(("P-1", "n/a", 3.0)), 2, "SL1", "n/a", "leave the cell blank"),
        (sheet(("P-1", 3.0, 7.0)), 2, "SL2", "7", "off the scale, 1 to 5"),
        (sheet(("P-1", 3.0, 0.0)), 2, "SL2", "0", "blank means not observed"),
        (sheet(("P-1", Unusable("2026-05-04", "is a date"), 3.0)), 2, "SL1", "2026-05-04", "is a date"),
        (sheet(("P-1", 3.0), ("P-1", 2.0)), 3, "participant", "P-1", "before, in sheet EX1, row 2"),
        (sheet(("P-1", 3.0), heading=("participant", "SL9")), 1, "SL9", "SL9", "is no competency"),
        (sheet(("P-1", 3.0), heading=("participant", "IK1")), 1, "IK1", "IK1", "is not observed in EX1"),
        (sheet(("P-1", 3.0, 3.0), heading=("participant", "SL1", "SL1")), 1, "SL1", "SL1", "heads two columns"),
        (sheet(("P-1", 3.0, 3.0), heading=("participant", "SL1", None)), 1, "C", None, "no heading"),
        (sheet(("x", 3.0), heading=("person", "SL1")), None, None, None, ""),
        (sheet(("P-1", 3.0), name="EX9"), None, None, "EX9", "is no exercise"),
    ],
)
def test_a_mistake_in_an_exercise_sheet_is_named(
    grid: Grid, row: int | None, column: str | None, value: str | None, words: str
) -> None:
    found = mistakes(ABOUT, grid)
    if words:
        (mistake,) = found
        assert (mistake.sheet, mistake.row, mistake.column, mistake.value) == (grid.name, row, column, value)
        assert words in mistake.reason
    else:
        assert {(each.row, each.column) for each in found} == {(1, "person"), (1, "participant")}


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ([], "the sheet About is missing"),
        ([a_grid("About", ("scale", "1 to 5"))], "names no assessor"),
        ([a_grid("About", ("assessor",))], "is blank"),
        ([a_grid("About", ("assessor", "A-9"))], "is no assessor of this cohort"),
        ([a_grid("about", ("Assessor id", "A-1"), ("scale", "1 to 10"))], "is not the cohort's scale"),
    ],
)
def test_a_mistake_about_the_assessor_is_named(about: list[Grid], words: str) -> None:
    mistake = only(*about, sheet(("P-1", 3.0, 3.0)))
    assert mistake.sheet.lower() == "about"
    assert words in mistake.reason


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        (("A-9", "EX1", "P-1", "3", None, None), "assessor", "is no assessor"),
        ((None, "EX1", "P-1", "3", None, None), "assessor", "is blank"),
        (("A-1", "EX9", "P-1", "3", None, None), "exercise", "is no exercise"),
        (("A-1", "EX1", "P-9", "3", None, None), "participant", "is no participant"),
        (("A-1", "EX1", None, "3", None, None), "participant", "is blank"),
        (("A-1", "EX1", "P-1", "9", None, None), "SL1", "off the scale"),
        (("A-1", "EX1", "P-1", "3", None, "3"), "IK1", "is not observed in EX1"),
    ],
)
def test_a_mistake_in_a_flat_table_is_named(row: Sequence[Cell], column: str, words: str) -> None:
    mistake = only(flat(row))
    assert (mistake.row, mistake.column) == (2, column)
    assert words in mistake.reason


def test_a_row_given_twice_in_a_flat_table_is_named() -> None:
    row: Sequence[Cell] = ("A-1", "EX1", "P-1", "3")
    assert "in row 2" in only(flat(row, row)).reason


def test_every_mistake_of_every_kind_is_told_at_once() -> None:
    found = mistakes(
        sheet(("P-1", "4/5", 7.0), ("P-9", 3.0, 3.0), (None, 3.0, 3.0), heading=("participant", "SL1", "SL2")),
        sheet(("P-1", 3.0), name="EX2", heading=("participant", "SL9")),
    )
    assert [(each.sheet, each.row, each.column, each.value) for each in found] == [
        ("About", None, None, None),
        ("EX1", 2, "SL1", "4/5"),
        ("EX1", 2, "SL2", "7"),
        ("EX1", 3, "participant", "P-9"),
        ("EX1", 4, "participant", None),
        ("EX2", 1, "SL9", "SL9"),
    ]


def test_marks_give_a_piece_for_each_criterion() -> None:
    found = read(marks(("P-1", "M-1", "W1", "6", "10"), ("P-1", "M-2", "w2", "12.5", "20")))
    assert found.kind is SubmissionKind.MARKS
    assert [(each.by, each.element, dict(each.ratings), each.moderating) for each in found.evidence] == [
        ("M-1", "W1", {"W1": 6.0}, False),
        ("M-2", "W2", {"W2": 12.5}, False),
    ]
    assert found.summary == "marks: 2 marks of 1 participant by 2 markers"


@pytest.mark.parametrize(
    ("word", "moderating"), [("yes", True), ("X", True), ("no", False), (None, False), (1.0, True)]
)
def test_a_mark_may_say_that_it_moderates(word: Cell, moderating: bool) -> None:
    found = read(marks(("P-1", "M-3", "W1", "6", "10", word), heading=(*MARKS, "Moderating")))
    assert found.evidence[0].moderating is moderating


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        (("P-9", "M-1", "W1", "6", "10"), "participant", "is no participant"),
        ((None, "M-1", "W1", "6", "10"), "participant", "is blank"),
        (("P-1", None, "W1", "6", "10"), "marker", "is blank"),
        (("P-1", "M" * 101, "W1", "6", "10"), "marker", "longer than"),
        (("P-1", "M-1", "W9", "6", "10"), "criterion", "is no criterion"),
        (("P-1", "M-1", "W1", "6/10", "10"), "mark", "is not a number"),
        (("P-1", "M-1", "W1", None, "10"), "mark", "is blank"),
        (("P-1", "M-1", "W1", "11", "10"), "mark", "not between 0 and 10"),
        (("P-1", "M-1", "W1", "-1", "10"), "mark", "not between 0 and 10"),
        (("P-1", "M-1", "W1", "6", "20"), "max_mark", "which is 10"),
        (("P-1", "M-1", "W1", "6", None), "max_mark", "is blank"),
    ],
)
def test_a_mistake_in_marks_is_named(row: Sequence[Cell], column: str, words: str) -> None:
    mistake = only(marks(row))
    assert (mistake.row, mistake.column) == (2, column)
    assert words in mistake.reason


def test_mistakes_in_the_headings_of_marks_are_named() -> None:
    assert "is missing" in only(marks(("P-1", "M-1", "W1", "6"), heading=MARKS[:-1])).reason
    notes = only(marks(("P-1", "M-1", "W1", "6", "10", "good"), heading=(*MARKS, "notes")))
    assert notes.column == "notes"
    assert (
        "neither yes nor no" in only(marks(("P-1", "M-1", "W1", "6", "10", "?"), heading=(*MARKS, "moderating"))).reason
    )
    row = ("P-1", "M-1", "W1", "6", "10")
    assert "keep one" in only(marks(row, row)).reason


def test_marks_may_be_a_sheet_of_a_workbook() -> None:
    assert read(ABOUT, a_grid("Marks", MARKS, ("P-1", "M-1", "W1", 6.0, 10.0))).mistakes == ()


def test_what_is_neither_says_what_either_looks_like() -> None:
    assert "neither a score sheet nor marks" in only(a_grid("", ("name", "age"), ("x", "3"))).reason
    assert "is empty" in only().reason
    assert "is empty" in only(a_grid("Sheet1")).reason
    assert "no values" in only(marks()).reason
    assert "no exercise sheet" in only(ABOUT).reason


cells = st.one_of(
    st.none(),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["P-1", "A-1", "EX1", "SL1", "participant", "marker", "mark", "W1", "assessor", "criterion"]),
    st.just(Unusable("x", "is odd")),
)


@given(
    st.lists(
        st.tuples(
            st.text(max_size=5) | st.sampled_from(["EX1", "About"]),
            st.lists(st.lists(cells, min_size=1, max_size=6), max_size=5),
        ),
        max_size=3,
    )
)
def test_any_sheets_give_evidence_or_mistakes(sheets: list[tuple[str, list[list[Any]]]]) -> None:
    found = read(*(a_grid(name, *rows) for name, rows in sheets))
    assert bool(found.evidence) != bool(found.mistakes)
    assert all(str(mistake) for mistake in found.mistakes)
