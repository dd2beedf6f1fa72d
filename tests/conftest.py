"""Fixtures for every test: databases and a queue server that are real, made anew for each test.

`db` is an empty SQLite database, `postgres_db` an empty PostgreSQL one, `any_db` runs a test on both; all have every
table. `redis_url` is the address of an empty queue server. The servers come from wheels and start when first asked for.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from shared.db import Database
from shared.migrations import migrate
from shared.queue_server import QueueServer
from tests.servers.postgres import PostgresServer

TEMPLATE = "talentline_template"

os.environ.pop("COLUMNS", None)  # a test runner's own width would stick to consoles that are made on import


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database with every table, to copy."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def db(tmp_path: Path, sqlite_template: Path) -> Iterator[Database]:
    """An empty SQLite database with every table."""
    shutil.copy(sqlite_template, tmp_path / "test.db")
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    yield database
    database.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for all tests. One that crashes or stops it starts one of its own."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """The name of an empty database with every table, to make others from."""
    postgres.execute(f"CREATE DATABASE {TEMPLATE}")
    migrate(postgres.url(TEMPLATE))
    return TEMPLATE


@pytest.fixture
def postgres_url(postgres: PostgresServer, postgres_template: str) -> Iterator[str]:
    """The address of an empty PostgreSQL database with every table."""
    with postgres.database(postgres_template) as url:
        yield url


@pytest.fixture
def postgres_db(postgres_url: str) -> Iterator[Database]:
    """An empty PostgreSQL database with every table."""
    database = Database(postgres_url)
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_db(request: pytest.FixtureRequest) -> Database:
    """An empty database with every table: the test runs on SQLite and on PostgreSQL."""
    database: Database = request.getfixturevalue("db" if request.param == "sqlite" else "postgres_db")
    return database


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The address of a queue server for all tests. One that kills it starts one of its own."""
    with tempfile.TemporaryDirectory(prefix="talentline-vk-") as directory, QueueServer(Path(directory)) as url:
        yield url


@pytest.fixture
def redis_url(valkey: str) -> str:
    """The address of an empty queue server."""
    with redis.Redis.from_url(valkey) as client:
        client.flushall()
    return valkey
