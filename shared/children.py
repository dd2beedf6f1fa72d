"""Processes that must not outlive whoever started them: embedded servers, and the workers of `talentline up`.

A child that survives a kill -9 of its parent keeps sockets and leases, and the next start meets a stranger.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def start_child(
    command: Sequence[str | os.PathLike[str]], *, when_orphaned: signal.Signals = signal.SIGTERM, **options: Any
) -> "subprocess.Popen[bytes]":
    """Start a process that gets `when_orphaned` as soon as the thread that called this is gone, however it went.

    Call it from a thread that lives as long as the child should: the kernel watches that thread, not the whole
    program (prctl(2), PR_SET_PDEATHSIG). Only Linux has this; elsewhere the child lives until it is stopped.
    `options` are those of subprocess.Popen.
    """
    parent = os.getpid()

    def in_the_child() -> None:
        # Between fork and exec: nothing here may take a lock that another thread of the parent could have held.
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, int(when_orphaned))
            if os.getppid() != parent:
                os._exit(1)

    return subprocess.Popen(command, preexec_fn=in_the_child, **options)  # noqa: PLW1509, S603  (see above)


def stop_child(process: "subprocess.Popen[bytes]", *, grace: float = 10.0) -> int:
    """Ask a child to end (SIGTERM), insist after `grace` seconds (SIGKILL); its exit status. Harmless if it is gone."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()
