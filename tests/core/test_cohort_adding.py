"""Adding a connection to cohort.toml: the file stays its author's."""

from pathlib import Path

import pytest

from services.intake.vendors import VENDORS
from shared.cohort.adding import CantAdd, add_connection
from shared.cohort.definition import Connection
from shared.cohort.folder import FolderMistakes, read_folder
from shared.words import Instrument
from tests.builders.described_folder import described

COHORT = "pilot-p"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    described(tmp_path / "c")
    return tmp_path / "c"


def connection(vendor: str = "tally", **settings: str) -> Connection:
    return Connection(vendor=vendor, instrument=Instrument.APPRAISAL_360, secret_env="TEST_SECRET", settings=settings)


def add(folder: Path, name: str, new: Connection) -> None:
    add_connection(folder, COHORT, name, new, vendors=VENDORS)


def text(folder: Path) -> str:
    return (folder / "cohort.toml").read_text(encoding="utf-8")


def test_what_was_written_stays_to_the_last_sign(folder: Path) -> None:
    before = text(folder)
    add(folder, "forms", connection("qualtrics", api_host="lhr1.qualtrics.com"))
    after = text(folder)
    start, end = shared(before, after)
    assert before[:start] + before[start:] == before
    assert len(start_and_rest(before, after)) == len(after) - len(before)
    assert end >= start
    found = read_folder(folder, vendors=VENDORS).definition
    assert found.connections["forms"] == connection("qualtrics", api_host="lhr1.qualtrics.com")


def shared(before: str, after: str) -> tuple[int, int]:
    """Where the texts first differ, and how much of `before` is left when their ends are taken off."""
    start = next(n for n, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1])
    end = len(before)
    while end > start and before[end - 1] == after[end - 1 + len(after) - len(before)]:
        end -= 1
    return start, end


def start_and_rest(before: str, after: str) -> str:
    """What was put in, in one piece."""
    start, end = shared(before, after)
    assert start == end, "something of the file was changed"
    return after[start : start + len(after) - len(before)]


@pytest.mark.parametrize("name", ["appraisal-360", "Big", "a b", ""])
def test_a_name_that_is_taken_or_no_name_changes_nothing(folder: Path, name: str) -> None:
    before = text(folder)
    with pytest.raises((CantAdd, FolderMistakes)):
        add(folder, name, connection())
    assert text(folder) == before


def test_settings_that_the_tool_refuses_change_nothing(folder: Path) -> None:
    before = text(folder)
    with pytest.raises(FolderMistakes, match="api_host"):
        add(folder, "q", connection("qualtrics"))
    assert text(folder) == before


def test_a_file_that_is_broken_or_not_there_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CantAdd, match="can't be read"):
        add(tmp_path / "nowhere", "q", connection())
    (folder / "cohort.toml").write_text("cohort = ", encoding="utf-8")
    with pytest.raises(CantAdd, match="not valid TOML"):
        add(folder, "q", connection())


def test_a_folder_of_another_cohort_is_left_alone(folder: Path) -> None:
    before = text(folder)
    with pytest.raises(CantAdd, match=f"describes cohort {COHORT}, not other"):
        add_connection(folder, "other", "q", connection(), vendors=VENDORS)
    assert text(folder) == before


def test_a_cohort_without_connections_gets_its_first(folder: Path) -> None:
    lines = text(folder).splitlines(keepends=True)
    start = next(n for n, line in enumerate(lines) if line.startswith("[connections."))
    end = next(n for n in range(start + 1, len(lines)) if lines[n].startswith("["))
    (folder / "cohort.toml").write_text("".join(lines[:start] + lines[end:]), encoding="utf-8")
    add(folder, "first", connection())
    assert "[connections.first]" in text(folder)


@pytest.mark.parametrize("value", ["three", "connections = 3\n", "[connections]\nx = 1\n"])
def test_connections_that_are_no_table_change_nothing(folder: Path, value: str) -> None:
    lines = text(folder).splitlines(keepends=True)
    start = next(n for n, line in enumerate(lines) if line.startswith("[connections."))
    end = next(n for n in range(start + 1, len(lines)) if lines[n].startswith("["))
    kept = "".join(lines[:start] + lines[end:])
    broken = f"{value}{kept}" if value.startswith("connections") else f"{kept}\n{value}"
    (folder / "cohort.toml").write_text(broken, encoding="utf-8")
    with pytest.raises((CantAdd, FolderMistakes)):
        add(folder, "first", connection())
    assert text(folder) == broken
