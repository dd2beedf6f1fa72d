"""A child lives exactly as long as the process that started it: not as the thread, not longer."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from shared.children import start_child, stop_child

SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")


def eventually(true: Callable[[], bool], within: float = 20.0) -> bool:
    deadline = time.monotonic() + within
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


def is_running(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_child_outlives_the_thread_that_asked_for_it() -> None:
    asked: list[subprocess.Popen[bytes]] = []
    thread = threading.Thread(target=lambda: asked.append(start_child(SLEEP)))
    thread.start()
    thread.join()
    (child,) = asked
    try:
        assert not eventually(lambda: not is_running(child.pid), within=0.3)
    finally:
        stop_child(child)


def test_a_child_that_a_thread_asked_for_ends_with_a_killed_process() -> None:
    code = (
        "import sys, threading, time; from shared.children import start_child;"
        "ask = lambda: print(start_child(sys.argv[1:]).pid, flush=True);"
        "thread = threading.Thread(target=ask); thread.start(); thread.join(); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, *SLEEP], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_running(child)
        parent.send_signal(signal.SIGKILL)
    assert eventually(lambda: not is_running(child))


def test_a_forked_copy_of_the_process_starts_children_too() -> None:
    code = (
        "import os, sys; from shared.children import start_child, stop_child;"
        "stop_child(start_child(sys.argv[1:]));"
        "pid = os.fork();"
        "pid or os._exit(0 if stop_child(start_child(sys.argv[1:])) == -15 else 1);"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, *SLEEP], check=True, timeout=60)
