"""Reading a file of equality data: one row a person, one column a characteristic. No cell is ever shown in an error."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.cohort.cells import PersonCode
from shared.cohort.columns import Columns
from shared.cohort.csv_file import RawRow, only_once, read_csv, read_text
from shared.cohort.mistakes import Findings, Mistake
from shared.equality.store import Who
from shared.errors import PermanentError

MOST_CHARACTERISTICS = 20
MOST_GROUPS = 20
"""Different answers to one characteristic from which it looks like free text, a date or a name."""
LONGEST = 100
UNSTATED = frozenset({"", "-", "n/a", "na", "not stated", "not known", "unknown", "prefer not to say", "not disclosed"})
"""Words (any capitals) for somebody who does not say."""


class EqualityMistakes(PermanentError):
    """The file can't be taken; nothing of it was kept. `mistakes` holds every one, without what stood in a cell."""

    def __init__(self, mistakes: Collection[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda mistake: mistake.order))
        lines = "\n".join(f"  {mistake}" for mistake in self.mistakes[:50])
        more = f"\n  and {len(self.mistakes) - 50} more" if len(self.mistakes) > 50 else ""
        super().__init__(f"{len(self.mistakes)} mistake(s); nothing was kept:\n{lines}{more}")


class _Participant(Columns):
    participant: PersonCode


class _Rater(Columns):
    rater: PersonCode


class _Assessor(Columns):
    assessor: PersonCode


MODELS: Mapping[Who, type[Columns]] = {Who.PARTICIPANT: _Participant, Who.RATER: _Rater, Who.ASSESSOR: _Assessor}


@dataclass(frozen=True, slots=True)
class EqualityFile:
    """Characteristic → person → group; None: the person does not say."""

    stated: Mapping[str, Mapping[str, str | None]]


def read_equality(path: Path, who: Who, known: Collection[str]) -> EqualityFile:
    """Columns: `participant` (or `rater`, `assessor`), then one for each characteristic, such as `sex`.

    `known`: the ids that there are. Raises EqualityMistakes: no table; somebody unknown or twice; no characteristic,
    too many, or one with so many different answers that it is none.
    """
    found = Findings()
    file = read_csv(path.parent, path.name, MODELS[who], found, needed=True)
    characteristics = [name for name in (file.rows[0].cells if file.rows else {}) if name != who]
    _check_header(path, file.name, found)
    _check_people(file.rows, who, known, file.name, found)
    only_once(file, [who], f"is a {who} twice", found, show=False)
    if file.rows and not characteristics:
        found.mistake(file.name, f"has no column beside {who}; each other column is a characteristic", line=1)
    if len(characteristics) > MOST_CHARACTERISTICS:
        found.mistake(file.name, f"has {len(characteristics)} characteristics; take out what is none", line=1)
    stated = {name: _groups(file.rows, who, name, file.name, found) for name in characteristics}
    if found.mistakes:
        raise EqualityMistakes(found.mistakes)
    return EqualityFile(stated)


def _check_header(path: Path, file: str, found: Findings) -> None:
    """Of two columns with one name nobody could say which counts."""
    text = read_text(path.parent, path.name, Findings(), needed=False) or ""
    names = [name.strip().lower() for name in re.split("[,;]", text.split("\n", 1)[0].replace('"', ""))]
    if len(set(names)) < len(names):
        found.mistake(file, "has two columns of one name; keep one", line=1)


def _check_people(rows: tuple[RawRow, ...], who: Who, known: Collection[str], file: str, found: Findings) -> None:
    for row in rows:
        if row.cells[who] not in known:
            found.mistake(file, f"is no {who} of this cohort", line=row.line, column=who)


def _groups(rows: tuple[RawRow, ...], who: Who, name: str, file: str, found: Findings) -> dict[str, str | None]:
    if not name or len(name) > LONGEST or not name.isprintable():
        found.mistake(file, f"a column has no name, or none of at most {LONGEST} printable signs", line=1)
        return {}
    groups: dict[str, str | None] = {}
    for row in rows:
        cell = row.cells[name]
        if len(cell) > LONGEST or not cell.isprintable() or "@" in cell:
            found.mistake(file, "is no group: an address, too long, or not printable", line=row.line, column=name)
        groups[row.cells[who]] = None if cell.casefold() in UNSTATED else cell
    different = {group.casefold() for group in groups.values() if group}
    if len(different) > MOST_GROUPS:
        reason = f"has {len(different)} different answers; put them into at most {MOST_GROUPS} groups first"
        found.mistake(file, reason, line=1, column=name)
    return _same_spelling(groups)


def _same_spelling(groups: Mapping[str, str | None]) -> dict[str, str | None]:
    """Groups that differ in capital letters only are one, spelled as it is first."""
    spelled: dict[str, str] = {}
    return {who: spelled.setdefault(group.casefold(), group) if group else None for who, group in groups.items()}
