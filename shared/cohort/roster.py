"""The rows of the people who take part in one cohort: compared with those of a folder, and brought into line."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from shared import people
from shared.cohort.folder import CohortFolder
from shared.cohort.people_files import ASSESSORS, RATERS, ROSTER
from shared.db import UnitOfWork
from shared.ids import CohortId

Rows = Mapping[str, Mapping[str, Any]]
"""Id → columns of one list of people."""


@dataclass(frozen=True, slots=True)
class PeopleList:
    """One list: its file, its table, and the column that names a person."""

    file: str
    table: sa.Table
    key: str


LISTS = (
    PeopleList(ROSTER, people.participants, "participant"),
    PeopleList(RATERS, people.raters, "rater"),
    PeopleList(ASSESSORS, people.assessors, "assessor"),
)

TELLABLE = frozenset({"organisation", "pool_consent", "participant", "relationship"})
"""Columns whose values may be told; of the others (names, addresses) only that they changed."""


@dataclass(frozen=True, slots=True)
class ListChange:
    """What a folder says otherwise about one list of people. `changed` is id → columns that differ."""

    which: PeopleList
    before: Rows
    after: Rows

    @property
    def added(self) -> list[str]:
        """Ids that are new."""
        return sorted(self.after.keys() - self.before.keys())

    @property
    def removed(self) -> list[str]:
        """Ids that the folder no longer lists."""
        return sorted(self.before.keys() - self.after.keys())

    @property
    def changed(self) -> dict[str, list[str]]:
        """Ids of whom something differs → the columns, in the file's order."""
        both = sorted(self.before.keys() & self.after.keys())
        differing = {
            who: [column for column, value in self.after[who].items() if value != self.before[who][column]]
            for who in both
        }
        return {who: columns for who, columns in differing.items() if columns}

    def words(self) -> list[str]:
        """The change in words: ids and codes, never a name or an address."""
        verbs = (("added", self.added), ("removed", self.removed))
        lines = [f"{self.which.file}: {verb} {', '.join(ids)}" for verb, ids in verbs if ids]
        for who, columns in self.changed.items():
            told = ", ".join(self._told(who, column) for column in columns)
            lines.append(f"{self.which.file}: changed {who} ({told})")
        return lines

    def _told(self, who: str, column: str) -> str:
        if column not in TELLABLE:
            return column
        return f"{column} {self.before[who][column] or 'none'} → {self.after[who][column] or 'none'}"


def people_changes(connection: sa.Connection, folder: CohortFolder) -> list[ListChange]:
    """What the folder says otherwise than the database, one entry a list; for a new cohort everybody is added."""
    cohort = CohortId(folder.definition.cohort)
    wanted: tuple[Rows, ...] = (
        {person.participant: asdict(person) for person in folder.participants},
        {person.rater: asdict(person) for person in folder.raters},
        {person.assessor: asdict(person) for person in folder.assessors},
    )
    return [
        ListChange(which, _kept(connection, which, cohort), after) for which, after in zip(LISTS, wanted, strict=True)
    ]


def _kept(connection: sa.Connection, which: PeopleList, cohort: CohortId) -> Rows:
    rows = connection.execute(sa.select(which.table).where(which.table.c.cohort == cohort)).mappings()
    return {row[which.key]: {name: value for name, value in row.items() if name != "cohort"} for row in rows}


def kept_by_evidence(changes: Collection[ListChange], people_with_evidence: Collection[str] | None) -> list[str]:
    """Why the changes may not be made: people who have given or received evidence stay, and raters stay with their
    participant. None stands for "everybody has".
    """
    reasons: list[str] = []
    for change in changes:
        moved = [
            who
            for who, columns in change.changed.items()
            if change.which.table is people.raters and "participant" in columns
        ]
        for ids, wish in ((change.removed, "removed"), (moved, "given to another participant")):
            held = [who for who in ids if people_with_evidence is None or who in people_with_evidence]
            if held:
                reasons.append(f"{change.which.file}: {', '.join(held)} can't be {wish}; put the row back as it was")
    return reasons


def bring_into_line(uow: UnitOfWork, cohort: CohortId, change: ListChange) -> None:
    """Make one list in the database say what the folder says."""
    table, key = change.which.table, change.which.table.c[change.which.key]
    if change.removed:
        uow.execute(sa.delete(table).where(table.c.cohort == cohort, key.in_(change.removed)))
    for who in change.changed:
        uow.execute(sa.update(table).where(table.c.cohort == cohort, key == who).values(**change.after[who]))
    if change.added:
        uow.execute(sa.insert(table), [{"cohort": cohort, **change.after[who]} for who in change.added])
