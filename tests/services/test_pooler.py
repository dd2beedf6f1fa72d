"""PgBouncer between us and PostgreSQL, in transaction mode: nothing of ours rests on a session (docs/sizing.md)."""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from shared.db import Database
from shared.migrations import migrate
from tests.builders.bench import PILOT, Bench
from tests.servers.postgres import PostgresServer

SETTINGS = """\
[databases]
pooled = host=127.0.0.1 port={server} dbname=pooled user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
auth_file = {folder}/users
logfile = {folder}/log
pool_mode = transaction
default_pool_size = 3
ignore_startup_parameters = options
"""


@pytest.fixture
def pooled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty database behind PgBouncer, with three connections for everybody."""
    program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    folder = Path(f"/tmp/talentline-pooler-{os.getpid()}")
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    try:
        with PostgresServer(tcp=True) as server:
            server.execute("CREATE DATABASE pooled")
            server.execute("ALTER ROLE postgres SET lock_timeout = '20s'")
            (folder / "users").write_text('"postgres" ""\n')
            (folder / "settings").write_text(SETTINGS.format(server=server.port, port=port, folder=folder))
            folder.chmod(0o777)
            as_nobody = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
            with subprocess.Popen([program, "-q", folder / "settings"], **as_nobody) as pooler:  # type: ignore[call-overload]
                try:
                    _answers(port)
                    yield f"postgresql://postgres@127.0.0.1:{port}/pooled"
                finally:
                    pooler.terminate()
    finally:
        shutil.rmtree(folder)


def _answers(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError("the pooler did not start")


def test_a_cohort_runs_behind_a_pooler_that_lends_connections_for_a_transaction(
    pooled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{pooled}?prepare_threshold=none"
    migrate(url)
    with closing(Database(url)) as db:
        with db.read() as connection:
            assert connection.execute(sa.text("SHOW lock_timeout")).scalar_one() == "20s"
        bench = Bench(db, tmp_path, monkeypatch)
        bench.open(PILOT)
        files = sorted((PILOT / "deliveries").glob("*-response.json"))
        senders = [threading.Thread(target=bench.deliver, args=(files[turn::4],)) for turn in range(4)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        bench.work()
        with db.read() as connection:
            stored = connection.execute(sa.text("SELECT count(*) FROM intake_submissions")).scalar_one()
            states = connection.execute(sa.text("SELECT DISTINCT state FROM bus_deliveries")).scalars().all()
        assert stored == len(files)
        assert states == ["done"]


def test_preparing_statements_can_be_turned_off_in_the_address(postgres_url: str) -> None:
    def threshold(url: str) -> int | None:
        with closing(Database(url)) as db, db.read() as connection:
            found: int | None = connection.connection.dbapi_connection.prepare_threshold  # type: ignore[union-attr]
            return found

    assert threshold(postgres_url) == 5
    assert threshold(f"{postgres_url}&prepare_threshold=none") is None
