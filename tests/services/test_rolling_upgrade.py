"""Starting on another release's tables: older ones are refused with a cure, newer ones are fine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from deploy.cli.access import TRY_AGAIN
from deploy.waiting import follow
from shared import migrations
from shared.bus import deliveries
from shared.children import start_child, stop_child
from shared.db import Cause, Database
from shared.events import CohortRunRequested
from shared.ids import CohortId, CorrelationId, RunId, new_id
from shared.outbox import publish


def environment(url: str, data_dir: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TALENTLINE_")}
    return {**kept, "TALENTLINE_DATABASE_URL": url, "TALENTLINE_DATA_DIR": str(data_dir)}


def typed(*words: str, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "deploy", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)


@contextmanager
def a_worker(env: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("ab") as out:
        process = start_child([sys.executable, "-m", "deploy", "worker", "scoring"], env=env, stderr=out)
    try:
        yield
        assert process.poll() is None, log.read_text()
    finally:
        stop_child(process)


def at_first_release(url: str) -> None:
    """Tables as the first release had them."""
    database = Database(url)
    with database.write() as uow:
        migrations._upgrade(uow.connection, migrations.revisions()[0])
    database.close()


@pytest.mark.parametrize("role", ["worker", "web"])
def test_a_new_process_on_older_tables_ends_with_a_cure_and_asks_to_be_started_again(tmp_path: Path, role: str) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    at_first_release(url)
    refused = typed(role, env=environment(url, tmp_path))
    assert refused.returncode == TRY_AGAIN == 75
    assert "older than this release" in refused.stderr
    assert migrations.revisions()[1] in refused.stderr
    assert "talentline migrate" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert migrations.current(url) == migrations.revisions()[0]


def test_after_migrating_the_same_worker_starts_and_works(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    at_first_release(url)
    env = environment(url, tmp_path)
    assert typed("migrate", env=env).returncode == 0
    _a_worker_works(url, env, tmp_path)


def test_an_old_worker_on_newer_tables_works(any_db: Database, tmp_path: Path) -> None:
    """The next release's migration added a column and a table, and says so where alembic keeps it."""
    with any_db.write() as uow:
        uow.connection.exec_driver_sql("ALTER TABLE bus_deliveries ADD COLUMN later TEXT")
        uow.connection.exec_driver_sql("ALTER TABLE bus_events ADD COLUMN sooner INTEGER NOT NULL DEFAULT 0")
        uow.connection.exec_driver_sql("CREATE TABLE bus_later (id INTEGER PRIMARY KEY)")
        uow.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '2999_01_01_later'")
    url = any_db.url.render_as_string(hide_password=False)
    _a_worker_works(url, environment(url, tmp_path), tmp_path)


def _a_worker_works(url: str, env: dict[str, str], place: Path) -> None:
    database = Database(url)
    chain = CorrelationId(new_id())
    with database.write(Cause(chain)) as uow:
        publish(uow, CohortRunRequested(run=RunId("r"), cohort=CohortId("nowhere")))

    with a_worker(env, place / "worker.log"):
        assert follow(database, [chain], timedelta(seconds=120)).settled
    with database.read() as connection:
        query = sa.select(deliveries.c.reason).where(deliveries.c.state == "parked")
        assert connection.execute(query).scalars().all() == ["validation"]
    database.close()
