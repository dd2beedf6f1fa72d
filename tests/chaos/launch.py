"""Starts a role of talentline as `python -m deploy` does, with crash points, and with patches that a scenario asks for.

    python -m tests.chaos.launch worker intake scoring

`CHAOS_CRASH_AT=point:n` kills the process at a point (see `tests.chaos.points`); `CHAOS_RECORD` is the file in which
it tells what it passed. `CHAOS_PATCHES=module:function,…` are called before anything starts: a mutation that switches a
guard off, a clock that is an hour wrong.
"""

import ctypes
import importlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.chaos import points

CRASH_AT, RECORD, PATCHES = "CHAOS_CRASH_AT", "CHAOS_RECORD", "CHAOS_PATCHES"


def main(arguments: Sequence[str]) -> None:
    """Be this role until it ends."""
    from deploy.cli import main as talentline  # after the environment is in place

    record = os.environ.get(RECORD)
    points.install(points.Points(os.environ.get(CRASH_AT, ""), Path(record) if record else None))
    for patch in filter(None, os.environ.get(PATCHES, "").split(",")):
        module, _, function = patch.partition(":")
        getattr(importlib.import_module(module), function)()
    sys.argv = ["talentline", *arguments]
    talentline()


def forked(arguments: Sequence[str], environment: Mapping[str, str], log: str) -> None:
    """The same in a fork of a process that has imported everything: a start costs hundredths of a second."""
    os.setsid()
    ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))  # PR_SET_PDEATHSIG: not longer than the fork server
    os.environ.clear()
    os.environ.update(environment)
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for stream in (1, 2):
        os.dup2(handle, stream)
    os.close(handle)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    main(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
