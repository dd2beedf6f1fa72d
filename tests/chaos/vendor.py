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
FORGERIES = 20
"""How often a forged delivery comes, all over the feed."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One request that may be sent any number of times. `digest`: SHA-256 (hex) of what intake stores of it."""

    path: str
    headers: dict[str, str]
    body: bytes
    digest: str
    """Empty for what is stored nowhere, such as a request for a run."""
    kind: str
    whose: str = ""
    """The participant, of a response; empty otherwise."""


Together = tuple[Parcel, ...]
"""Parcels that are sent at the same instant."""


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
            if status is not None and 200 <= status < 300 and parcel.digest:
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
        self._closed = False

    def send(self, parcel: Parcel) -> int:
        """Send it until it is answered; gives the status. Raises TimeoutError if nobody answers for `PATIENCE_S`."""
        deadline = time.monotonic() + PATIENCE_S
        pause = 0.05
        while time.monotonic() < deadline and not self._closed:
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

    def send_all(self, parcels: Sequence[Parcel | Together], *, per_second: float | None = None) -> None:
        """Send all of them from several threads; at most so many a second."""
        began = time.monotonic()

        def paced(number: int, parcel: Parcel | Together) -> None:
            if per_second is not None:
                time.sleep(max(0.0, began + number / per_second - time.monotonic()))
            self.send(parcel) if isinstance(parcel, Parcel) else self.send_at_once(parcel)

        with ThreadPoolExecutor(self._senders) as pool:
            list(pool.map(paced, range(len(parcels)), parcels))

    def send_at_once(self, parcels: Sequence[Parcel]) -> None:
        """Send each in a thread of its own, all at the same instant. Raises what went wrong with the first."""
        if len(parcels) == 1:
            self.send(parcels[0])
            return
        gate = threading.Barrier(len(parcels))

        def started(parcel: Parcel) -> int:
            gate.wait()
            return self.send(parcel)

        with ThreadPoolExecutor(len(parcels)) as pool:
            list(pool.map(started, parcels))

    def close(self) -> None:
        """Give up whatever is being sent, and close every connection."""
        self._closed = True
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


def copies(parcels: Sequence[Parcel], fate: random.Random, *, most: int = 3, flood: float = 0.002) -> list[Parcel]:
    """Each of them one to three times, and now and then (`flood`) fifty times."""
    return [parcel for parcel in parcels for _ in range(50 if fate.random() < flood else fate.randint(1, most))]


def mixed(responses: Sequence[Parcel], uploads: Sequence[Parcel], fate: random.Random) -> list[Together]:
    """All of it, in copies and out of order, so that participants become complete one after the other.

    The last two responses about each participant come at the same instant. Uploads come in the first half.
    """
    by_person: dict[str, list[Parcel]] = defaultdict(list)
    for parcel in responses:
        by_person[parcel.whose if parcel.kind == "response" else ""].append(parcel)
    timed: list[tuple[float, Together]] = []
    odd = by_person.pop("", [])
    for number, each in enumerate(by_person.values()):
        begins = 0.8 * number / len(by_person)
        pair = tuple(each[-2:]) if len(each) > 2 else ()
        first = copies(each[: len(each) - len(pair)], fate)
        timed += [(begins + fate.uniform(0, 0.2), (parcel,)) for parcel in first]
        timed += [(begins + 0.2, pair)] if pair else []
    forged = [parcel for parcel in odd if parcel.kind == "forged_signature"]
    timed += [(fate.uniform(0, 1), (parcel,)) for parcel in odd + forged * FORGERIES]
    timed += [(fate.uniform(0, 0.5), (parcel,)) for parcel in copies(uploads, fate, flood=0)]
    return [parcels for _, parcels in sorted(timed, key=lambda each: each[0])]
