"""The pilot's description, copied for a test to spoil, and the mistakes that reading it gives."""

import shutil
from pathlib import Path

import pytest

from shared.cohort.folder import CohortFolder, FolderMistakes, Mistake, read_folder

PILOT = Path(__file__).parents[2] / "deploy" / "demo_cohort"
FED = ("deliveries", "development_day", "written", "late", "rejected")
VENDORS = {"typeform", "qualtrics"}


def described(copy: Path) -> Path:
    """A copy of the pilot's description at `copy`, without what feeds it."""
    shutil.copytree(PILOT, copy, ignore=shutil.ignore_patterns(*FED))
    return copy


def read(path: Path) -> CohortFolder:
    return read_folder(path, vendors=VENDORS)


def mistakes(path: Path) -> tuple[Mistake, ...]:
    with pytest.raises(FolderMistakes) as refused:
        read(path)
    return refused.value.mistakes


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8", newline="")


def spoilt(folder: Path, file: str, old: str, new: str) -> list[str]:
    """The mistakes, as read by a coordinator, after a replacement in one file."""
    replace(folder / file, old, new)
    return [str(mistake) for mistake in mistakes(folder)]
