"""Roles of talentline as processes that can be killed, paused, told to stop, and started again."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from shared.children import start_child
from tests.chaos import launch

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["tests.chaos.warm"])


class Process:
    """One role, such as `worker`, in a session of its own, logging to a file.

    `real`: executes `python -m deploy` (no crash points, no patches); else a fork of a warm process runs the same
    command.
    """

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], log: Path, *, real: bool = False
    ) -> None:
        self.arguments = tuple(arguments)
        self.environment = dict(environment)
        self.log = log
        self.real = real
        self._log_began = 0
        self._forked: ForkServerProcess | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> "Process":
        """Start it (again)."""
        self.log.touch(mode=0o600)
        self._log_began = self.log.stat().st_size
        if self.real:
            with self.log.open("ab") as log:
                self._child = start_child(
                    [sys.executable, "-m", "deploy", *self.arguments],
                    when_orphaned=signal.SIGKILL,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        else:
            arguments = (self.arguments, self.environment, str(self.log))
            forked = _server.Process(target=launch.forked, args=arguments, daemon=True)
            forked.start()
            self._forked = forked
        return self

    @property
    def role(self) -> str:
        """`web`, `worker`, …"""
        return self.arguments[0]

    @property
    def pid(self) -> int:
        """Its process id."""
        found = self._child.pid if self._child else self._forked.pid if self._forked else None
        assert found is not None, "it was never started"
        return found

    @property
    def status(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        if self._child:
            return self._child.poll()
        return self._forked.exitcode if self._forked else None

    @property
    def alive(self) -> bool:
        """Whether it runs (or is paused)."""
        return (self._child is not None or self._forked is not None) and self.status is None

    def signal(self, which: signal.Signals) -> bool:
        """Send a signal to it and whatever it started. False if it was gone already."""
        with suppress(ProcessLookupError, PermissionError):
            if self.alive:
                os.killpg(self.pid, which)
                return True
        return False

    def kill(self) -> bool:
        """kill -9, and wait until it is gone. False if it was gone already."""
        landed = self.signal(signal.SIGKILL)
        self.wait(20)
        return landed

    def pause(self) -> bool:
        """SIGSTOP: it does nothing any more, and does not know it."""
        return self.signal(signal.SIGSTOP)

    def resume(self) -> bool:
        """SIGCONT."""
        return self.signal(signal.SIGCONT)

    def terminate(self) -> bool:
        """SIGTERM, as a deployment does; `wait` for the end."""
        return self.signal(signal.SIGTERM)

    def wait(self, seconds: float) -> int | None:
        """Its exit status; None if it still runs after so long."""
        deadline = time.monotonic() + seconds
        while self.alive and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.status

    def await_log(self, words: bytes, seconds: float) -> bool:
        """Wait until it has logged these words since its last start. False if it ended, or took too long."""
        deadline = time.monotonic() + seconds
        while self.alive and time.monotonic() < deadline:
            with self.log.open("rb") as log:
                log.seek(self._log_began)
                if words in log.read():
                    return True
            time.sleep(0.02)
        return False

    def end(self, grace: float = 30.0) -> int | None:
        """SIGTERM, and SIGKILL if that does not help."""
        self.resume()
        self.terminate()
        return self.await_end(grace)

    def await_end(self, grace: float = 30.0) -> int | None:
        """Wait until it has ended, as it was told to (once: a second SIGTERM may meet Python without its handlers)."""
        self.wait(grace)
        if self.alive:
            self.kill()
        return self.status


def cpu_seconds() -> float:
    """What this process and everything that it started (and that has ended) has used, forked roles included."""
    mine = os.times()
    used = mine.user + mine.system + mine.children_user + mine.children_system
    server = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    if server is not None:
        ticks = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()[11:15]
        used += sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return used
