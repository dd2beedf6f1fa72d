"""What a scenario changes in a process before it starts: called by name through `CHAOS_PATCHES` (tests.chaos.launch).

Production code has no switches for tests. What must go wrong is put in from outside, here and in `mutations`.
Arguments come by environment variables that start with `CHAOS_`.
"""

import ctypes
import os
import pwd
import signal
import time
from collections.abc import Callable
from datetime import datetime, tzinfo
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from shared import clock


def skewed_clock() -> None:
    """The process's clock is wrong by CHAOS_SKEW_S seconds; after CHAOS_STEP_AFTER_S it is set, by CHAOS_STEP_S."""
    skew = float(os.environ["CHAOS_SKEW_S"])
    after, step = float(os.environ.get("CHAOS_STEP_AFTER_S", "inf")), float(os.environ.get("CHAOS_STEP_S", "0"))
    began, real = time.monotonic(), time.time

    def wrong_by() -> float:
        return skew + (step if time.monotonic() - began > after else 0)

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(real() + wrong_by(), tz)

    put(clock, datetime=Wrong)
    put(time, time=lambda: real() + wrong_by())


def deadly_case() -> None:
    """Whoever handles evidence about CHAOS_DEADLY kills the process: `CHAOS_DEATH` is `kill` or `segfault`."""
    from services.scoring import store

    deadly, death = os.environ["CHAOS_DEADLY"], os.environ["CHAOS_DEATH"]
    lock_case = store.lock_case

    def lethal(uow: Any, cohort: Any, participant: Any, at: datetime) -> None:
        if participant == deadly:
            ctypes.string_at(0) if death == "segfault" else os.kill(os.getpid(), signal.SIGKILL)
        lock_case(uow, cohort, participant, at)

    put(store, lock_case=lethal)


def slow_after_claim() -> None:
    """Between a claim and its transaction the worker takes CHAOS_SLOW_S seconds, and tells in the file CHAOS_TELL."""
    from shared import delivery

    tell, seconds = Path(os.environ["CHAOS_TELL"]), float(os.environ["CHAOS_SLOW_S"])
    attempt = delivery._attempt

    def slow(*arguments: Any) -> Any:
        tell.touch()
        time.sleep(seconds)
        return attempt(*arguments)

    put(delivery, _attempt=slow)


def slow_scoring() -> None:
    """Each piece of evidence takes scoring CHAOS_SLOW_S seconds, in its transaction."""
    from services.scoring import store

    seconds, lock_case = float(os.environ["CHAOS_SLOW_S"]), store.lock_case

    def slow(*arguments: Any) -> None:
        time.sleep(seconds)
        lock_case(*arguments)

    put(store, lock_case=slow)


def as_nobody() -> None:
    """Root may write everything; a process that shall meet a file it can't write must be somebody else."""
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)


def put(where: ModuleType | type, **what: Any) -> None:
    """Give a module or class other members. What it never had is a mistake: production code has moved on."""
    for name, value in what.items():
        assert hasattr(where, name), f"{where.__name__} has no {name} any more"
        setattr(where, name, value)


def named(function: Callable[[], None]) -> str:
    """The name under which `CHAOS_PATCHES` knows an alteration."""
    return f"{function.__module__}:{function.__qualname__}"
