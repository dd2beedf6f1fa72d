"""The outside world of an arena: survey tools that post until they hear 2xx, and coordinators who upload until they do.

The ledger remembers what was answered 2xx, by the SHA-256 of the bytes that were sent: the promise is about these, and
the judge asks the database for each of them.
"""

import hashlib
import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx

PATIENCE_S = 180.0


@dataclass(frozen=True, slots=True)
class Parcel:
    """One request that may be sent any number of times. `digest`: SHA-256 (hex) of what intake stores of it."""

    path: str
    headers: dict[str, str]
    body: bytes
    digest: str
    kind: str
    whose: str = ""
    """The participant, of a response; empty otherwise."""


@dataclass(slots=True)
class Ledger:
    """What was answered, from the sender's side."""

    acked: dict[str, float] = field(default_factory=dict)
    """Digest → when it was first answered 2xx (seconds since 1970)."""
    acks: Counter[str] = field(default_factory=Counter)
    """Digest → how often it was answered 2xx."""
    statuses: Counter[str] = field(default_factory=Counter)
    """Answer → how often; `lost` is a connection that gave none."""
    unexpected: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    """Seconds from sending to the answer, of every 2xx."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, parcel: Parcel, status: int | None, seconds: float) -> None:
        """An answer has come, or none."""
        with self.lock:
            self.statuses[str(status or "lost")] += 1
            if status is not None and 200 <= status < 300:
                self.acked.setdefault(parcel.digest, time.time())
                self.acks[parcel.digest] += 1
                self.waits.append(seconds)

    @property
    def posts(self) -> int:
        """How many requests were answered 2xx."""
        return sum(self.acks.values())


class Vendor:
    """Sends parcels to one of several doors, again and again until it hears 2xx (or 4xx, which is an answer too)."""

    def __init__(self, doors: Callable[[], Sequence[str]], *, senders: int = 8) -> None:
        self.ledger = Ledger()
        self._doors = doors
        self._client = httpx.Client(timeout=10, trust_env=False)
        self._senders = senders

    def send(self, parcel: Parcel) -> int:
        """Send it until it is answered; gives the status. Raises TimeoutError if nobody answers for `PATIENCE_S`."""
        deadline = time.monotonic() + PATIENCE_S
        pause = 0.05
        while time.monotonic() < deadline:
            doors = self._doors()
            status = self._once(random.choice(doors), parcel) if doors else None
            if status is not None and status < 500:
                return status
            time.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 1.6, 1.0)
        raise TimeoutError(f"no door has answered {parcel.kind} for {PATIENCE_S:.0f} s")

    def _once(self, door: str, parcel: Parcel) -> int | None:
        began = time.monotonic()
        try:
            status = self._client.post(door + parcel.path, headers=parcel.headers, content=parcel.body).status_code
        except httpx.TransportError:
            status = None
        self.ledger.note(parcel, status, time.monotonic() - began)
        return status

    def send_all(self, parcels: Sequence[Parcel], *, per_second: float | None = None) -> None:
        """Send all of them from several threads; at most so many a second."""
        began = time.monotonic()

        def paced(number: int, parcel: Parcel) -> int:
            if per_second is not None:
                time.sleep(max(0.0, began + number / per_second - time.monotonic()))
            return self.send(parcel)

        with ThreadPoolExecutor(self._senders) as pool:
            list(pool.map(paced, range(len(parcels)), parcels))

    def send_at_once(self, parcels: Sequence[Parcel]) -> None:
        """Send each in a thread of its own, all at the same instant."""
        gate = threading.Barrier(len(parcels))

        def started(parcel: Parcel) -> None:
            gate.wait()
            self.send(parcel)

        threads = [threading.Thread(target=started, args=(parcel,)) for parcel in parcels]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def close(self) -> None:
        """Close every connection."""
        self._client.close()


def response(file: Path) -> Parcel:
    """A recorded webhook request, byte for byte."""
    recording = json.loads(file.read_text(encoding="utf-8"))
    request = recording["request"]
    body = request["body"].encode()
    return Parcel(
        path=request["path"],
        headers=request["headers"],
        body=body,
        digest=hashlib.sha256(body).hexdigest(),
        kind=recording["kind"],
        whose=str(recording["rater"]).partition(".")[0],
    )


def upload(cohort: str, file: Path, token: str) -> Parcel:
    """A score sheet or marks, as a coordinator uploads them."""
    content = file.read_bytes()
    url = f"http://nowhere/cohorts/{cohort}/submissions"
    request = httpx.Request("POST", url, files={"file": (file.name, content)})
    headers = {"content-type": request.headers["content-type"], "authorization": f"Bearer {token}"}
    digest = hashlib.sha256(content).hexdigest()
    return Parcel(f"/cohorts/{cohort}/submissions", headers, request.read(), digest, "upload")


def shuffled_copies(parcels: Sequence[Parcel], fate: random.Random, *, most: int = 3) -> list[Parcel]:
    """Each of them one to three times (one in a hundred fifty times), in any order."""
    copies = [parcel for parcel in parcels for _ in range(50 if fate.random() < 0.01 else fate.randint(1, most))]
    fate.shuffle(copies)
    return copies


def last_two(parcels: Sequence[Parcel]) -> tuple[list[Parcel], list[tuple[Parcel, Parcel]]]:
    """The parcels without the last two of each participant, and these pairs."""
    by_person: dict[str, list[Parcel]] = defaultdict(list)
    for parcel in parcels:
        if parcel.kind == "response" and parcel.whose:
            by_person[parcel.whose].append(parcel)
    pairs = [(each[-2], each[-1]) for each in by_person.values() if len(each) > 2]
    held_back = {parcel.digest for pair in pairs for parcel in pair}
    return [parcel for parcel in parcels if parcel.digest not in held_back], pairs
