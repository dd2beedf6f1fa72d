"""The migrations lead to the tables that the services declare, on both databases, to the last index."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from deploy.migration import every_table
from shared import migrations
from shared.db import Database
from tests.servers.postgres import PostgresServer


def differences(url: str, declared: sa.MetaData) -> list[object]:
    """What leads from the database at `url` to `declared`; nothing if they are the same."""
    database = Database(url)
    with database.read() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), declared)
    database.close()
    return list(found)


def test_on_sqlite_the_migrated_tables_are_the_declared_ones(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    migrations.migrate(url)
    assert not differences(url, every_table())


def test_on_postgresql_the_migrated_tables_are_the_declared_ones(postgres: PostgresServer) -> None:
    with postgres.database() as url:
        migrations.migrate(url)
        assert not differences(url, every_table())


def test_a_column_that_no_migration_adds_is_seen(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    migrations.migrate(url)
    declared = sa.MetaData(naming_convention=every_table().naming_convention)
    for table in every_table().sorted_tables:
        table.to_metadata(declared)
    declared.tables["bus_events"].append_column(sa.Column("forgotten", sa.Text))
    assert "forgotten" in str(differences(url, declared))


CATALOGUE = {
    "indexes": "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "constraints": "SELECT conrelid::regclass::text, conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint",
    "columns": "SELECT table_name, concat_ws(' ', column_name, data_type, character_maximum_length, is_nullable,"
    " column_default, col_description(table_name::regclass, ordinal_position)) FROM information_schema.columns"
    " WHERE table_schema = 'public'",
}
"""What PostgreSQL itself says it has: more than alembic compares (conditions of indexes, names, comments)."""


@pytest.mark.parametrize("what", CATALOGUE)
def test_postgresql_has_the_same_in_its_catalogue_migrated_and_declared(postgres: PostgresServer, what: str) -> None:
    with postgres.database() as migrated, postgres.database() as made:
        migrations.migrate(migrated)
        database = Database(made)
        every_table().create_all(database.engine)
        database.close()
        assert _catalogue(migrated, what) == _catalogue(made, what)


def _catalogue(url: str, what: str) -> set[tuple[str, str]]:
    database = Database(url)
    with database.read() as connection:
        found = {(table, text) for table, text in connection.exec_driver_sql(CATALOGUE[what]) if "alembic" not in table}
    database.close()
    assert found
    return found


def test_migrations_stand_in_one_line_in_the_order_of_their_names() -> None:
    directory = ScriptDirectory(str(migrations.PLACE))
    chain = [script.revision for script in directory.walk_revisions()][::-1]
    assert tuple(chain) == migrations.revisions()
    assert all(re.fullmatch(r"\d{4}_\d\d_\d\d_[a-z0-9_]+", name) for name in chain)
    assert all(len(name) <= migrations.LONGEST_NAME for name in chain)
