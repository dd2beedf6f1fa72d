"""Many rows in one statement, on both databases: what a batch costs is the rows, not the round trips.

SQLAlchemy's own way builds the statement anew for each number of rows; here PostgreSQL gets one array a column, always
under the same text, and SQLite one row of placeholders a row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

AT_ONCE = 500
"""Rows a statement on SQLite, far below its limit of 32,766 placeholders for any table of ours."""

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Replacing:
    """What becomes of a row whose primary key is there: these columns get the new values, if `where` holds.

    `where`: SQL of both databases; the row that is there goes by the table's name, the new one by `excluded`.
    """

    columns: tuple[str, ...]
    where: str = ""


def insert_many(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Values],
    *,
    computed: Mapping[str, sa.ColumnElement[Any]] | None = None,
    once: bool = False,
    replacing: Replacing | None = None,
    returning: Sequence[str] = (),
) -> list[Any]:
    """Insert rows that name the same columns, in their order. Gives the `returning` columns of those inserted.

    `computed`: columns whose value the database works out, the same way for every row. `once`: rows whose facts are
    known already (a unique key says so) are left out; `replacing`: they replace what is there (no two of the rows have
    one key). Returned values are as the driver gives them.
    """
    if not rows:
        return []
    tail = _tail(table, once, replacing, returning)
    if connection.dialect.name == "postgresql":
        return _in_arrays(connection, table, rows, computed or {}, tail)
    chunks = (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))
    return [row for some in chunks for row in _in_places(connection, table, some, computed or {}, tail)]


def among(dialect: str, column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
    """Whether a text column has one of the values in the list that is bound to `name`: one parameter however many."""
    if dialect == "postgresql":
        return column == sa.any_(sa.bindparam(name, type_=postgresql.ARRAY(sa.Text)))
    each = sa.func.json_each(sa.bindparam(name, type_=sa.JSON)).table_valued("value")
    return column.in_(sa.select(each.c.value))


def _in_arrays(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Values], computed: Mapping[str, Any], tail: str
) -> list[Any]:
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    # What is the same in every row is sent once: the event's name, the service, the state of what is new.
    many = [name for name, values in columns.items() if any(value != values[0] for value in values)] or [
        next(iter(columns))
    ]
    types = {name: _sql_type(table.c[name].type, connection.dialect) for name in columns}
    sent = ", ".join(f"sent.{_quoted(name)}" if name in many else f"%({name})b::{types[name]}" for name in columns)
    arrays = ", ".join(f"%({name})b::{types[name]}[]" for name in many)
    worked_out = "".join(f", {_compiled(each, connection)}" for each in computed.values())
    statement = (
        f"INSERT INTO {_quoted(table.name)} ({_listed((*columns, *computed))}) "  # noqa: S608  (names of our own tables)
        f"SELECT {sent}{worked_out} FROM unnest({arrays}) AS sent({_listed(many)}){tail}"
    )
    bound = {
        name: _bound(table.c[name].type, connection.dialect, values if name in many else values[:1])
        for name, values in columns.items()
    }
    return _run(connection, statement, {name: each if name in many else each[0] for name, each in bound.items()}, tail)


def _in_places(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Values], computed: Mapping[str, Any], tail: str
) -> list[Any]:
    names = tuple(rows[0])
    worked_out = "".join(f", {_compiled(each, connection)}" for each in computed.values())
    row_places = f"({', '.join('?' * len(names))}{worked_out})"
    places = ", ".join([row_places] * len(rows))
    statement = f"INSERT INTO {_quoted(table.name)} ({_listed((*names, *computed))}) VALUES {places}{tail}"  # noqa: S608
    columns = [_bound(table.c[name].type, connection.dialect, [row[name] for row in rows]) for name in names]
    values = tuple(value for row in zip(*columns, strict=True) for value in row)
    return _run(connection, statement, values, tail)


def _run(connection: sa.Connection, statement: str, values: Any, tail: str) -> list[Any]:
    result = connection.exec_driver_sql(statement, values)
    return list(result.all()) if "RETURNING" in tail else []


def _tail(table: sa.Table, once: bool, replacing: Replacing | None, returning: Sequence[str]) -> str:
    known = " ON CONFLICT DO NOTHING" if once else ""
    if replacing is not None:
        key = _listed([column.name for column in table.primary_key])
        new = ", ".join(f"{_quoted(name)} = excluded.{_quoted(name)}" for name in replacing.columns)
        known = f" ON CONFLICT ({key}) DO UPDATE SET {new}" + (f" WHERE {replacing.where}" if replacing.where else "")
    return known + (f" RETURNING {_listed(returning)}" if returning else "")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(_quoted(name) for name in names)


def _quoted(name: str) -> str:
    return f'"{name}"'


def _compiled(element: sa.ColumnElement[Any], connection: sa.Connection) -> str:
    return str(element.compile(dialect=connection.dialect))


def _bound(type_: sa.types.TypeEngine[Any], dialect: sa.Dialect, values: list[Any]) -> list[Any]:
    """The values as the driver takes them."""
    process = _processor(type_, dialect)
    return values if process is None else [process(value) for value in values]


@lru_cache(maxsize=1000)
def _processor(type_: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Any:
    return type_.dialect_impl(dialect).bind_processor(dialect)


@lru_cache(maxsize=1000)
def _sql_type(type_: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> str:
    return type_.compile(dialect=dialect)
