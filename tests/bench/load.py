"""The load generator of `bench-intake`: a process of its own that sends signed webhooks as cheaply as Python can.

Reads an order (`Load` as JSON) from its standard input; writes a line when the measured time begins, one when it ends,
and what it saw (`Seen` as JSON) to its standard output. Every delivery is another one (its event's id, so its
signature); they are made beforehand. Closed loop: each connection sends its next request when it has its answer; that
finds capacity. Open loop: requests are due at random times of a given rate, whatever the server does, and their latency
counts from when they were due (no coordinated omission).
"""

import asyncio
import base64
import hmac
import json
import random
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import cast

import uvloop

from tests.builders.intake import PILOT, PILOT_SECRET, recorded_requests

EVENT = b'{"event_id":"'
ID_LENGTH = 26


@dataclass(frozen=True, slots=True)
class Load:
    """What to send. `rate` None: closed loop. `seconds` are measured after `warm` more; `first` numbers the events."""

    ports: tuple[int, ...]
    connections: int
    seconds: float
    rate: float | None = None
    warm: float = 1.0
    most: int = 60_000
    first: int = 0
    forged: bool = False


@dataclass(slots=True)
class Seen:
    """What came of it. Latencies in milliseconds."""

    answered: int = 0
    accepted: int = 0
    seconds: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)
    p50: float = 0.0
    p99: float = 0.0
    worst: float = 0.0
    wrapped: bool = False
    """The deliveries that were made beforehand did not last, and some were sent again."""

    @property
    def per_s(self) -> float:
        """Accepted a second."""
        return self.accepted / self.seconds if self.seconds else 0.0


def deliveries(count: int, first: int, secret: str) -> list[tuple[bytes, bytes]]:
    """Requests in two parts; the second, of about 16 KB, is shared by many."""
    bodies = [each["request"]["body"].encode() for each in recorded_requests(PILOT / "deliveries")]
    rests = [body[len(EVENT) + ID_LENGTH :] for body in bodies if body.startswith(EVENT) and len(body) > 10_000]
    made = []
    for number in range(first, first + count):
        start, rest = EVENT + b"%026d" % number, rests[number % len(rests)]
        signature = base64.b64encode(hmac.digest(secret.encode(), start + rest, "sha256")).decode()
        head = (
            "POST /webhooks/appraisal-360 HTTP/1.1\r\nHost: talent.example.org\r\nUser-Agent: Typeform Webhooks\r\n"
            "Accept-Encoding: gzip\r\nContent-Type: application/json\r\nX-Forwarded-For: 192.0.2.7\r\n"
            f"X-Forwarded-Proto: https\r\nContent-Length: {len(start) + len(rest)}\r\n"
            f"Typeform-Signature: sha256={signature}\r\n\r\n"
        )
        made.append((head.encode() + start, rest))
    return made


class Connection(asyncio.Protocol):
    """One kept-alive connection."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.due = 0.0
        self.transport: asyncio.Transport | None = None
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is not derived from asyncio's
        self.run.free.append(self)

    def send(self, due: float) -> None:
        """Send the next delivery, which was due at `due`."""
        assert self.transport is not None
        self.due = due
        self.transport.writelines(self.run.next())

    def data_received(self, data: bytes) -> None:
        """An answer, or part of one."""
        got = self._got = self._got + data if self._got else data
        end = got.find(b"\r\n\r\n")
        if end < 0:
            return
        at = got.find(b"content-length: ")
        length = int(got[at + 16 : got.find(b"\r", at)])
        if len(got) >= end + 4 + length:
            self._got = b""
            self.run.answered(self, got[9:12])

    def connection_lost(self, exc: Exception | None) -> None:
        """The server closed it: the request in hand failed; another connection takes this one's place."""
        if not self.run.ended:
            self.run.lost()


class Run:
    """One order being carried out."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.made = deliveries(load.most, load.first, "forged" if load.forged else PILOT_SECRET)
        self.free: deque[Connection] = deque()
        self.waiting: deque[float] = deque()
        self.seen = Seen()
        self.statuses: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.ended = False
        self._sent = 0
        self._from = self._until = float("inf")
        self._times: Iterator[float] = iter(())

    def next(self) -> tuple[bytes, bytes]:
        """The next delivery."""
        self._sent += 1
        return self.made[(self._sent - 1) % len(self.made)]

    def answered(self, connection: Connection, status: bytes) -> None:
        """Note an answer, and give the connection something to do."""
        now = time.perf_counter()
        if self._from <= now < self._until:
            self.latencies.append(now - connection.due)
            self.statuses[status.decode()] += 1
        if self.waiting:
            connection.send(self.waiting.popleft())
        elif self.load.rate is None and now < self._until:
            connection.send(now)
        else:
            self.free.append(connection)

    def lost(self) -> None:
        """A connection broke."""
        self.statuses["lost"] += 1

    async def carried_out(self) -> Seen:
        """Do it all."""
        loop, load = asyncio.get_running_loop(), self.load
        for number in range(load.connections):
            port = load.ports[number % len(load.ports)]
            await loop.create_connection(lambda: Connection(self), "127.0.0.1", port)
        began = time.perf_counter()
        self._from, self._until = began + load.warm, began + load.warm + load.seconds
        # What the processor did meanwhile is asked by whoever ordered it.
        loop.call_later(load.warm, say, "begins")
        loop.call_later(load.warm + load.seconds, say, "ends")
        if load.rate is None:
            while self.free:
                self.free.popleft().send(time.perf_counter())
            await asyncio.sleep(load.warm + load.seconds)
        else:
            await self._on_schedule(began, load.rate)
        await self._drained()
        return self._summed_up()

    async def _on_schedule(self, began: float, rate: float) -> None:
        chance = random.Random(7)
        due = began
        while due < self._until:
            now = time.perf_counter()
            while due <= now:
                if self.free:
                    self.free.popleft().send(due)
                else:
                    self.waiting.append(due)
                due += chance.expovariate(rate)
            await asyncio.sleep(max(0.0, due - now))

    async def _drained(self) -> None:
        """In an open loop what was due within the time counts, however late its answer."""
        if self.load.rate is not None:
            self._until = float("inf")
        deadline = time.perf_counter() + 30
        while (len(self.free) < self.load.connections or self.waiting) and time.perf_counter() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        self.ended = True

    def _summed_up(self) -> Seen:
        seen, ordered = self.seen, sorted(self.latencies)
        seen.statuses = dict(self.statuses)
        seen.answered, seen.accepted = len(ordered), self.statuses["200"]
        seen.seconds = self.load.seconds
        seen.wrapped = self._sent > len(self.made)
        if ordered:
            seen.p50, seen.p99 = (1000 * ordered[int(len(ordered) * part)] for part in (0.5, 0.99))
            seen.worst = 1000 * ordered[-1]
        return seen


def say(line: str) -> None:
    """Tell whoever ordered it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    order = Load(**json.load(sys.stdin))
    say(json.dumps(asdict(uvloop.run(Run(order).carried_out()))))
