"""Workers of two releases share a database during an upgrade: migrations add, and older code runs on newer tables."""

import importlib.util
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shared import migrations
from shared.db import Database
from tests.contracts.schema_changes import narrows, schema_of
from tests.servers.postgres import PostgresServer

AFTER_THE_FIRST = migrations.revisions()[1:]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without any table."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/empty.db")
        yield database
        database.close()
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database() as url:
        database = Database(url)
        yield database
        database.close()


def upgraded(db: Database, revision: str) -> None:
    """One step, or several, in the way that `talentline migrate` does it."""
    with db.write() as uow:
        if db.is_sqlite:
            uow.connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        migrations._upgrade(uow.connection, revision)


def test_a_migration_only_adds_unless_it_is_marked_and_named_for_after_the_rollout(empty: Database) -> None:
    upgraded(empty, migrations.revisions()[0])
    for revision in AFTER_THE_FIRST:
        with empty.read() as connection:
            before = schema_of(connection)
        upgraded(empty, revision)
        with empty.read() as connection:
            found = narrows(before, schema_of(connection))
        assert not found or migrations.is_post_deploy(revision), (
            f"{revision} takes something from workers of the release before: {'; '.join(found)}. Add in one release,"
            " take away in a later one, in a migration `…_post_…` with POST_DEPLOY = True (docs/evolution.md)."
        )


@pytest.mark.parametrize("revision", migrations.revisions())
def test_a_migration_is_marked_as_it_is_named(revision: str) -> None:
    spec = importlib.util.spec_from_file_location(revision, migrations.PLACE / "versions" / f"{revision}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert getattr(module, "POST_DEPLOY", False) == migrations.is_post_deploy(revision)


def a_row(table: sa.Table, number: int) -> dict[str, Any]:
    """Values for every column, told apart by `number`; a reference leads to the row of the same number."""
    return {column.name: _value(column.type, number) for column in table.columns}


def _value(kind: sa.types.TypeEngine[Any], number: int) -> object:
    values: Mapping[type, object] = {
        sa.DateTime: datetime(2026, 3, 1, 12, number % 60, tzinfo=UTC),
        sa.JSON: {"number": number},
        sa.Boolean: True,
        sa.Integer: number,
        sa.Float: number / 2,
        sa.Double: number / 2,
        sa.Date: datetime(2026, 3, 1, tzinfo=UTC).date(),
        sa.LargeBinary: b"%d" % number,
        sa.String: f"v{number}",
    }
    return next(value for known, value in values.items() if isinstance(kind, known))


def test_code_of_every_earlier_release_reads_and_writes_on_the_newest_tables(empty: Database) -> None:
    """What it wrote before the upgrade is still there, and it goes on writing after it, with the columns it knows."""
    releases: dict[int, sa.MetaData] = {}
    for number, revision in enumerate(migrations.revisions(), 1):
        if migrations.is_post_deploy(revision):
            releases.clear()  # nobody older runs any more
        upgraded(empty, revision)
        known = sa.MetaData()
        with empty.write() as uow:
            known.reflect(uow.connection)
            known.remove(known.tables["alembic_version"])
            for table in known.sorted_tables:
                uow.execute(sa.insert(table).values(a_row(table, number)))
        releases[number] = known
    for number, known in releases.items():
        with empty.write() as uow:
            for table in known.sorted_tables:
                uow.execute(sa.insert(table).values(a_row(table, 100 + number)))
            for table in reversed(known.sorted_tables):
                key = next(iter(table.primary_key.columns))
                mine = uow.execute(
                    sa.select(table).where(key.in_([_value(key.type, n) for n in (number, 100 + number)]))
                )
                assert len(mine.all()) == 2, table.name
                gone = sa.delete(table).where(key == _value(key.type, 100 + number))
                assert uow.execute(gone).rowcount == 1, table.name


NARROWER = {
    "ALTER TABLE t DROP COLUMN note": "t: column note is gone",
    "ALTER TABLE t RENAME COLUMN note TO remark": "t: column note is gone",
    "ALTER TABLE t RENAME TO u": "table t is gone",
    "ALTER TABLE t ADD COLUMN more TEXT NOT NULL": "t: new column more must be given; make it nullable or give it a"
    " server default",
    "ALTER TABLE t ALTER COLUMN note SET NOT NULL": "t: column note must not be NULL any more",
    "ALTER TABLE t ALTER COLUMN number TYPE text USING number::text": "t: column number was Integer, is String",
    "ALTER TABLE t ALTER COLUMN note TYPE varchar(5)": "t: column note holds 5 letters only",
    "ALTER TABLE t ALTER COLUMN state DROP DEFAULT": "t: column state lost its default",
    "CREATE UNIQUE INDEX i ON t (note)": "t: note must be unique",
    "ALTER TABLE t ADD FOREIGN KEY (number) REFERENCES t (id)": "t: number must refer",
    "ALTER TABLE t ADD CHECK (number > 0)": "t: new check number > 0",
}
WIDER = (
    "ALTER TABLE t ADD COLUMN more TEXT",
    "ALTER TABLE t ADD COLUMN more TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE t ADD COLUMN more INTEGER UNIQUE REFERENCES t (id)",
    "CREATE TABLE u (id INTEGER PRIMARY KEY, note TEXT NOT NULL)",
    "CREATE INDEX i ON t (note)",
    "ALTER TABLE t ALTER COLUMN note TYPE varchar(500)",
    "ALTER TABLE t ALTER COLUMN number DROP NOT NULL",
)


def found_in(server: PostgresServer, change: str) -> list[str]:
    """What is said of a change to a table."""
    with server.database() as url:
        database = Database(url)
        with database.write() as uow:
            uow.connection.exec_driver_sql(
                "CREATE TABLE t (id INTEGER PRIMARY KEY, note VARCHAR(50), number INTEGER NOT NULL,"
                " state TEXT NOT NULL DEFAULT 'new')"
            )
            before = schema_of(uow.connection)
            uow.connection.exec_driver_sql(change)
            found = narrows(before, schema_of(uow.connection))
        database.close()
    return found


@pytest.mark.parametrize("change", NARROWER)
def test_what_takes_something_from_older_code_is_seen(postgres: PostgresServer, change: str) -> None:
    assert NARROWER[change] in found_in(postgres, change)


@pytest.mark.parametrize("change", WIDER)
def test_what_only_adds_passes(postgres: PostgresServer, change: str) -> None:
    assert found_in(postgres, change) == []
