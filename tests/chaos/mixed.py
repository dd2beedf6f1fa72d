"""The big run: a whole cohort through a whole installation while everything fails that can fail."""

import contextlib
import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from services.reporting.tables import messages
from shared.bus import deliveries
from shared.db import DatabaseUnavailable
from tests.chaos import figures, privacy, vendor
from tests.chaos.arena import SMALL_RULES, TOKEN, Arena
from tests.chaos.faults import Schedule
from tests.chaos.judge import Evidence, judge
from tests.chaos.processes import cpu_seconds
from tests.chaos.recovery import Recovery, percentiles
from tests.chaos.sweep import Sweep
from tests.chaos.vendor import Parcel, response, upload

LOOK_S = 0.1
HELD = 4
"""Participants whose responses are held back for the sweep over crash points."""
DUMP_S = 4.0


@dataclass(frozen=True, slots=True)
class Size:
    """How big a run is. `faults`: kind → how many; `mail`: kind → how probable at each transaction."""

    participants: int
    faults: Mapping[str, int]
    mail: Mapping[str, float]
    workers: int = 3
    doors: int = 2
    per_second: float = 60.0
    real: bool = False
    """Processes are executed, not forked; then there are no crash points."""
    at_least: Mapping[str, int] = field(default_factory=dict)
    """Faults of the mail server that land in any case."""
    lease: float = 2.0
    """Seconds that a worker may be silent."""
    patience: float = 180.0
    """Seconds from the last fault until everything must be done."""


MAIL = {"rcpt_451": 0.05, "mail_451": 0.03, "data_451": 0.02, "drop_after": 0.05}
"""Ten in a hundred transactions are refused for now, in five the message is taken and the connection dropped."""
EVERY_MAIL_FAULT = dict.fromkeys(
    ("ehlo_421", "rcpt_451", "rcpt_452", "data_451", "drop_mail", "drop_before", "drop_after", "stall_before"), 1
) | {"stall_after": 1}
_QUEUE = ("queue hangs", "queue read-only", "queue out of memory", "queue CLIENT KILL")
_POSTGRES = ("PostgreSQL crash", "PostgreSQL backends terminated")

SMALL = Size(
    participants=16,
    faults={
        "worker kill -9": 4,
        "all workers kill -9": 1,
        "intake kill -9": 3,
        "worker SIGSTOP beyond the lease": 2,
        "worker SIGTERM": 2,
        "queue FLUSHALL": 2,
        "queue kill -9": 1,
        **dict.fromkeys(_QUEUE, 1),
        **dict.fromkeys(_POSTGRES, 1),
        "database held by a stranger": 1,
        "mail server away": 1,
    },
    mail=MAIL,
    workers=2,
    at_least=EVERY_MAIL_FAULT,
)
FULL = Size(
    participants=500,
    faults={
        "worker kill -9": 38,
        "all workers kill -9": 2,
        "intake kill -9": 10,
        "worker SIGSTOP beyond the lease": 6,
        "worker SIGTERM": 6,
        "queue FLUSHALL": 5,
        "queue kill -9": 2,
        **dict.fromkeys(_QUEUE, 2),
        "PostgreSQL crash": 3,
        "PostgreSQL backends terminated": 3,
        "database held by a stranger": 2,
        "mail server away": 2,
    },
    mail=MAIL,
    at_least=EVERY_MAIL_FAULT,
    real=True,
    lease=5.0,
    patience=900.0,
)


@dataclass(slots=True)
class Outcome:
    """What one run has shown. `violations` is empty if every promise was kept."""

    database: str
    seed: int
    redis: bool
    violations: list[str]
    figures: dict[str, Any]
    home: str


class MixedRun:
    """One run of one size, on one database, of one seed."""

    def __init__(self, arena: Arena, size: Size) -> None:
        self.arena = arena
        self.size = size
        self.fate = random.Random(f"run {arena.seed}")
        written = arena.open(participants=size.participants, rules=SMALL_RULES, incomplete=True, oddities=True)
        self.written = written
        self.responses = [response(file) for file in written.files("deliveries/*.json")]
        self.forged, self.reserved = (self._only(kind) for kind in ("forged_signature", "resubmission"))
        self.search = privacy.Search(written)
        self.sweep = Sweep(arena, on=not size.real)
        odd = {parcel.whose for parcel in self.responses if parcel.kind != "response"}
        ordinary = [each for each in written.complete if each not in odd]
        self.unknown, self.full, *spared = self.fate.sample(ordinary, 2 + (HELD if self.sweep.on else 0))
        held = [[parcel for parcel in self.responses if parcel.whose == each] for each in spared]
        self.held = held[:-1]
        self.deadly = [self.reserved, *(held[-1] if held else [])]
        counts = {kind: count for kind, count in size.faults.items() if self._can_happen(kind)}
        self.schedule = Schedule(counts, random.Random(f"faults {arena.seed}"))
        self.recovery = Recovery(arena.db)
        self.posts = 0
        self.by_hand: Counter[str] = Counter()
        self.failure: BaseException | None = None
        self._ending = threading.Event()
        self._searching = threading.Thread(target=self._search, name="search", daemon=True)
        self._cpu = cpu_seconds()
        self.promises: dict[str, Any] = {}

    def _only(self, kind: str) -> Parcel:
        return next(parcel for parcel in self.responses if parcel.kind == kind)

    def _can_happen(self, kind: str) -> bool:
        if kind.startswith("PostgreSQL"):
            return self.arena.database.name == "postgresql"
        return self.arena.queue is not None or not kind.startswith("queue")

    # ---------------------------------------------------------------------------------------------------- the phases

    def run(self) -> Outcome:
        """All of it."""
        began = time.monotonic()
        self._start()
        feeding = threading.Thread(target=self._feed, name="feed", daemon=True)
        feeding.start()
        self._suffer(feeding)
        drained = time.monotonic()
        self._calm()
        settled = self._settle_by_hand()
        settled = self.sweep.meet_the_rest(self._again(), self.held, self.deadly, self._settle_by_hand) and settled
        drain = time.monotonic() - drained
        self.recovery.stop()
        self._ending.set()
        self._searching.join(60)
        statuses = self.arena.end_roles()
        violations = self._violations(statuses, settled=settled)
        told = self._figures() | {"seconds": round(time.monotonic() - began, 1), "drain_s": round(drain, 1)}
        self.arena.keep = self.arena.keep or bool(violations)
        return Outcome(
            database=self.arena.database.name,
            seed=self.arena.seed,
            redis=self.arena.queue is not None,
            violations=violations,
            figures=told,
            home=str(self.arena.home),
        )

    def _start(self) -> None:
        arena, size = self.arena, self.size
        self._script(**size.mail)
        for _ in range(size.doors):
            arena.web(crash_at=self.sweep.crash_at("web"))
        for _ in range(size.workers):
            arena.worker(crash_at=self.sweep.crash_at("worker"), patches=self.sweep.patches)
        arena.keep_alive()
        self.recovery.start()
        self._searching.start()

    def _script(self, **mail: float) -> None:
        """What the mail server does from now on."""
        address = {person.participant: person.email for person in self.written.people}
        self.arena.sink.script(
            **mail,
            at_least=dict(self.size.at_least),
            unknown=[address[self.unknown]],
            full=[address[self.full]],
            stall_seconds=5,
        )

    def _feed(self) -> None:
        """Everything that the outside world sends, in a seeded order, until all of it is answered."""
        try:
            for parcels in self._rounds():
                self.posts += len(parcels)
                self._send(parcels)
        except BaseException as error:  # noqa: BLE001  (told in the main thread)
            self.failure = error

    def _rounds(self) -> Sequence[Sequence[tuple[Parcel, ...]]]:
        written = self.written
        late = [*written.files("late/development_day/*.xlsx"), *written.files("late/written/*.csv")]
        waiting = {id(parcel) for parcels in (*self.held, self.deadly) for parcel in parcels}
        return (
            vendor.mixed(
                [parcel for parcel in self.responses if id(parcel) not in waiting],
                [self._upload(file) for file in self._sheets()],
                self.fate,
            ),
            [(self._request(),)],
            vendor.mixed(
                [response(file) for file in written.files("late/deliveries/*.json")],
                [self._upload(file) for file in late],
                self.fate,
            ),
            [(self._request(),)],
            [] if self.sweep.on else [(self.reserved,)],
        )

    def _sheets(self) -> list[Path]:
        return [*self.written.files("development_day/*.xlsx"), *self.written.files("written/*.csv")]

    def _upload(self, file: Path) -> Parcel:
        return upload(self.written.cohort, file, TOKEN)

    def _request(self) -> Parcel:
        """For a run of the cohort."""
        return Parcel(f"/cohorts/{self.written.cohort}/runs", {"authorization": f"Bearer {TOKEN}"}, b"", "", "run")

    def _again(self) -> list[Parcel]:
        """One of each kind that a door takes."""
        return [self.forged, self.responses[0], self._upload(self._sheets()[0]), self._request()]

    def _send(self, parcels: Sequence[tuple[Parcel, ...]]) -> None:
        self.arena.vendor.send_all(parcels, per_second=self.size.per_second)

    def _suffer(self, feeding: threading.Thread) -> None:
        """Faults until all of them have struck and everything is sent."""
        told = 0
        while feeding.is_alive() or self.schedule.left:
            self.schedule.step(self.arena, self._progress(feeding))
            for _ in self.schedule.ended[told:]:
                self.recovery.ended()
            told = len(self.schedule.ended)
            time.sleep(LOOK_S)
        if self.failure is not None:
            raise self.failure

    def _search(self) -> None:
        """Look for personal data in what a stranger could see, again and again."""
        while not self._ending.wait(DUMP_S):
            if self.arena.queue:
                self.search.look("the queue server", self.arena.queue.dump())
            self.search.look("the metrics", self.arena.metrics())

    def _progress(self, feeding: threading.Thread) -> float:
        """0 to 1: half of it is what was acknowledged, half what was mailed."""
        if not feeding.is_alive() and self.arena.settled(0.5):
            return 1.0
        expected = len(self.written.people)
        acked = min(1.0, len(self.arena.vendor.ledger.acked) / len(self.responses))
        return (acked + min(1.0, self.arena.sink.count / expected)) / 2

    def _calm(self) -> None:
        """No more faults; what is still owed to crash points is met by what is left to do."""
        self.schedule.heal()
        self.recovery.ended()
        self._script()

    # ------------------------------------------------------------------------------------------- what a person would do

    def _settle_by_hand(self) -> bool:
        """Wait until nothing moves; replay what is parked as poison and settle mails that are held for a person, as a
        coordinator would. False if it never ends.
        """
        deadline = time.monotonic() + self.size.patience
        while time.monotonic() < deadline:
            if not self.arena.settled(deadline - time.monotonic()):
                return False
            parked, held = self._parked(), self._held()
            if not parked and not held:
                return True
            for participant, taken in held.items():
                self._settle_mail(participant, taken=taken)
            for number, reason in parked.items():
                self.by_hand[reason] += 1
                self._replay(number)
        return False

    def _parked(self) -> dict[int, str]:
        """Deliveries that a person would replay: those that are parked since their workers died."""
        d = deliveries.c
        with self.arena.db.read() as connection:
            rows = connection.execute(sa.select(d.id, d.reason).where(d.state == "parked")).all()
        return {row.id: str(row.reason) for row in rows if str(row.reason) in {"poison", "exhausted"}}

    def _held(self) -> dict[str, bool]:
        """Participants whose mail is held for a person, since no proof of it could be had, and whether the mail
        server's log says that it was taken: that is where a person looks.
        """
        query = sa.select(messages.c.participant, messages.c.message_id).where(messages.c.state == "held")
        with self.arena.db.read() as connection:
            held = connection.execute(query).all()
        taken = {mail.message_id for mail in self.arena.sink.accepted()} if held else set()
        return {row.participant: row.message_id in taken for row in held}

    def _settle_mail(self, participant: str, *, taken: bool) -> None:
        decision = "mark-sent" if taken else "send-again"
        self.by_hand[f"mail {decision}"] += 1
        words = ["--by", "postmaster", "--reason", f"the mail server's log {'has' if taken else 'does not have'} it"]
        wait = [] if taken else ["--no-wait"]
        self.arena.talentline("mail", decision, self.written.cohort, participant, *words, *wait)

    def _replay(self, number: int) -> None:
        process = self.arena.process(
            "deliveries", "retry", str(number), "--no-wait", crash_at=self.sweep.crash_at("deliveries"), once=True
        )
        process.wait(60)

    # ------------------------------------------------------------------------------------------------------ the verdict

    def _violations(self, statuses: Sequence[int | None], *, settled: bool) -> list[str]:
        found = [] if settled else ["unfinished: work is left after all patience"]
        found += [f"a process ended with status {status}" for status in statuses if status != 0]
        found += self._judged()
        found += self.sweep.missed()
        self.search.look_into(self.arena.log_files())
        found += privacy.violations(self.search)
        found += self._checked()
        landed = self.schedule.landed
        found += [f"no {kind} has landed" for kind in self.schedule.missed if not landed[kind]]
        mail = self.arena.sink.faults()
        found += [f"no {kind} of the mail server has landed" for kind in self.size.at_least if not mail[kind]]
        return found

    def _judged(self) -> list[str]:
        with self.arena.db.read() as connection:
            evidence = Evidence(
                connection,
                self.written,
                self.arena.vendor.ledger,
                self.arena.sink.accepted(),
                complete=frozenset(self.written.participants),
                unreachable=frozenset({self.unknown, self.full}),
            )
            self.promises = figures.promises(evidence)
            return judge(evidence)

    def _checked(self) -> list[str]:
        """What the program's own check finds broken. Refused mail is no defect, and parked mail waits for a person."""
        done = self.arena.talentline("check", "--json")
        try:
            told = json.loads(done.stdout)
        except json.JSONDecodeError:
            return [f"talentline check failed: {done.stderr[-300:]}"]
        broken = [each for each in told["findings"] if each["what"].startswith("invariant") and not each["fine"]]
        return [f"talentline check: {each['what']}: {each['words']}" for each in broken]

    def _figures(self) -> dict[str, Any]:
        ledger, logs = self.arena.vendor.ledger, self.arena.logs()
        said = Counter(str(line.get("event")) for line in logs)
        with contextlib.suppress(DatabaseUnavailable), self.arena.db.read() as connection:
            states = connection.execute(sa.select(messages.c.state, sa.func.count()).group_by(messages.c.state)).all()
        return {
            "participants": self.size.participants,
            "acked_posts": ledger.posts,
            "acked_deliveries": len(ledger.acked),
            "answers": dict(ledger.statuses),
            "faults": dict(sorted(self.schedule.landed.items())),
            "mail_faults": dict(sorted(self.arena.sink.faults().items())),
            "crash_points": len(set(self.arena.points("crashed"))),
            "crashes_at_points": len(self.arena.points("crashed")),
            "restarts": len(self.arena.deaths),
            "mails": self.arena.sink.count,
            "messages": {str(state): count for state, count in states},
            **self.promises,
            "doubts": figures.doubts(logs),
            "fenced": said["delivery.fence_lost"],
            "settled_by_hand": dict(self.by_hand),
            "recovery_s": percentiles(self.recovery.seconds),
            "cpu_s": round(cpu_seconds() - self._cpu),
            "load_average": round(os.getloadavg()[0], 1),
            "searched_mb": round(self.search.searched / 2**20, 1),
        }


def run_once(size: Size, *, database: str, seed: int, redis: bool = True, keep: bool = False) -> Outcome:
    """One run in an arena of its own."""
    with Arena(database=database, seed=seed, redis=redis, real=size.real, lease=size.lease) as arena:
        arena.keep = keep
        return MixedRun(arena, size).run()
