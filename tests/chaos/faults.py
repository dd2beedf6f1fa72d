"""The faults of the big run: what each does, how long it lasts, and when they strike.

A fault strikes and may give back how it heals. Faults strike at random points of the run's progress, not of the clock,
so that a slow machine meets the same run as a fast one; they overlap as chance has it.
"""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import redis

from tests.chaos.arena import Arena
from tests.chaos.processes import Process

Heal = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong. `strike` gives how it ends, or None if it did not land.

    It lasts between so many `seconds` and so many, or `leases` (each the time that a worker may be silent).
    """

    strike: Callable[[Arena], Heal | None]
    seconds: tuple[float, float] = (0.0, 0.0)
    leases: tuple[float, float] = (0.0, 0.0)


def _nothing() -> None:
    """It was over at once."""


def _chosen(arena: Arena, role: str) -> Process | None:
    alive = [process for process in arena.of(role) if process.alive]
    return arena.fate.choice(alive) if alive else None


def kill_one(role: str) -> Callable[[Arena], Heal | None]:
    """kill -9 of one process; the keeper starts it again."""

    def strike(arena: Arena) -> Heal | None:
        process = _chosen(arena, role)
        return _nothing if process is not None and process.kill() else None

    return strike


def kill_all_workers(arena: Arena) -> Heal | None:
    """kill -9 of every worker at the same instant, as when a machine dies."""
    landed = [process.signal(signal.SIGKILL) for process in arena.of("worker")]
    return _nothing if any(landed) else None


def pause_worker(arena: Arena) -> Heal | None:
    """SIGSTOP beyond the lease: somebody else takes the work over, and then it wakes up and goes on."""
    process = _chosen(arena, "worker")
    return process.resume if process is not None and process.pause() else None


def tell_to_end(arena: Arena) -> Heal | None:
    """SIGTERM, as a deployment does: it finishes what is in hand."""
    process = _chosen(arena, "worker")
    return _nothing if process is not None and process.terminate() else None


def _on_queue(
    act: Callable[[Arena], Any], heal: Callable[[Arena], Any] | None = None
) -> Callable[[Arena], Heal | None]:
    def strike(arena: Arena) -> Heal | None:
        if arena.queue is None or not arena.queue.alive:
            return None
        try:
            act(arena)
        except redis.RedisError:
            return None
        return (lambda: heal(arena)) if heal else _nothing

    return strike


def _queue(arena: Arena) -> Any:
    return arena.queue


def crash_postgres(arena: Arena) -> Heal | None:
    """Everything of PostgreSQL ends at once."""
    arena.postgres.crash()
    return arena.postgres.start


def terminate_backends(arena: Arena) -> Heal | None:
    """Every connection to PostgreSQL ends in mid-work."""
    return _nothing if arena.postgres.terminate_backends() else None


def hold_database(arena: Arena) -> Heal | None:
    """A stranger keeps every writer out."""
    holder = threading.Thread(target=_held, args=(arena,), daemon=True)
    holder.start()
    return holder.join


def _held(arena: Arena) -> None:
    with suppress(Exception):  # it was crashed meanwhile
        arena.database.hold(arena.lease * 1.5)


def stop_mail(arena: Arena) -> Heal | None:
    """The mail server refuses connections."""
    arena.sink.stop()
    return arena.sink.start


FAULTS: Mapping[str, Fault] = {
    "worker kill -9": Fault(kill_one("worker")),
    "all workers kill -9": Fault(kill_all_workers),
    "intake kill -9": Fault(kill_one("web")),
    "worker SIGSTOP beyond the lease": Fault(pause_worker, leases=(1.5, 2.5)),
    "worker SIGTERM": Fault(tell_to_end),
    "queue FLUSHALL": Fault(_on_queue(lambda arena: _queue(arena).flush())),
    "queue kill -9": Fault(
        _on_queue(lambda arena: _queue(arena).kill(), lambda arena: _queue(arena).start()), (1.0, 4.0)
    ),
    "queue hangs": Fault(_on_queue(lambda arena: _queue(arena).hang(), lambda arena: _queue(arena).wake()), (1.0, 4.0)),
    "queue read-only": Fault(
        _on_queue(lambda arena: _queue(arena).read_only(True), lambda arena: _queue(arena).read_only(False)), (1.0, 4.0)
    ),
    "queue out of memory": Fault(
        _on_queue(lambda arena: _queue(arena).full(True), lambda arena: _queue(arena).full(False)), (1.0, 4.0)
    ),
    "queue CLIENT KILL": Fault(_on_queue(lambda arena: _queue(arena).cut_clients())),
    "PostgreSQL crash": Fault(crash_postgres, (0.5, 2.0)),
    "PostgreSQL backends terminated": Fault(terminate_backends),
    "database held by a stranger": Fault(hold_database),
    "mail server away": Fault(stop_mail, (0.5, 2.0)),
}


class Schedule:
    """Faults over a run: `counts` says how many of each kind, `fate` when. `progress` goes from 0 to 1."""

    def __init__(self, counts: Mapping[str, int], fate: random.Random) -> None:
        self._due = sorted(((fate.uniform(0.02, 0.97), kind) for kind, count in counts.items() for _ in range(count)))
        self._fate = fate
        self._healing: list[tuple[float, str, Heal]] = []
        self.landed: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self.ended: list[tuple[str, float]] = []
        """(kind, when it ended by time.time()) of every fault that landed."""

    def step(self, arena: Arena, progress: float) -> None:
        """Heal what is to be healed by now, and strike with what is due at this progress, at most one fault."""
        self.heal(time.monotonic())
        if self._due and progress >= self._due[0][0]:
            _, kind = self._due.pop(0)
            if any(kind == other or _same_server(kind, other) for _, other, _ in self._healing):
                self.heal()  # one server suffers one thing at a time
            self._strike(arena, kind)

    def _strike(self, arena: Arena, kind: str) -> None:
        fault = FAULTS[kind]
        heal = fault.strike(arena)
        if heal is None:
            self.missed[kind] += 1
            return
        self.landed[kind] += 1
        seconds = self._fate.uniform(*fault.seconds) + arena.lease * self._fate.uniform(*fault.leases)
        self._healing.append((time.monotonic() + seconds, kind, heal))
        self.heal(time.monotonic())

    def heal(self, by: float = float("inf")) -> None:
        """End the faults whose time is over; without `by`, all of them."""
        over = [each for each in self._healing if each[0] <= by]
        self._healing = [each for each in self._healing if each[0] > by]
        for _, kind, heal in over:
            heal()
            self.ended.append((kind, time.time()))

    @property
    def left(self) -> int:
        """How many have not struck yet."""
        return len(self._due)


def _same_server(kind: str, other: str) -> bool:
    server, _, _ = kind.partition(" ")
    return server in {"queue", "PostgreSQL"} and other.startswith(server)
