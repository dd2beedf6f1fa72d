"""The sweep over crash points: every process of a run is told to die at the next point at which none has died yet."""

import random
import time
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from shared.bus import deliveries
from tests.chaos import points
from tests.chaos.alterations import frequent_jobs, named
from tests.chaos.arena import Arena
from tests.chaos.launch import CRASH_AT
from tests.chaos.processes import Process
from tests.chaos.vendor import Parcel

ROLES = ("web", "worker", "deliveries")
CLOCK_S = 30.0
"""Seconds in which everything that is done from time to time is done at least once."""
POISON = "handle:before:1,handle_batch:before:1"
"""Whoever handles anything dies of it."""


class Sweep:
    """Where the processes of an arena are to die. Not `on`: nowhere, as executed processes have no such points."""

    def __init__(self, arena: Arena, *, on: bool) -> None:
        self.on = on
        self._arena = arena
        self._fate = random.Random(f"sweep {arena.seed}")
        self._is_poisoned = False
        self._is_late = False
        arena.before_restart = self._arm

    @property
    def patches(self) -> list[str]:
        """What a worker is to be altered in, so that it comes to every point within the run."""
        return [named(frequent_jobs)] if self.on else []

    def crash_at(self, role: str) -> str:
        """The points at which a process of this role is to die: whichever it comes to first."""
        if not self.on:
            return ""
        left = self._left(role)
        if self._is_late:
            asked = [f"{point}:1" for point in left]
        else:
            some = self._fate.sample(left, (len(left) + 1) // 2)  # not all processes at the same point
            asked = [f"{point}:{points.turn(point, self._fate)}" for point in some]
        asked += [POISON] if self._is_poisoned and role == "worker" else []
        return ",".join(asked)

    def _arm(self, process: Process) -> None:
        process.environment[CRASH_AT] = self.crash_at(process.role)

    def _left(self, role: str) -> list[str]:
        return sorted(set(points.points_of(role)) - set(self._arena.points("crashed")))

    def meet_the_rest(
        self,
        again: Sequence[Parcel],
        people: Sequence[Sequence[Parcel]],
        deadly: Sequence[Parcel],
        settle: Callable[[], bool],
    ) -> bool:
        """Bring about what chance has not, by work of every kind until nobody is left who has to die somewhere.

        `again`: what a door may be sent any number of times; `people`: the responses about one participant each, held
        back until now, which bring a mail each; `deadly`: deliveries that kill whoever handles them, until somebody
        replays them. `settle` waits until nothing moves. Gives whether it always came to that.
        """
        if not self.on:
            return True
        self._is_late, has_settled = True, True
        for responses in people:
            if self._left("web") or self._left("worker"):
                self._kill("web", "worker")  # they are armed anew
                self._arena.vendor.send_all(again)
            self._arena.vendor.send_all(responses)
            has_settled = settle() and has_settled
        self._await_the_clock(again)
        for parcel in deadly:
            self._poison(parcel) if self._left("deliveries") else self._arena.vendor.send(parcel)
            has_settled = settle() and has_settled
        return has_settled

    def _await_the_clock(self, again: Sequence[Parcel]) -> None:
        """What a process does from time to time: counts at the door, jobs of a worker."""
        deadline = time.monotonic() + CLOCK_S
        while (self._left("web") or self._left("worker")) and time.monotonic() < deadline:
            self._arena.vendor.send_all(again)
            time.sleep(0.5)

    def _poison(self, deadly: Parcel) -> None:
        """Have one delivery kill whoever handles it, until it is taken out of the way."""
        self._is_poisoned = True
        self._kill("worker")
        self._arena.vendor.send(deadly)
        deadline = time.monotonic() + 120
        while not self._is_one_parked() and time.monotonic() < deadline:
            time.sleep(0.1)
        self._is_poisoned = False
        self._kill("worker")

    def _kill(self, *roles: str) -> None:
        for role in roles:
            for process in self._arena.of(role):
                process.kill()

    def _is_one_parked(self) -> bool:
        query = sa.select(deliveries.c.id).where(deliveries.c.state == "parked", deliveries.c.reason == "poison")
        with self._arena.db.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def missed(self) -> list[str]:
        """What the sweep has not done, in words."""
        passed = set(self._arena.points("passed"))
        found = [f"crash point {point} needs a name in tests/chaos/points.py" for point in passed if point[0] == "?"]
        return found + [
            f"nobody died at crash point {point}" for role in ROLES for point in self._left(role) if self.on
        ]
