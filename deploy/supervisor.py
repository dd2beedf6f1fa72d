"""Everything on one machine: the queue server, the web door and workers as children of one process.

A child that dies is started again; Ctrl-C or SIGTERM ends all of them in order (door, workers, queue server), each
after finishing what is in hand. If this process is killed outright its children end too.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx
import structlog

from deploy.composition import Installation
from shared import migrations
from shared.children import start_child
from shared.errors import PermanentError, TalentlineError
from shared.queue_server import QueueServer

log = structlog.get_logger()

STOP_S = 28.0
"""All of them have this long to end by themselves."""
READY_S = 30.0
LOOK_S = 0.3
QUICK_DEATH_S = 5.0


class NotReady(PermanentError):
    """The web door did not come up."""


@dataclass(slots=True)
class Role:
    """One child process and how to start it."""

    name: str
    arguments: tuple[str, ...]
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    deaths: int = 0
    """Early ones, in a row."""
    died_at: float | None = None


class Supervisor:
    """Starts and keeps the roles of one installation. Children log to `log_file`, or to our own standard error."""

    def __init__(self, installation: Installation, *, workers: int = 2, log_file: Path | None = None) -> None:
        self._installation = installation
        self._log_file = log_file
        self._queue = None if installation.settings.redis_url else QueueServer(installation.settings.data_dir)
        self._environment = dict(os.environ)
        self.roles = [Role("web", ("web",)), *(Role(f"worker-{n + 1}", ("worker",)) for n in range(workers))]
        self._log: IO[bytes] | None = None

    def start(self) -> None:
        """Bring the tables up to date, start everything, and wait until the door answers.

        Raises:
            NotReady: the door did not come up; its log says why.
        """
        migrations.migrate(self._installation.settings.database)
        if self._queue:
            self._environment["TALENTLINE_REDIS_URL"] = self._queue.start()
        if self._log_file:
            self._log_file.parent.mkdir(parents=True, exist_ok=True)
            self._log = self._log_file.open("ab")
        for role in self.roles:
            self._launch(role)
        self._await_door(time.monotonic() + READY_S)

    def keep(self, stopping: threading.Event) -> None:
        """Start again whatever dies, until told to stop."""
        while not stopping.wait(LOOK_S):
            try:
                self._look()
            except (OSError, subprocess.SubprocessError, TalentlineError) as error:  # there may be memory again soon
                log.error("supervisor.not_started", reason=type(error).__name__)  # noqa: TRY400

    def _look(self) -> None:
        if self._queue and not self._queue.alive:
            log.error("supervisor.queue_server_died")
            self._queue.stop()
            self._queue.start()
        for role in self.roles:
            if role.process is not None and role.process.poll() is not None:
                self._again(role)

    def stop(self) -> None:
        """End the children, giving each time to finish; then the queue server."""
        deadline = time.monotonic() + STOP_S
        alive = [role.process for role in self.roles if role.process is not None]
        for process in alive:
            process.terminate()
        for process in alive:
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("supervisor.killed", pid=process.pid)
                process.kill()
                process.wait()
        if self._queue:
            self._queue.stop()
        if self._log:
            self._log.close()

    def _launch(self, role: Role) -> None:
        command = [sys.executable, "-m", "deploy", *role.arguments]
        page = self._installation.settings.metrics_port
        # A page for each child, from the door's on: on one machine they can't share a port.
        own = {"TALENTLINE_METRICS_PORT": str(page + self.roles.index(role) if page else 0)}
        # A session of its own: Ctrl-C reaches only us, and we end them in order.
        role.process = start_child(
            command, env=self._environment | own, stdin=subprocess.DEVNULL, stderr=self._log, start_new_session=True
        )
        role.started_at, role.died_at = time.monotonic(), None

    def _again(self, role: Role) -> None:
        """Start a dead child again: at once, or, while it dies young, after a wait that others don't have to share."""
        assert role.process is not None
        now = time.monotonic()
        if role.died_at is None:
            role.died_at = now
            role.deaths = role.deaths + 1 if now - role.started_at < QUICK_DEATH_S else 0
            log.error("supervisor.child_died", child=role.name, status=role.process.returncode, deaths=role.deaths)
        if now - role.died_at >= min(0.1 * 2**role.deaths, 10.0) * bool(role.deaths):
            self._launch(role)

    def _await_door(self, deadline: float) -> None:
        settings = self._installation.settings
        door = next(role.process for role in self.roles if role.name == "web")
        while time.monotonic() < deadline:
            if door is not None and door.poll() is not None:
                break
            try:
                if httpx.get(f"http://127.0.0.1:{settings.http_port}/readyz", timeout=2, trust_env=False).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise NotReady(
            f"the web door did not come up on port {settings.http_port}; is the port taken? "
            "TALENTLINE_HTTP_PORT chooses another" + (f", and {self._log_file} says more" if self._log_file else "")
        )


@contextmanager
def supervised(installation: Installation, *, workers: int = 2, log_file: Path | None = None) -> Iterator[Supervisor]:
    """Everything running, kept alive in the background, and ended with the block."""
    supervisor = Supervisor(installation, workers=workers, log_file=log_file)
    stopping = threading.Event()
    keeper = threading.Thread(target=supervisor.keep, args=(stopping,), name="supervisor", daemon=True)
    try:
        supervisor.start()
        keeper.start()
        yield supervisor
    finally:
        stopping.set()
        if keeper.is_alive():
            keeper.join()
        supervisor.stop()


def signalled() -> threading.Event:
    """Set by SIGTERM or SIGINT."""
    stopping = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    return stopping
