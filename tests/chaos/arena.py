"""An arena: one installation of real processes on loopback, all of whose parts can be made to fail.

    with Arena(database="sqlite", seed=3) as arena:
        written = arena.open(participants=5)
        arena.web()
        arena.worker()
        arena.vendor.send_all([response(file) for file in written.files("deliveries/*.json")])
        assert arena.settled()

Everything that it writes lies in one directory, which is removed at the end unless `keep` is set.
"""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import sqlalchemy as sa

from deploy.waiting import Progress, follow, progress_of
from shared import migrations
from shared.bus import timers
from shared.db import Database, DatabaseUnavailable, database_now
from tests.builders.cohort_folder import CohortRules, WrittenCohort, write_cohort
from tests.chaos.launch import CRASH_AT, PATCHES, RECORD
from tests.chaos.mailbox import Mailbox
from tests.chaos.processes import Process
from tests.chaos.servers import DatabaseServer, PostgresOfItsOwn, Queue, database_server
from tests.chaos.sink import Sink
from tests.chaos.vendor import Vendor

SECRET = "a-secret-for-chaos"
TOKEN = "a-token-for-chaos"
COHORT = "under-fire"
LEASE_S = 2.0

SMALL_RULES = CohortRules(
    exercises=2, competencies_each=2, assessors=2, markers=2, release="automatic", own_framework=True
)
"""Twelve raters a participant, two exercises, four criteria: few items, the same pipeline."""


class Arena:
    """One installation. `real`: processes are executed as an installation executes them (see `Process`).

    `redis`: whether there is a queue server; `archive`: whether every mail goes to an archive mailbox as well, where it
    can be looked up. `environment`: settings on top of the arena's own.
    """

    def __init__(
        self,
        *,
        database: str = "sqlite",
        seed: int = 1,
        redis: bool = True,
        real: bool = False,
        archive: bool = True,
        lease: float = LEASE_S,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.seed = seed
        self.real = real
        self.keep = False
        self.home = Path(tempfile.mkdtemp(prefix=f"talentline-chaos-{database}-{seed}-"))
        self.fate = random.Random(f"arena {seed}")
        self.database: DatabaseServer = database_server(database, self.home)
        self.queue = Queue(self.home / "queue") if redis else None
        self.sink = Sink(self.home / "sink", free_port(), seed)
        self.mailbox = Mailbox(self.sink.place, free_port()) if archive else None
        self.processes: list[Process] = []
        self.commands: list[Process] = []
        """Processes that are to end by themselves."""
        self.vendor = Vendor(self.doors)
        self._ports: dict[Process, int] = {}
        self._pages: dict[Process, int] = {}
        self._more = dict(environment or {})
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._ending = threading.Event()
        self._lock = threading.RLock()
        self.keeping = False
        self.before_restart: Callable[[Process], None] = lambda _: None
        """Called with a dead process that is about to be started again; may change its environment."""
        self.deaths: list[tuple[str, int | None]] = []
        """(role, exit status) of every process that the keeper has started again."""
        self.written: WrittenCohort | None = None
        self._db: Database | None = None
        self.lease = lease

    # -------------------------------------------------------------------------------------------------- its own parts

    def __enter__(self) -> Self:
        """Start the servers and make the tables."""
        try:
            self.database.start()
            if self.queue:
                self.queue.start()
            self.sink.start()
            if self.mailbox:
                self.mailbox.start()
            migrations.migrate(self.database.url)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.keep = self.keep or kind is not None
        self.close()

    def close(self) -> None:
        """End everything; remove the directory unless it is to be kept."""
        self._ending.set()
        with self._lock:
            for process in (*self.processes, *self.commands):
                process.signal(signal.SIGKILL)
            for process in (*self.processes, *self.commands):
                process.kill()
        self.vendor.close()
        if self._db is not None:
            self._db.close()
        self.sink.stop()
        if self.mailbox:
            self.mailbox.stop()
        if self.queue:
            with suppress(ProcessLookupError, AssertionError):
                self.queue.wake()
            self.queue.stop()
        self.database.stop()
        if not self.keep:
            shutil.rmtree(self.home, ignore_errors=True)

    @property
    def absent_s(self) -> float:
        """When a mail that is not in the archive has not arrived: longer than pauses and time-outs of a hand-over."""
        return self.lease * 4 + 6

    @property
    def db(self) -> Database:
        """The database, to look into."""
        if self._db is None:
            self._db = Database(self.database.url)
        return self._db

    @property
    def postgres(self) -> PostgresOfItsOwn:
        """The PostgreSQL server of this arena."""
        assert isinstance(self.database, PostgresOfItsOwn)
        return self.database

    @property
    def record(self) -> Path:
        """Where processes tell what points they passed and died at."""
        return self.home / "points.log"

    @property
    def cohort(self) -> WrittenCohort:
        """The cohort that was opened."""
        assert self.written is not None, "open() comes first"
        return self.written

    def environment(self, **changes: str) -> dict[str, str]:
        """The environment of its processes."""
        ours = {
            "TALENTLINE_DATA_DIR": str(self.home / "var"),
            "TALENTLINE_DATABASE_URL": self.database.url,
            "TALENTLINE_REDIS_URL": self.queue.url if self.queue else "",
            "TALENTLINE_MAIL_URL": self.sink.url,
            "TALENTLINE_MAIL_ARCHIVE": self.mailbox.url if self.mailbox else "",
            "TALENTLINE_MAIL_PROOF_AFTER_SECONDS": "1",
            "TALENTLINE_MAIL_ABSENT_AFTER_SECONDS": str(self.absent_s),
            "TALENTLINE_API_TOKEN": TOKEN,
            "TALENTLINE_LEASE_SECONDS": str(self.lease),
            "TALENTLINE_SECRET_UNDER_FIRE": SECRET,
            RECORD: str(self.record),
        }
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("TALENTLINE_", "CHAOS_"))
        }
        return inherited | ours | self._more | changes

    # ------------------------------------------------------------------------------------------------------ processes

    def web(self, **options: Any) -> Process:
        """Start a web door and wait until it is ready. Options as for `process`."""
        port = free_port()
        process = self.process(
            "web", environment={"TALENTLINE_HTTP_PORT": str(port)} | options.pop("environment", {}), **options
        )
        self._ports[process] = port
        self.await_door(process)
        return process

    def worker(self, *services: str, **options: Any) -> Process:
        """Start a worker for these services (none: all). Options as for `process`."""
        return self.process("worker", *services, **options)

    def process(
        self,
        *arguments: str,
        crash_at: str = "",
        patches: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        once: bool = False,
    ) -> Process:
        """Start a role. `crash_at`: `point:n`; `patches`: `module:function`, called first. Both need a fork.

        `once`: it is to end, and is not started again by the keeper.
        """
        page = free_port()
        changes = {"TALENTLINE_METRICS_PORT": str(page), CRASH_AT: crash_at, PATCHES: ",".join(patches)} | dict(
            environment or {}
        )
        number = sum(process.role == arguments[0] for process in (*self.processes, *self.commands)) + 1
        log = self.home / f"{arguments[0]}-{number}.log"
        is_real = self.real and not crash_at and not patches
        process = Process(arguments, self.environment(**changes), log, real=is_real).start()
        with self._lock:
            (self.commands if once else self.processes).append(process)
        self._pages[process] = page
        return process

    def of(self, role: str) -> list[Process]:
        """The processes of a role."""
        return [process for process in self.processes if process.role == role]

    def doors(self) -> list[str]:
        """The addresses of the web doors whose process is there."""
        return [
            f"http://127.0.0.1:{self._ports[each]}" for each in self.of("web") if each.alive and each in self._ports
        ]

    def await_door(self, process: Process, patience: float = 60.0) -> None:
        """Wait until a web door answers."""
        address = f"http://127.0.0.1:{self._ports[process]}/readyz"
        deadline = time.monotonic() + patience
        while True:
            with suppress(httpx.TransportError):
                if httpx.get(address, timeout=5, trust_env=False).is_success:
                    return
            assert process.alive, f"the web door ended: {process.log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, f"the web door does not answer: {process.log.read_text()[-2000:]}"
            time.sleep(0.02)

    def keep_alive(self) -> None:
        """From now on start again whatever dies, as a supervisor does."""
        self.keeping = True
        self._keeper.start()

    def _keep(self) -> None:
        while not self._ending.wait(0.05):
            with self._lock:
                for process in self.processes if self.keeping else ():
                    if not process.alive and not self._ending.is_set():
                        self.deaths.append((process.role, process.status))
                        process.environment[CRASH_AT] = ""
                        self.before_restart(process)
                        process.start()

    def talentline(self, *arguments: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        """Run the command, as a coordinator does."""
        return subprocess.run(
            [sys.executable, "-m", "deploy", *arguments],
            env=self.environment(**changes),
            capture_output=True,
            text=True,
            check=False,
        )

    def end_roles(self) -> list[int | None]:
        """Tell every process that is up to end; their exit statuses."""
        self.keeping = False
        with self._lock:
            for process in self.processes:
                process.await_log(b".started", 60)
            for process in self.processes:
                process.resume()
                process.terminate()
            return [process.await_end() for process in self.processes]

    # --------------------------------------------------------------------------------------------------- the work done

    def open(
        self,
        *,
        participants: int = 6,
        rules: CohortRules = SMALL_RULES,
        incomplete: bool = False,
        oddities: bool = False,
    ) -> WrittenCohort:
        """Write a cohort and open it with the command."""
        self.written = write_cohort(
            self.home / "cohort",
            cohort=COHORT,
            participants=participants,
            organisations=3,
            seed=self.seed,
            secret=SECRET,
            rules=rules,
            incomplete=incomplete,
            oddities=oddities,
        )
        done = self.talentline("cohort", "open", str(self.written.folder))
        assert done.returncode == 0, done.stdout + done.stderr
        return self.written

    def progress(self) -> Progress | None:
        """How far everything has come; None while the database is away."""
        with suppress(DatabaseUnavailable):
            return progress_of(self.db, None)
        return None

    def settled(self, patience: float = 120.0) -> bool:
        """Wait until nothing is on its way any more and no timer is about to run out. False if that takes too long."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            with suppress(DatabaseUnavailable):
                wait = timedelta(seconds=max(0.0, deadline - time.monotonic()))
                if (
                    follow(self.db, None, wait).settled
                    and not self._timers_soon()
                    and progress_of(self.db, None).settled
                ):
                    return True
            time.sleep(0.1)
        return False

    def _timers_soon(self) -> int:
        """Timers that run out within minutes, such as the look-up of a mail in doubt."""
        soon = sa.select(sa.func.count()).where(timers.c.due_at < database_now(timedelta(minutes=10)))
        with self.db.read() as connection:
            return int(connection.execute(soon).scalar_one())

    def metrics(self) -> bytes:
        """What every process shows of itself at this moment, one after another."""
        found = []
        for process, port in list(self._pages.items()):
            with suppress(httpx.TransportError):
                if process.alive:
                    found.append(httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5, trust_env=False).content)
        return b"\n".join(found)

    def log_files(self) -> list[Path]:
        """The logs of the processes and of the servers that are part of an installation."""
        found = sorted(self.home.glob("*.log")) + sorted(self.home.glob("queue/*.log"))
        return [*found, self.postgres.server.home / "log"] if isinstance(self.database, PostgresOfItsOwn) else found

    def logs(self) -> list[dict[str, Any]]:
        """Every line that any process has logged, as far as it is JSON."""
        found = []
        for file in sorted(self.home.glob("*.log")):
            for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                with suppress(json.JSONDecodeError):
                    said = json.loads(line)
                    found += [said] if isinstance(said, dict) else []
        return found

    def points(self, what: str) -> list[str]:
        """The points that were `passed`, or at which a process `crashed`, in order."""
        if not self.record.exists():
            return []
        lines = (line.partition(" ") for line in self.record.read_text().splitlines())
        return [name for word, _, name in lines if word == what]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
