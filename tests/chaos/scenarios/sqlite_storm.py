"""SQLite in trouble: kept busy by a stranger, read-only, a writer killed in mid-transaction, a log that grows."""

import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

from tests.chaos.alterations import named, without_privileges
from tests.chaos.scenarios.kinds import Size
from tests.chaos.site import Outcome, Recording, Servers, Site, eventually

STORM_S = {Size.QUICK: 4.0, Size.FULL: 15.0}
WRITER = """
import sqlite3, sys, time
other = sqlite3.connect(sys.argv[1], isolation_level=None)
other.execute("BEGIN IMMEDIATE")
for number in range(2000):
    other.execute("INSERT INTO bus_job_slots VALUES (?, '2020-01-01 00:00:00.000000')", (f"half done {number}",))
print("in mid-transaction", flush=True)
time.sleep(600)
"""


def run(servers: Servers, _database: str, size: Size) -> Outcome:
    """One after another, on one installation with a door and a worker."""
    outcome = Outcome()
    with servers.site("sqlite", 12) as site:
        recordings = site.recordings
        door, worker = site.door(), site.worker()
        _storm(site, recordings[:8], STORM_S[size], outcome)
        _killed_in_mid_transaction(site, outcome)
        _growth(site, recordings[8:16], outcome)
        door.end()
        _read_only(site, recordings[16:], outcome)
        outcome.expect("some deliveries are stuck", holds=site.settled())
        outcome.expect("the worker died", holds=worker.alive)
        site.found().judge(outcome)
    return outcome


def _storm(site: Site, recordings: list[Recording], seconds: float, outcome: Outcome) -> None:
    """A stranger holds the whole database; senders wait, or come again."""
    waits: list[float] = []
    statuses: list[int] = []

    def send(recording: Recording) -> None:
        began = time.monotonic()
        while (status := site.post(recording, timeout=60)) != 200:
            statuses.append(status)
        waits.append(time.monotonic() - began)

    senders = [threading.Thread(target=send, args=(each,)) for each in recordings]
    with closing(sqlite3.connect(site.home / "talentline.db", timeout=30, isolation_level=None)) as stranger:
        stranger.execute("BEGIN EXCLUSIVE")
        for each in senders:
            each.start()
        time.sleep(seconds)
        outcome.expect("something was taken while nothing could be stored", holds=not waits)
        stranger.execute("ROLLBACK")
    for each in senders:
        each.join()
    outcome.figures |= {"storm seconds": seconds, "longest busy wait": round(max(waits), 1)}
    outcome.expect(f"the door answered {set(statuses)}", holds=set(statuses) <= {503})


def _killed_in_mid_transaction(site: Site, outcome: Outcome) -> None:
    place = site.home / "talentline.db"
    with subprocess.Popen([sys.executable, "-c", WRITER, place], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.kill()
    with closing(sqlite3.connect(place)) as connection:
        ((left,),) = connection.execute("SELECT count(*) FROM bus_job_slots WHERE job LIKE 'half done%'").fetchall()
        ((sound,),) = connection.execute("PRAGMA integrity_check").fetchall()
    outcome.expect(f"{left} rows of a killed writer are there", holds=left == 0)
    outcome.expect(f"the database is not sound: {sound}", holds=sound == "ok")


def _growth(site: Site, recordings: list[Recording], outcome: Outcome) -> None:
    """A reader that never ends keeps the log from being taken in; when it has gone the log does not grow on."""
    log = Path(f"{site.home / 'talentline.db'}-wal")
    with closing(sqlite3.connect(site.home / "talentline.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM bus_events").fetchall()
        outcome.expect("something was not taken", holds={site.post(each) for each in recordings} == {200})
        outcome.expect("some deliveries are stuck", holds=site.settled())
        grown = log.stat().st_size
    with closing(sqlite3.connect(site.home / "talentline.db", timeout=30)) as last:
        ((busy, _, _),) = last.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    outcome.expect("the log could not be taken in", holds=not busy and log.stat().st_size < grown)
    outcome.figures["log grown to KiB"] = grown // 1024


def _read_only(site: Site, recordings: list[Recording], outcome: Outcome) -> None:
    """The file can't be written for a while: nothing is taken, and afterwards everything is, without a restart."""
    file = site.home / "talentline.db"
    file.chmod(0o444)
    door = site.door([named(without_privileges)])
    refused = {site.post(each) for each in recordings[:4]}
    outcome.expect(f"on a read-only file the door answered {refused}", holds=refused == {503})
    file.chmod(0o644)
    taken = eventually(lambda: all(site.post(each) == 200 for each in recordings), 30)
    outcome.expect("the door did not recover from a read-only file", holds=taken)
    door.end()
