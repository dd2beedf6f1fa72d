"""What a scenario changes in a process before it starts: called by name through `CHAOS_PATCHES` (tests.chaos.launch).

Production code has no switches for tests. What must go wrong is put in from outside, here and in `mutations`.
Arguments come by environment variables that start with `CHAOS_`.
"""

import ctypes
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from shared import clock

_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1 << 1, 1 << 2


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
    hold_cases = store.hold_cases

    def lethal(uow: Any, cohort: Any, participants: Any, at: datetime) -> None:
        if deadly in participants:
            ctypes.string_at(0) if death == "segfault" else os.kill(os.getpid(), signal.SIGKILL)
        hold_cases(uow, cohort, participants, at)

    put(store, hold_cases=lethal)


def slow_after_claim() -> None:
    """Between a claim and its transaction the worker takes CHAOS_SLOW_S seconds, and tells in the file CHAOS_TELL.

    CHAOS_SLOW_UNTIL_S seconds after the first time (never, by default) it is as fast as ever.
    """
    from shared import delivery

    tell, seconds = Path(os.environ["CHAOS_TELL"]), float(os.environ["CHAOS_SLOW_S"])
    until, attempt = float(os.environ.get("CHAOS_SLOW_UNTIL_S", "inf")), delivery._attempt
    first: list[float] = []

    def slow(*arguments: Any) -> Any:
        tell.touch()
        first.append(time.monotonic())
        if time.monotonic() - first[0] < until:
            time.sleep(seconds)
        return attempt(*arguments)

    put(delivery, _attempt=slow)


def slow_scoring() -> None:
    """Each piece of evidence takes scoring CHAOS_SLOW_S seconds, in its transaction."""
    from services.scoring import store

    seconds, hold_cases = float(os.environ["CHAOS_SLOW_S"]), store.hold_cases

    def slow(uow: Any, cohort: Any, participants: Any, at: datetime) -> None:
        time.sleep(seconds * len(participants))
        hold_cases(uow, cohort, participants, at)

    put(store, hold_cases=slow)


def fast_jobs() -> None:
    """One job only, every second."""
    from deploy import worker
    from shared.events import ReconciliationDue
    from shared.sweeper import Job

    put(worker, JOBS={"chaos": Job(every=timedelta(seconds=1), event=lambda slot: ReconciliationDue(slot=slot))})


def frequent_jobs() -> None:
    """Every job, and every five seconds: a run of a minute sees each several times."""
    from deploy import worker
    from deploy.jobs import JOBS

    put(worker, JOBS={name: replace(job, every=timedelta(seconds=5)) for name, job in JOBS.items()})


def quick_lanes() -> None:
    """A lane is shut for a second at first, and a parked event of a newer release is looked for as often."""
    from shared import lanes, sweeper

    put(lanes, FIRST_SHUT=timedelta(seconds=1), TAKEN_WAIT=timedelta(seconds=0.2))
    put(sweeper, UPGRADE_LOOK=timedelta(seconds=1))


def impatient() -> None:
    """What failed because of others comes again within tenths of a second."""
    from shared import failure, lanes

    put(lanes, FIRST_SHUT=timedelta(seconds=0.3), TAKEN_WAIT=timedelta(seconds=0.1))
    put(failure, backoff=lambda attempts: timedelta(seconds=0.2 * attempts))


def next_release() -> None:
    """The program of the next release: evidence is told in a new version, and the old one is brought to it."""
    from shared import events
    from shared.events import EvidenceRecorded

    old = EvidenceRecorded.name
    new = old.replace(".v1", ".v2")
    put(EvidenceRecorded, name=new)
    events.EVENTS[new] = events.EVENTS.pop(old)
    events.ROUTES[new] = events.ROUTES.pop(old)
    events.UPCASTERS[old] = lambda payload: (new, payload)


def thin_vendor() -> None:
    """A vendor whose webhooks only point to the response; its API is at CHAOS_API, over plain http."""
    from services.intake import vendors
    from shared.http_client import HttpClient
    from tests.chaos.scenarios.vendor_api import Thin

    client = HttpClient.__init__

    def insecure(self: HttpClient, **options: Any) -> None:
        client(self, **options | {"insecure": True})

    put(HttpClient, __init__=insecure)
    assert isinstance(vendors.VENDORS, dict)
    vendors.VENDORS["thin"] = Thin()


def without_privileges() -> None:
    """Root may write any file; a process that shall meet one that it can't write must not (capabilities(7))."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice 32 bits
    if libc.capget(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    for number in range(3):
        sets[number] &= ~(_CAP_DAC_OVERRIDE | _CAP_DAC_READ_SEARCH)
    if libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def put(where: ModuleType | type, **what: Any) -> None:
    """Give a module or class other members. What it never had is a mistake: production code has moved on."""
    for name, value in what.items():
        assert hasattr(where, name), f"{where.__name__} has no {name} any more"
        setattr(where, name, value)


def named(function: Callable[[], None]) -> str:
    """The name under which `CHAOS_PATCHES` knows an alteration."""
    return f"{function.__module__}:{function.__qualname__}"
