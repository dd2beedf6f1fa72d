"""What `bench-pipeline` stands on: servers, worker processes, and what the system says they used."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from shared.children import start_child, stop_child
from shared.migrations import migrate
from shared.queue_server import QueueServer
from tests.bench.pipeline_cohort import SECRET, SECRET_ENV
from tests.servers.postgres import PostgresServer

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
MIB = 2**20
TEMPLATE = "bench_pipeline"


@dataclass(slots=True)
class Used:
    """Processor seconds and peak memory (MiB) by kind of process; of several of a kind the sum of both."""

    cpu_s: dict[str, float] = field(default_factory=dict)
    peak_mib: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Site:
    """One fresh installation: its database, its queue server, its environment, and its processes by kind."""

    url: str
    redis_url: str
    data: Path
    environment: dict[str, str]
    queue: QueueServer
    postmaster: int | None
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def mails(self) -> int:
        """Mails that are stored."""
        folder = self.data / "mail"
        return sum(entry.name.endswith(".eml") for entry in os.scandir(folder)) if folder.is_dir() else 0

    def used(self) -> Used:
        """What every process has used so far."""
        kinds = {
            "workers": [process.pid for process in self.workers],
            "postgres": _tree(self.postmaster) if self.postmaster else [],
            "valkey": [self.queue.process.pid] if self.queue.process else [],
            "door and feeder": [os.getpid()],
        }
        return Used(
            {kind: sum(map(cpu_of, pids)) for kind, pids in kinds.items() if pids},
            {kind: sum(map(_peak_mib, pids)) for kind, pids in kinds.items() if pids and kind != "postgres"}
            | ({"postgres": _shared_mib(kinds["postgres"])} if kinds["postgres"] else {}),
        )

    @contextmanager
    def running(self, count: int, module: str, *words: str) -> Iterator[None]:
        """So many processes of a module of the benchmark, ready, and ended with the block."""
        pulses = [self.data / f"pulse-{number}" for number in range(count)]
        try:
            for pulse in pulses:
                environment = self.environment | {"TALENTLINE_PULSE_FILE": str(pulse)}
                command = [sys.executable, "-m", f"tests.bench.{module}", *words]
                self.workers.append(
                    start_child(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
                )
            if module == "pipeline_worker":
                until(lambda: all(pulse.exists() for pulse in pulses), 120)
            yield
        finally:
            for process in self.workers:
                process.send_signal(signal.SIGCONT)
                stop_child(process, grace=60)
                assert process.returncode in (0, -signal.SIGTERM), f"a worker ended with {process.returncode}"
            self.workers.clear()

    def hold(self, signum: signal.Signals) -> None:
        """Stop the workers where they are (SIGSTOP), or let them go on (SIGCONT)."""
        for process in self.workers:
            process.send_signal(signum)


class Ground:
    """A PostgreSQL server (durable: fsync on) that stays, and installations on it."""

    def __init__(self, kind: str = "postgresql") -> None:
        self._stack = ExitStack()
        self._kind = kind
        self.postgres = PostgresServer(fsync=True)
        self.place = Path()

    def __enter__(self) -> Self:
        self.place = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="talentline-pipeline-")))
        if self._kind == "postgresql":
            self._stack.enter_context(self.postgres)
            self.postgres.execute(f"CREATE DATABASE {TEMPLATE}")
            migrate(self.postgres.url(TEMPLATE))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def site(self) -> Iterator[Site]:
        """A fresh installation."""
        with ExitStack() as stack:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="run-", dir=self.place)))
            queue = QueueServer(data)
            redis_url = stack.enter_context(queue)
            postmaster = None
            if self._kind == "postgresql":
                url = stack.enter_context(self.postgres.database(TEMPLATE))
                postmaster = int((self.postgres.home / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
            else:
                url = f"sqlite:///{data}/bench.db"
                migrate(url)
            environment = {
                **{name: value for name, value in os.environ.items() if not name.startswith("TALENTLINE_")},
                "TALENTLINE_DATABASE_URL": url,
                "TALENTLINE_DATA_DIR": str(data),
                "TALENTLINE_REDIS_URL": redis_url,
                "TALENTLINE_METRICS_PORT": "0",
                "TALENTLINE_LOG_LEVEL": "WARNING",
                "BENCH_REDIS_URL": redis_url,
                SECRET_ENV: SECRET,
            }
            yield Site(url, redis_url, data, environment, queue, postmaster)


def cpu_of(pid: int) -> float:
    """Processor time in seconds that a process and its children that have ended used."""
    fields = _stat(pid)
    return TICK_S * sum(int(each) for each in fields[11:15]) if fields else 0.0


def until(is_so: Callable[[], bool], patience_s: float, pause_s: float = 0.1) -> float:
    """Wait for a condition; the seconds that it took. Raises TimeoutError."""
    start = time.monotonic()
    while not is_so():
        if time.monotonic() - start > patience_s:
            raise TimeoutError(f"not within {patience_s:.0f} s")
        time.sleep(pause_s)
    return time.monotonic() - start


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _tree(parent: int) -> list[int]:
    pids = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()]
    return [parent, *(pid for pid in pids if _stat(pid)[1:2] == [str(parent)])]


def _peak_mib(pid: int) -> float:
    return _kib(Path(f"/proc/{pid}/status"), "VmHWM:") / 1024


def _shared_mib(pids: list[int]) -> float:
    """Processes that share memory: what is shared counts once."""
    return sum(_kib(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") for pid in pids) / 1024


def _kib(path: Path, name: str) -> float:
    try:
        return next(float(line.split()[1]) for line in path.read_text().splitlines() if line.startswith(name))
    except (OSError, StopIteration):
        return 0.0
