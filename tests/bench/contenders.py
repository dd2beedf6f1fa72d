"""The contenders of `bench-intake`: each as real processes on a fresh database, durable as it would be in use."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from shared.children import start_child
from shared.db import Database
from shared.migrations import migrate
from shared.queue_server import QueueServer
from tests.builders.intake import PILOT_SECRET, PILOT_SECRET_ENV, open_pilot
from tests.servers.postgres import PostgresServer

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Contender:
    """Who takes the webhooks (`limit`, `plain`, `talentline`), on which database (None: it stores nothing)."""

    who: str
    database: str | None = None

    @property
    def name(self) -> str:
        """For a table."""
        return f"{self.who} on {self.database}" if self.database else self.who


@dataclass(slots=True)
class Running:
    """A contender at work."""

    name: str
    ports: tuple[int, ...]
    url: str
    processes: list["subprocess.Popen[bytes]"]
    others: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    queue: QueueServer | None = None

    @property
    def cpu_s(self) -> float:
        """Processor time that the web processes have used."""
        return sum(cpu_of(process.pid) for process in self.processes)


class Ground:
    """What contenders stand on: servers that stay, and templates of databases with the pilot cohort open."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.postgres = PostgresServer(fsync=True)
        self.place = Path()

    def __enter__(self) -> Self:
        self.place = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="talentline-bench-")))
        self._stack.enter_context(self.postgres)
        self.postgres.execute("CREATE DATABASE bench_template")
        for url in (self.postgres.url("bench_template"), f"sqlite:///{self.place / 'template.db'}"):
            migrate(url)
            db = Database(url)
            open_pilot(db)
            db.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def postgres_cpu_s(self) -> float:
        """Processor time that PostgreSQL has used, all its processes together."""
        lock = self.postgres.home / "data" / "postmaster.pid"
        parent = int(lock.read_text().split("\n", 1)[0])
        children = [pid for pid in _pids() if _stat(pid)[1:2] == [str(parent)]]
        return sum(cpu_of(pid) for pid in [parent, *children])

    @contextmanager
    def running(
        self, contender: Contender, *, processes: int = 1, workers: int = 0, queue: str = "there"
    ) -> Iterator[Running]:
        """A contender on a fresh database. `queue`: the queue server is `there`, `absent` or `hanging` (it is stopped
        once all run); only talentline has one.
        """
        with ExitStack() as stack:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="run-", dir=self.place)))
            url = stack.enter_context(self._database(contender.database, data))
            ports = tuple(_free_port() for _ in range(processes))
            run = Running(contender.name, ports, url, [])
            environment = os.environ | self._environment(url, data)
            if contender.who == "talentline" and queue != "absent":
                run.queue = QueueServer(data)
                environment["TALENTLINE_REDIS_URL"] = stack.enter_context(run.queue)
            for port in ports:
                run.processes.append(stack.enter_context(_process(_command(contender, port), environment, port)))
            for _ in range(workers):
                command = [sys.executable, "-m", "deploy", "worker"]
                run.others.append(stack.enter_context(_process(command, environment)))
            for port in ports:
                _await_port(port)
            yield run

    @contextmanager
    def _database(self, kind: str | None, data: Path) -> Iterator[str]:
        if kind == "PostgreSQL":
            with self.postgres.database("bench_template") as url:
                yield url
        else:
            shutil.copy(self.place / "template.db", data / "bench.db")
            yield f"sqlite:///{data / 'bench.db'}"

    def _environment(self, url: str, data: Path) -> dict[str, str]:
        return {
            "BENCH_DATABASE_URL": url,
            "TALENTLINE_DATABASE_URL": url,
            "TALENTLINE_DATA_DIR": str(data),
            PILOT_SECRET_ENV: PILOT_SECRET,
        }


def cpu_of(pid: int) -> float:
    """Processor time in seconds that a process has used, its children that have ended included."""
    fields = _stat(pid)
    return TICK_S * sum(int(each) for each in fields[11:15]) if fields else 0.0


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; none if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _pids() -> list[int]:
    return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()]


def _command(contender: Contender, port: int) -> list[str]:
    if contender.who == "talentline":
        return [sys.executable, "-m", "deploy", "web"]
    return [sys.executable, "-m", "tests.bench.server", contender.who, str(port)]


@contextmanager
def _process(
    command: list[str], environment: dict[str, str], port: int | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process, ended in order with the block."""
    settings = {} if port is None else {"TALENTLINE_HTTP_PORT": str(port), "TALENTLINE_METRICS_PORT": "0"}
    process = start_child(command, env=environment | settings, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_port(port: int, patience_s: float = 60.0) -> None:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
