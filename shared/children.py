"""Processes that must not outlive whoever started them: embedded servers, and the workers of `talentline up`.

A child that survives a kill -9 of its parent keeps sockets and leases, and the next start meets a stranger.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class _Parent:
    """The thread that every child is started from: it lives as long as the process, whoever asked for the child.

    The kernel tells a child of the end of the thread that started it, not of the whole program (prctl(2)): a child of
    a thread that is over would be ended with it, or not at all.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="children")

    def start(self, command: Sequence[str | os.PathLike[str]], **options: Any) -> "subprocess.Popen[bytes]":
        """subprocess.Popen, called in that thread."""
        return self._thread.submit(lambda: subprocess.Popen(command, **options)).result()  # noqa: S603  (our own programs)

    def forget(self) -> None:
        """After a fork the thread is not there: the copy of this process needs one of its own."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="children")


_parent = _Parent()
os.register_at_fork(after_in_child=_parent.forget)


def start_child(
    command: Sequence[str | os.PathLike[str]], *, when_orphaned: signal.Signals = signal.SIGTERM, **options: Any
) -> "subprocess.Popen[bytes]":
    """Start a process that gets `when_orphaned` as soon as this one is gone, however it went.

    It may be called from any thread, which may end before the child does. Only Linux has this; elsewhere the child
    lives until it is stopped. `options` are those of subprocess.Popen.
    """
    parent = os.getpid()

    def in_the_child() -> None:
        # Between fork and exec: nothing here may take a lock that another thread of the parent could have held.
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, int(when_orphaned))
            if os.getppid() != parent:
                os._exit(1)

    return _parent.start(command, preexec_fn=in_the_child, **options)


def stop_child(process: "subprocess.Popen[bytes]", *, grace: float = 10.0) -> int:
    """Ask a child to end (SIGTERM), insist after `grace` seconds (SIGKILL); its exit status. Harmless if it is gone."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()
