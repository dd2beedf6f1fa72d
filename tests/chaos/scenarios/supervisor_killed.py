"""`talentline up` is killed outright: nobody is left behind, also of children that it had started again; then it starts
as if nothing had been.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from tests.chaos.scenarios.kinds import Size
from tests.chaos.site import Outcome, Servers, Site, eventually

KILLS = {Size.QUICK: 1, Size.FULL: 5}


def run(servers: Servers, database: str, size: Size) -> Outcome:
    """kill -9 of a worker, which is started again; of the supervisor; and a new start at once."""
    outcome = Outcome(figures={"kills": 0, "orphans": 0})
    with servers.site(database, 2 + 2 * KILLS[size]) as site:
        recordings = iter(site.recordings)
        for _ in range(KILLS[size]):
            with _up(site) as supervisor:
                _one_child_again(site, supervisor)
                statuses = {site.post(next(recordings)) for _ in range(4)}
                outcome.expect(f"the door answered {statuses}", holds=statuses == {200})
                supervisor.kill()
                supervisor.wait()
                killed_at = time.monotonic()
                outcome.figures["kills"] += 1
                outcome.expect("there are orphans", holds=eventually(lambda: not _family(site)))
                outcome.figures["orphans"] += len(_family(site))
                outcome.figures["seconds until the last child was gone"] = round(time.monotonic() - killed_at, 1)
        began = time.monotonic()
        with _up(site) as supervisor:
            outcome.figures["seconds to start again"] = round(time.monotonic() - began, 1)
            left = {site.post(each) for each in recordings}
            outcome.expect(f"after a new start the door answered {left}", holds=left <= {200})
            outcome.expect("some deliveries are stuck", holds=site.settled())
            supervisor.terminate()
            outcome.expect(f"it ended with {supervisor.wait(40)}", holds=supervisor.returncode == 0)
            outcome.expect("an orderly end left somebody behind", holds=not _family(site))
        site.found().judge(outcome)
    return outcome


@contextmanager
def _up(site: Site) -> Iterator["subprocess.Popen[bytes]"]:
    """`talentline up` with one worker, its door open."""
    with (site.home / "up.log").open("ab") as log:
        command = [sys.executable, "-m", "deploy", "up", "--workers", "1"]
        up = subprocess.Popen(command, env=site.environment, stdout=log, stderr=log, start_new_session=True)
    try:
        if not eventually(lambda: _answers(site) or up.poll() is not None, 120) or up.poll() is not None:
            raise RuntimeError(f"it did not come up:\n{(site.home / 'up.log').read_text()[-2000:]}")
        yield up
    finally:
        up.kill()
        up.wait()
        for pid in _family(site):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _answers(site: Site) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{site.address}/readyz", timeout=5, trust_env=False).is_success
    return False


def _one_child_again(site: Site, supervisor: "subprocess.Popen[bytes]") -> None:
    """Kill the worker, and wait until there is another."""

    def workers() -> set[int]:
        return {pid for pid, line in _family(site).items() if "deploy worker" in line}

    eventually(workers)
    (first,) = workers()
    os.kill(first, signal.SIGKILL)
    eventually(lambda: workers() - {first})
    assert supervisor.poll() is None


def _family(site: Site) -> dict[int, str]:
    """Every live process of this installation but zombies: process id → command line."""
    mark = f"TALENTLINE_DATA_DIR={site.home}".encode()
    found = {}
    for place in Path("/proc").iterdir():
        with suppress(OSError):
            if place.name.isdigit() and mark in (place / "environ").read_bytes().split(b"\0"):
                found[int(place.name)] = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found
