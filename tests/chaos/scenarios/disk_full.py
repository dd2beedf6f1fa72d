"""No room left: nothing is answered 2xx that could not be stored, and everything goes on when there is room again.

On SQLite the processes may write no byte further into any file (RLIMIT_FSIZE); on PostgreSQL, as root, the table of
submissions lies on a small file system that is filled to the last byte.
"""

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from services.intake.tables import submissions
from tests.chaos.scenarios.kinds import Size
from tests.chaos.site import Outcome, Servers, Site, eventually
from tests.servers.postgres import PostgresServer

PARTICIPANTS = {Size.QUICK: 6, Size.FULL: 20}
NO_LIMIT = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def run(servers: Servers, database: str, size: Size) -> Outcome:
    """Fill it, send, make room, send again."""
    outcome = Outcome()
    # The door's own watch over free space is off: here it is the database that has to say so.
    with servers.site(database, PARTICIPANTS[size], TALENTLINE_DISK_LOW_WATER_MB="0") as site:
        door, worker = site.door(), site.worker()
        if database == "sqlite":
            _full(site, _no_byte_more(site, [door.pid, worker.pid]), outcome)
        elif os.geteuid() == 0 and shutil.which("mount"):
            with _small_disk(site) as disk:
                _full(site, _filled(disk), outcome)
        else:
            return Outcome(figures={"skipped": "a small file system needs root"})
        outcome.expect("some deliveries are stuck", holds=site.settled())
        outcome.expect("the door or the worker died", holds=door.alive and worker.alive)
        site.found().judge(outcome)
    return outcome


def _full(site: Site, fill: Callable[[], Callable[[], None]], outcome: Outcome) -> None:
    first, *rest = site.recordings
    outcome.expect("with room, the door did not take it", holds=site.post(first) == 200)
    make_room = fill()
    answers = [(each, site.post(each, timeout=60)) for each in rest for _ in range(2)]
    refused = sum(status in {503, 507} for _, status in answers)
    stored = {row.sha256 for row in site.rows(sa.select(submissions.c.sha256))}
    acks = sum(status == 200 and each.raw.sha256 not in stored for each, status in answers)
    outcome.figures |= {"acks while full": acks, "refused while full": refused}
    others = {status for _, status in answers} - {200, 503, 507}
    outcome.expect(f"while full the door answered {others}", holds=not others)
    outcome.expect("it was never full", holds=refused > 0)
    outcome.expect(f"{acks} answers of 2xx had nothing stored", holds=acks == 0)
    make_room()
    taken = eventually(lambda: all(site.post(each) == 200 for each in rest), 30)
    outcome.expect("with room again, the door did not recover", holds=taken)


def _no_byte_more(site: Site, pids: list[int]) -> Callable[[], Callable[[], None]]:
    """The processes may not make any file larger than the smallest of those that the database writes is now."""

    def fill() -> Callable[[], None]:
        log = Path(f"{site.home / 'talentline.db'}-wal")
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (min(log.stat().st_size, 4096), resource.RLIM_INFINITY))
        return make_room

    def make_room() -> None:
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, NO_LIMIT)

    return fill


@contextmanager
def _small_disk(site: Site) -> Iterator[Path]:
    """A file system of 16 MiB under the table of submissions."""
    server: PostgresServer = site.servers.postgres
    disk = server.home / "small"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], check=True)
    try:
        place = disk / "space"
        place.mkdir()
        shutil.chown(place, server.home.owner())
        server.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
        name = str(site.db.url.database)
        server.execute("ALTER TABLE intake_submissions SET TABLESPACE small", name)
        server.execute("VACUUM", name)
        yield disk
        server.execute("ALTER TABLE intake_submissions SET TABLESPACE pg_default", name)
        server.execute("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def _filled(disk: Path) -> Callable[[], Callable[[], None]]:
    def fill() -> Callable[[], None]:
        stuffing = disk / "stuffing"
        with stuffing.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 4096)
            except OSError:
                pass
        return stuffing.unlink

    return fill
