"""Opening a cohort, and bringing an open one into line with a changed folder. All in the caller's transaction.

Opening the same folder twice changes nothing. A changed folder asks for `update`. Once evidence exists, what it is read
with is pinned and nobody whom it is from or about can be removed: nothing accepted is ever lost. A person who leaves
stays in the lists; a rater or assessor who has given nothing yet may be removed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from shared import clock
from shared.cohort import store
from shared.cohort.changes import definition_changes, pinned_changes, remapped
from shared.cohort.definition import CohortDefinition
from shared.cohort.folder import CohortFolder
from shared.cohort.people_files import RATERS
from shared.cohort.roster import ListChange, bring_into_line, kept_by_evidence, people_changes
from shared.db import UnitOfWork
from shared.errors import PermanentError
from shared.events import MappingChanged
from shared.ids import CohortId, RereadingId, new_id
from shared.outbox import audited, publish

RECORDED = (
    "what was recorded before keeps the relationship it was read with; the change counts for what is read from now on"
)


class CohortChanged(PermanentError):
    """The cohort is open and the folder says something else; nothing was changed."""

    def __init__(self, cohort: str, changes: Sequence[str]) -> None:
        lines = _lines(changes)
        super().__init__(f"cohort {cohort} is open and the folder has changed; to take it over add --update:\n{lines}")
        self.cohort = cohort
        self.changes = tuple(changes)


class Pinned(PermanentError):
    """Evidence exists, and the folder changes what that evidence rests on; nothing was changed."""

    def __init__(self, cohort: str, reasons: Sequence[str]) -> None:
        lines = _lines(reasons)
        super().__init__(
            f"cohort {cohort} has evidence, so these can't change (open another cohort for them):\n{lines}"
        )
        self.cohort = cohort
        self.reasons = tuple(reasons)


class ConnectionTaken(PermanentError):
    """A connection's name is another cohort's. `taken` is name → cohort; nothing was changed."""

    def __init__(self, taken: dict[str, str]) -> None:
        lines = _lines([f"{name} feeds cohort {cohort}" for name, cohort in sorted(taken.items())])
        super().__init__(
            f"a connection's name is part of its address and unique; choose another in cohort.toml:\n{lines}"
        )
        self.taken = taken


@dataclass(frozen=True, slots=True)
class Opening:
    """What opening did. `changes` says in words what an update changed; it holds ids and codes, no personal data."""

    outcome: Literal["created", "unchanged", "updated"]
    changes: tuple[str, ...] = ()
    rereading: RereadingId | None = None
    """Set if what arrived before is read again."""


def open_cohort(
    uow: UnitOfWork,
    folder: CohortFolder,
    *,
    update: bool,
    actor: str,
    has_evidence: bool,
    people_with_evidence: Collection[str] | None = None,
) -> Opening:
    """Open the folder's cohort, or bring it into line. `actor` is whom the audit names.

    `has_evidence` tells whether anything of this cohort was ever accepted as evidence. `people_with_evidence` are the
    ids of participants, raters and assessors whom evidence is about or from; without it everybody counts as one.

    Raises:
        CohortChanged: the cohort is open, the folder differs, and `update` is not set.
        Pinned: the folder changes or removes what evidence rests on.
        ConnectionTaken: another cohort has a connection of the same name.
    """
    if _created(uow, folder):
        _connect(uow, folder.definition)
        for change in people_changes(uow.connection, folder):
            bring_into_line(uow, CohortId(folder.definition.cohort), change)
        _audit(uow, folder, actor, "cohort.opened", ())
        return Opening("created")
    return _compared(uow, folder, update, actor, has_evidence, people_with_evidence)


def _created(uow: UnitOfWork, folder: CohortFolder) -> bool:
    """Whether the cohort is new. If not, its row is locked until the caller's transaction ends."""
    definition = folder.definition
    row = {"cohort": definition.cohort, "digest": definition.digest, "opened_at": clock.now()}
    if uow.insert_once(store.cohorts, row):
        _keep_version(uow, definition)
        return True
    uow.execute(sa.select(store.cohorts.c.cohort).where(store.cohorts.c.cohort == definition.cohort).with_for_update())
    return False


def _compared(
    uow: UnitOfWork,
    folder: CohortFolder,
    update: bool,
    actor: str,
    has_evidence: bool,
    people_with_evidence: Collection[str] | None,
) -> Opening:
    cohort = CohortId(folder.definition.cohort)
    before = store.definition_of(uow.connection, cohort)
    people = people_changes(uow.connection, folder)
    changes = _words(before, folder.definition, people, has_evidence)
    if not changes:
        return Opening("unchanged")
    if has_evidence:
        pinned = [*pinned_changes(before, folder.definition), *kept_by_evidence(people, people_with_evidence)]
        if pinned:
            raise Pinned(cohort, pinned)
    if not update:
        raise CohortChanged(cohort, changes)
    _update(uow, folder, people)
    _audit(uow, folder, actor, "cohort.updated", changes)
    return Opening("updated", tuple(changes), _have_read_again(uow, before, folder.definition))


def _have_read_again(uow: UnitOfWork, before: CohortDefinition, after: CohortDefinition) -> RereadingId | None:
    """Have what arrived on connections that are read otherwise now be read again; None: there are none."""
    connections = remapped(before, after)
    if not connections:
        return None
    rereading = RereadingId(new_id())
    publish(uow, MappingChanged(cohort=CohortId(after.cohort), rereading=rereading, connections=connections))
    return rereading


def _words(
    before: CohortDefinition, after: CohortDefinition, people: Sequence[ListChange], has_evidence: bool
) -> list[str]:
    lines = [*definition_changes(before, after), *(line for change in people for line in change.words())]
    if again := remapped(before, after):
        lines.append(f"what arrived on {', '.join(again)} is read again, with all that the folder says now")
    elif has_evidence and any(line.startswith(RATERS) and "relationship " in line for line in lines):
        lines.append(RECORDED)
    return lines


def _update(uow: UnitOfWork, folder: CohortFolder, people: Sequence[ListChange]) -> None:
    definition = folder.definition
    _keep_version(uow, definition)
    uow.execute(
        sa.update(store.cohorts).where(store.cohorts.c.cohort == definition.cohort).values(digest=definition.digest)
    )
    _connect(uow, definition)
    for change in people:
        bring_into_line(uow, CohortId(definition.cohort), change)


def _keep_version(uow: UnitOfWork, definition: CohortDefinition) -> None:
    """Versions are kept for ever; one that comes back is the same row."""
    row = {"cohort": definition.cohort, "digest": definition.digest, "since": clock.now()}
    uow.insert_once(store.definitions, {**row, "document": definition.model_dump_json()})


def _connect(uow: UnitOfWork, definition: CohortDefinition) -> None:
    """Make the cohort's connections those of the definition. The unique key decides between two cohorts at once."""
    c = store.connections.c
    mine = c.cohort == definition.cohort
    uow.execute(sa.delete(store.connections).where(mine, c.connection.not_in(sorted(definition.connections))))
    taken = {name: owner for name in sorted(definition.connections) if (owner := _owner(uow, name, definition.cohort))}
    if taken := {name: owner for name, owner in taken.items() if owner != definition.cohort}:
        raise ConnectionTaken(taken)


def _owner(uow: UnitOfWork, name: str, cohort: str) -> str | None:
    """The cohort that a connection's name belongs to: this one, unless another was first."""
    uow.insert_once(store.connections, {"connection": name, "cohort": cohort})
    return store.cohort_of_connection(uow.connection, name)


def _audit(uow: UnitOfWork, folder: CohortFolder, actor: str, action: str, changes: Sequence[str]) -> None:
    detail = {
        "digest": folder.definition.digest,
        "participants": len(folder.participants),
        "raters": len(folder.raters),
        "assessors": len(folder.assessors),
        "changes": list(changes),
    }
    audited(uow, actor=actor, action=action, subject=folder.definition.cohort, detail=detail)


def _lines(words: Sequence[str]) -> str:
    return "\n".join(f"  {line}" for line in words)
