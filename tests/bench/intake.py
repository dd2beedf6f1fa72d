"""`make bench-intake`: how fast the door accepts, beside the limit of its server and beside a plain route.

Same machine, same run, same load generator; contenders take turns, so that other work on the machine meets all of them.
First the capacity of each (closed loop), then latencies at half of it (open loop), and again with workers at work, with
no queue server, and with one that hangs. Prints a table, and one JSON line for a history.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from tests.bench.contenders import Contender, Ground, Running
from tests.bench.load import Load, Seen

T = TypeVar("T")

LIMIT = Contender("limit")
DATABASES = ("PostgreSQL", "SQLite")
CONTENDERS = (LIMIT, *(Contender(who, database) for database in DATABASES for who in ("plain", "talentline")))
OF_LIMIT, OF_PLAIN = 0.35, 6.0
"""The goals."""
CONNECTIONS = 192
"""Senders that wait at a time: as many for every contender."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long a run takes."""

    repeats: int
    seconds: float
    warm: float
    made: int


FULL = Effort(repeats=5, seconds=5, warm=1.5, made=40_000)
QUICK = Effort(repeats=1, seconds=2, warm=0.7, made=20_000)


@dataclass(frozen=True, slots=True)
class Case:
    """What else goes on."""

    name: str
    workers: int = 0
    queue: str = "there"


CASES = (
    Case("workers stopped"),
    Case("2 workers at work", workers=2),
    Case("queue server absent", queue="absent"),
    Case("queue server hanging", queue="hanging"),
)


@dataclass(slots=True)
class Capacity:
    """Accepted a second in each repeat; processor time of a request in the web processes and in PostgreSQL, in µs."""

    per_s: list[float] = field(default_factory=list)
    web_us: list[float] = field(default_factory=list)
    database_us: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Of the repeats."""
        return statistics.median(self.per_s)


def sent(load: Load, look: Callable[[], T]) -> tuple[Seen, T, T]:
    """Carry out an order in a process of its own; what a look gave when the measured time began and ended."""
    command = [sys.executable, "-m", "tests.bench.load"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asdict(load)))
        process.stdin.close()
        assert process.stdout.readline() == "begins\n", "the load generator did not start"
        began = look()
        assert process.stdout.readline() == "ends\n"
        ended = look()
        return Seen(**json.loads(process.stdout.readline())), began, ended


def capacities(ground: Ground, effort: Effort, processes: int) -> dict[Contender, Capacity]:
    """The capacity of every contender, in turns."""
    found = {contender: Capacity() for contender in CONTENDERS}
    for _ in range(effort.repeats):
        for contender, capacity in found.items():
            with ground.running(contender, processes=processes) as run:
                _measured(ground, run, effort, capacity)
    return found


def _measured(ground: Ground, run: Running, effort: Effort, capacity: Capacity) -> None:
    load = Load(run.ports, CONNECTIONS, effort.seconds, warm=effort.warm, most=effort.made)
    seen, began, ended = sent(load, lambda: (run.cpu_s, ground.postgres_cpu_s))
    others = {status: count for status, count in seen.statuses.items() if status != "200"}
    assert not others, f"not everything was accepted: {others}"
    web, database = (1e6 * (after - before) / seen.accepted for before, after in zip(began, ended, strict=True))
    capacity.per_s.append(seen.per_s)
    capacity.web_us.append(web)
    capacity.database_us.append(database)
    sys.stderr.write(f"{run.name}: {seen.per_s:,.0f}/s, {web:.0f} + {database:.0f} µs a request\n")


def latencies(ground: Ground, effort: Effort, capacity: dict[Contender, Capacity]) -> dict[str, Seen]:
    """Latencies at half of the contender's own capacity, whatever else goes on."""
    found: dict[str, Seen] = {}
    for contender in CONTENDERS:
        rate = capacity[contender].median / 2
        for case in CASES if contender.who == "talentline" else CASES[:1]:
            with ground.running(contender, workers=case.workers, queue=case.queue) as run:
                hanging = run.queue.process if run.queue and case.queue == "hanging" else None
                if hanging:
                    hanging.send_signal(signal.SIGSTOP)
                load = Load(run.ports, CONNECTIONS, effort.seconds, rate, effort.warm, effort.made)
                found[f"{contender.name}, {case.name}, {rate:.0f}/s"] = sent(load, lambda: None)[0]
                if hanging:
                    hanging.send_signal(signal.SIGCONT)
    return found


def ratios(capacity: dict[Contender, Capacity]) -> dict[str, dict[str, list[float]]]:
    """talentline beside the limit and beside the plain route, in each repeat."""
    found: dict[str, dict[str, list[float]]] = {}
    for database in DATABASES:
        ours = capacity[Contender("talentline", database)].per_s
        beside = {"of_limit": capacity[LIMIT].per_s, "of_plain": capacity[Contender("plain", database)].per_s}
        found[database] = {
            name: [mine / theirs for mine, theirs in zip(ours, those, strict=True)] for name, those in beside.items()
        }
    return found


def _spread(values: Sequence[float], digits: int = 0) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{low:,.{digits}f} / {middle:,.{digits}f} / {high:,.{digits}f}"


def _shown(capacity: dict[Contender, Capacity], latency: dict[str, Seen]) -> None:
    console = Console(width=130)
    table = Table("contender", "accepted/s", "web µs a request", "database µs", title="Capacity: min / median / max")
    for contender, each in capacity.items():
        table.add_row(contender.name, _spread(each.per_s), _spread(each.web_us), _spread(each.database_us))
    console.print(table)
    table = Table("talentline on", "× the limit", "goal", "× the plain route", "goal", title="Ratios, repeat by repeat")
    for database, ratio in ratios(capacity).items():
        row = (_spread(ratio["of_limit"], 2), f"≥ {OF_LIMIT}", _spread(ratio["of_plain"], 1), f"≥ {OF_PLAIN:.0f}")
        table.add_row(database, *row)
    console.print(table)
    table = Table("open loop at half of its capacity", "answered", "not 200", "p50 ms", "p99 ms", "worst ms")
    for name, seen in latency.items():
        times = (f"{time:.1f}" for time in (seen.p50, seen.p99, seen.worst))
        table.add_row(name, str(seen.answered), str(seen.answered - seen.accepted), *times)
    console.print(table)


def machine() -> dict[str, object]:
    """What it ran on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def main() -> None:
    """Measure, print, and say whether the goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one repeat, less than a minute")
    parser.add_argument("--processes", type=int, default=1, help="web processes, of every contender")
    arguments = parser.parse_args()
    effort = QUICK if arguments.quick else FULL
    before = os.getloadavg()
    with Ground() as ground:
        capacity = capacities(ground, effort, arguments.processes)
        latency = {} if arguments.quick else latencies(ground, effort, capacity)
    loads = [round(each, 2) for each in (*before, *os.getloadavg())]
    _shown(capacity, latency)
    said = {
        "bench": "intake",
        **machine(),
        "load_before_and_after": loads,
        "processes": arguments.processes,
        "effort": asdict(effort),
        "capacity": {contender.name: asdict(each) for contender, each in capacity.items()},
        "ratios": ratios(capacity),
        "open_loop": {name: asdict(seen) for name, seen in latency.items()},
    }
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
