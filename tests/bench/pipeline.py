"""`make bench-pipeline`: what a cohort costs from webhook to stored mail, how that grows, and beside plain queues.

Each run: a fresh database (durable) and queue server, workers up and held, the whole cohort taken in, then the workers
let go until every participant's mail is stored. What is timed is the pipeline alone. Prints tables and one JSON line.
"""

import argparse
import json
import math
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import redis
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from shared import logs
from shared.bus import deliveries
from shared.db import Database
from tests.bench.pipeline_cohort import a_cohort
from tests.bench.pipeline_feed import database, fed_by_http, fed_directly
from tests.bench.pipeline_ground import Ground, Site, until

GROWTH, OF_DRAMATIQ = 1.05, 0.2
"""The goals: the exponent of cost over participants at most, and intake's share of plain dramatiq's speed at least."""
FEEDER = "door and feeder"
FIRST, LAST = 0.10, 0.98
"""The part of a backlog in which its speed is measured: without start and end."""


@dataclass(frozen=True, slots=True)
class Run:
    """One cohort through the pipeline. `wall_s`: from letting the workers go to the last stored mail."""

    participants: int
    submissions: int
    workers: int
    pdf: bool
    http: bool
    wall_s: float
    taking_s: float
    """Time in the door's own steps; over HTTP from the first request to the last answer."""
    bytes_each: int
    cpu_s: dict[str, float]
    peak_mib: dict[str, float]

    @property
    def per_s(self) -> float:
        """Submissions a second, from the first to the last mail."""
        return self.submissions / self.wall_s

    @property
    def cpu_total_s(self) -> float:
        """Of workers, database and queue server."""
        return sum(used for kind, used in self.cpu_s.items() if kind != FEEDER)


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a backlog was worked off."""

    system: str
    workers: int
    messages: int
    per_s: float
    cpu_us: float
    """Processor time of a message, of all processes: it hardly depends on what else the machine does."""


def piped(
    ground: Ground, participants: int, seed: int, *, workers: int = 1, pdf: bool = False, http: bool = False
) -> Run:
    """A cohort from webhook to stored mail."""
    with ground.site() as site, tempfile.TemporaryDirectory() as place:
        cohort = a_cohort(Path(place), participants, seed)
        words = [] if pdf else ["--no-pdf"]
        with site.running(workers, "pipeline_worker", *words):
            site.hold(signal.SIGSTOP)
            fed = (fed_by_http if http else fed_directly)(site, cohort)
            before = site.used()
            site.hold(signal.SIGCONT)
            wall = until(lambda: site.mails >= participants, patience_s=60 + 5 * participants)
            with database(site) as db:
                until(lambda: _open(db) == 0, 120)
            used = site.used()
        assert site.mails == participants, "more mails than participants"
    cpu = {kind: value - before.cpu_s.get(kind, 0) for kind, value in used.cpu_s.items()}
    return Run(participants, fed.submissions, workers, pdf, http, wall, fed.seconds, fed.bytes_each, cpu, used.peak_mib)


def _open(db: Database, service: str | None = None) -> int:
    d = deliveries.c
    query = sa.select(sa.func.count()).select_from(deliveries).where(d.state.in_(("pending", "running")))
    with db.read() as connection:
        return int(connection.execute(query.where(d.service == service) if service else query).scalar_one())


def intake_alone(ground: Ground, participants: int, seed: int, workers: int) -> Speed:
    """From a taken webhook to published evidence, nothing else at work."""
    with ground.site() as site, tempfile.TemporaryDirectory() as place, database(site) as db:
        cohort = a_cohort(Path(place), participants, seed)
        with site.running(workers, "pipeline_worker", "intake"):
            site.hold(signal.SIGSTOP)
            count = fed_directly(site, cohort, files=False).submissions
            site.hold(signal.SIGCONT)
            return _drained(site, "talentline intake", count, lambda: _open(db, "intake"))


def nothing_done(ground: Ground, system: str, count: int, workers: int) -> Speed:
    """The same number of messages that do nothing."""
    with ground.site() as site, redis.Redis.from_url(site.redis_url) as client:
        module = "tests.bench.pipeline_noop"
        subprocess.run([sys.executable, "-m", module, "send", system, str(count)], env=site.environment, check=True)
        queue = "dramatiq:noop" if system == "dramatiq" else "noop"
        assert client.llen(queue) == count
        with site.running(workers, "pipeline_noop", "work", system):
            return _drained(site, system, count, lambda: int(client.llen(queue)), pause_s=0.02)


def _drained(site: Site, system: str, count: int, left: Callable[[], int], pause_s: float = 0.1) -> Speed:
    """How fast, and at what cost, between the first tenth and the last fiftieth of a backlog."""
    until(lambda: left() <= count * (1 - FIRST), 600, pause_s)
    start, at_start, used = time.monotonic(), left(), _spent(site)
    until(lambda: left() <= count * (1 - LAST), 1800, pause_s)
    done = at_start - left()
    seconds, spent = time.monotonic() - start, _spent(site) - used
    return Speed(system, len(site.workers), count, done / seconds, 1e6 * spent / done)


def _spent(site: Site) -> float:
    return sum(seconds for kind, seconds in site.used().cpu_s.items() if kind != FEEDER)


def exponent(points: Sequence[tuple[float, float]]) -> float | None:
    """The slope of log cost over log size by least squares: 1 is proportional. None of fewer than two sizes.

    >>> exponent([(10, 5.0), (100, 50.0), (1000, 500.0)])
    1.0
    """
    if len({size for size, _ in points}) < 2:
        return None
    xs, ys = zip(*((math.log(size), math.log(cost)) for size, cost in points), strict=True)
    return round(statistics.linear_regression(xs, ys).slope, 3)


def _table(runs: Sequence[Run]) -> Table:
    kinds = list(dict.fromkeys(kind for run in runs for kind in run.cpu_s))
    table = Table(
        *("participants", "submissions", "workers", "PDF", "door", "wall s", "submissions/s", "taken/s", "CPU ms each"),
        *(f"{kind} ms, peak MiB" for kind in kinds),
        title="From webhook to stored mail (CPU by participant)",
    )
    for run in runs:
        each = 1000 / run.participants
        table.add_row(
            *(str(run.participants), str(run.submissions), str(run.workers), "on" if run.pdf else "off"),
            *("HTTP" if run.http else "direct", f"{run.wall_s:.1f}", f"{run.per_s:.0f}"),
            *(f"{run.submissions / run.taking_s:.0f}", f"{run.cpu_total_s * each:.0f}"),
            *(f"{run.cpu_s.get(kind, 0) * each:.0f}, {run.peak_mib.get(kind, 0):.0f}" for kind in kinds),
        )
    return table


def summed_up(runs: Sequence[Run], speeds: Sequence[Speed]) -> dict[str, object]:
    """The figures that the goals are about."""
    plain = [run for run in runs if run.workers == 1 and not run.pdf and not run.http]
    two = {run.participants: run for run in runs if run.workers == 2 and not run.pdf}
    return {
        "growth_cpu": exponent([(run.participants, run.cpu_total_s) for run in plain]),
        "growth_wall": exponent([(run.participants, run.wall_s) for run in plain]),
        "two_workers": {
            run.participants: round(run.wall_s / two[run.participants].wall_s, 2)
            for run in plain
            if run.participants in two
        },
        "of_dramatiq": _beside("dramatiq", speeds),
        "of_celery": _beside("celery", speeds),
    }


def _beside(other: str, speeds: Sequence[Speed]) -> dict[int, tuple[float, float]]:
    """Workers → intake's share of another system's speed, by the clock and by processor time."""
    found = {(speed.system, speed.workers): speed for speed in speeds}
    ours = {workers: speed for (system, workers), speed in found.items() if system == "talentline intake"}
    theirs = {workers: found[other, workers] for workers in ours}
    return {
        workers: (round(each.per_s / theirs[workers].per_s, 3), round(theirs[workers].cpu_us / each.cpu_us, 3))
        for workers, each in ours.items()
    }


def main() -> None:
    """Run it."""
    words = argparse.ArgumentParser(prog="make bench-pipeline", description=__doc__)
    words.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10_000], help="participants")
    words.add_argument("--side", type=int, default=300, help="participants of the runs beside the sizes; 0: none")
    words.add_argument("--messages", type=int, default=20_000, help="messages that do nothing, at most")
    words.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--quick", action="store_true", help="100 and 300 participants, in a minute or so")
    asked = words.parse_args()
    sizes, side = ([100, 300], 60) if asked.quick else (asked.sizes, asked.side)
    logs.configure("WARNING", role="bench")
    console = Console(width=200)
    runs: list[Run] = []
    speeds: list[Speed] = []

    def noted(run: Run) -> None:
        runs.append(run)
        console.print(f"{run.participants} participants, {run.workers} worker(s): {run.wall_s:.1f} s", style="dim")

    with Ground(asked.database) as ground:
        for size in sizes:
            noted(piped(ground, size, asked.seed))
        if side not in sizes and side:
            noted(piped(ground, side, asked.seed))
        for beside in ({"workers": 2}, {"pdf": True}, {"http": True}) if side else ():
            noted(piped(ground, side, asked.seed, **beside))
        for workers in () if not side else (1,) if asked.quick else (1, 2):
            speeds.append(intake_alone(ground, side, asked.seed, workers))
            count = min(asked.messages, speeds[-1].messages * (1 if asked.quick else 5))
            speeds += [nothing_done(ground, system, count, workers) for system in ("dramatiq", "celery")]
    console.print(_table(runs))
    table = Table(
        "backlog of", "workers", "messages", "a second", "CPU µs a message", title="Beside messages that do nothing"
    )
    for speed in speeds:
        table.add_row(
            speed.system, str(speed.workers), str(speed.messages), f"{speed.per_s:.0f}", f"{speed.cpu_us:.0f}"
        )
    console.print(table)
    found = summed_up(runs, speeds)
    console.print(f"growth exponent of CPU {found['growth_cpu']}, of wall {found['growth_wall']} (goal ≤ {GROWTH})")
    console.print(
        f"intake to evidence, of plain dramatiq {found['of_dramatiq']} (goal ≥ {OF_DRAMATIQ}): by clock, by CPU"
    )
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0]}
    line = {"bench": "pipeline", "database": asked.database, "seed": asked.seed, **machine, **found}
    line |= {"runs": [asdict(run) for run in runs], "speeds": [asdict(each) for each in speeds]}
    sys.stdout.write(f"{json.dumps(line)}\n")


if __name__ == "__main__":
    main()
