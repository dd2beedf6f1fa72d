"""What in a schema change takes something from code that was written for the schema before."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Column:
    """What older code can rely on. `length` is None where there is no limit."""

    kind: str
    length: int | None
    nullable: bool
    filled: bool
    """Who leaves it out gets a value all the same."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as the database has it."""

    columns: dict[str, Column]
    key: tuple[str, ...]
    unique: frozenset[tuple[str, ...]]
    references: frozenset[tuple[str, ...]]
    """The columns of each foreign key."""
    checks: frozenset[str]


def schema_of(connection: sa.Connection) -> dict[str, Table]:
    """Every table but alembic's own."""
    inspector = sa.inspect(connection)
    return {name: _table(inspector, name) for name in inspector.get_table_names() if name != "alembic_version"}


def _table(inspector: sa.Inspector, name: str) -> Table:
    unique: list[Sequence[str | None]] = [each["column_names"] for each in inspector.get_unique_constraints(name)]
    unique += [each["column_names"] for each in inspector.get_indexes(name) if each["unique"]]
    return Table(
        columns={
            column["name"]: Column(
                kind=getattr(column["type"]._type_affinity, "__name__", "unknown"),
                length=getattr(column["type"], "length", None),
                nullable=column["nullable"],
                filled=column["default"] is not None or bool(column.get("autoincrement") is True),
            )
            for column in inspector.get_columns(name)
        },
        key=tuple(inspector.get_pk_constraint(name)["constrained_columns"]),
        unique=frozenset(tuple(str(column) for column in columns) for columns in unique),
        references=frozenset(tuple(each["constrained_columns"]) for each in inspector.get_foreign_keys(name)),
        checks=frozenset(str(each["sqltext"]) for each in inspector.get_check_constraints(name)),
    )


def narrows(before: dict[str, Table], after: dict[str, Table]) -> list[str]:
    """What code for `before` can't do on `after` any more; empty if there is only more room."""
    found = [f"table {name} is gone" for name in before.keys() - after.keys()]
    for name in before.keys() & after.keys():
        found += [f"{name}: {what}" for what in _narrows(before[name], after[name])]
    return sorted(found)


def _narrows(was: Table, now: Table) -> list[str]:
    found = [f"column {name} is gone" for name in was.columns.keys() - now.columns.keys()]
    for name, column in now.columns.items():
        if name in was.columns:
            found += [f"column {name} {what}" for what in _changes(was.columns[name], column)]
        elif not column.nullable and not column.filled:
            found.append(f"new column {name} must be given; make it nullable or give it a server default")
    if was.key != now.key:
        found.append(f"the primary key is another: {', '.join(now.key)}")
    # A rule that involves a new column which old code leaves NULL binds nobody who does not know it.
    free = {name for name in now.columns.keys() - was.columns.keys() if now.columns[name].nullable}
    found += [f"{', '.join(each)} must be unique" for each in now.unique - was.unique if not free & set(each)]
    found += [f"{', '.join(each)} must refer" for each in now.references - was.references if not free & set(each)]
    return found + [f"new check {each}" for each in now.checks - was.checks]


def _changes(was: Column, now: Column) -> list[str]:
    found = []
    if was.kind != now.kind:
        found.append(f"was {was.kind}, is {now.kind}")
    if now.length is not None and (was.length is None or now.length < was.length):
        found.append(f"holds {now.length} letters only")
    if was.nullable and not now.nullable:
        found.append("must not be NULL any more")
    if was.filled and not now.filled and not now.nullable:
        found.append("lost its default")
    return found
