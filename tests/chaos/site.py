"""The place of one targeted scenario: a database, a queue server, a mail server, a small cohort, and its processes.

`Servers` starts the real servers once for many scenarios; a `Site` is one installation on them, with a database of its
own. What a scenario finds is read from the database and from the mail server (`Found`), not from what we say of us.
"""

import json
import os
import shutil
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.policy import default
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import redis
import sqlalchemy as sa

from deploy.composition import Installation
from services.intake import commands
from services.intake.commands import Taken
from services.intake.core.submission import RawRequest
from services.intake.settings import IntakeSettings
from services.intake.tables import submissions
from services.intake.vendors import VENDORS
from services.reporting.tables import messages
from services.scoring.tables import results
from shared.broker import Doorbell, broker_for
from shared.bus import deliveries, events
from shared.cohort.folder import CohortFolder, read_folder
from shared.cohort.opening import open_cohort
from shared.db import Database
from shared.events import ParticipantScored
from shared.handling import Handlers
from shared.migrations import migrate
from shared.queue_server import QueueServer
from shared.words import Service
from tests.builders.cohort_folder import CohortRules, WrittenCohort, write_cohort
from tests.chaos.launch import PATCHES
from tests.chaos.processes import Process
from tests.servers.mail import MailServer, Postbox
from tests.servers.postgres import PostgresServer

SECRET = "a-secret-for-chaos"
TOKEN = "a-token-for-chaos"
COHORT = "under-fire"
RULES = CohortRules(
    responses={"self": 1, "line_manager": 1, "peer": 0, "direct_report": 0, "system_partner": 0},
    assessors=0,
    markers=0,
    release="automatic",
)
"""Two answers complete a case, and the plan goes out at once: the shortest way through everything."""
IN_DOUBT = ("handing_over", "uncertain", "held")
"""What the state of a mail is called that may have arrived or not."""
NEEDED = {name for name, count in RULES.responses.items() if count}
TEMPLATE = "chaos_template"
PATIENCE_S = 60.0
"""How long anything here may take on a machine that is busy with other things."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One webhook request, as the survey tool sends it."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    participant: str

    @property
    def raw(self) -> RawRequest:
        """As the door hands it on."""
        return RawRequest(self.body, tuple(self.headers.items()), "POST", "", "")


@dataclass(slots=True)
class Outcome:
    """What a scenario saw. `broken`: the promises that were broken, in words; empty is good."""

    figures: dict[str, Any] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def expect(self, what: str, *, holds: bool) -> None:
        """Note a promise that does not hold."""
        if not holds:
            self.broken.append(what)


class Servers:
    """Real servers for any number of sites, each started when it is first asked for."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.place = Path(tempfile.mkdtemp(prefix="talentline-chaos-", dir="/var/tmp"))
        self._stack.callback(shutil.rmtree, self.place, ignore_errors=True)
        self._numbers = 0
        self._cohorts: dict[int, WrittenCohort] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @cached_property
    def postgres(self) -> PostgresServer:
        """A PostgreSQL that flushes what it commits, on a socket and a loopback port."""
        server = self._stack.enter_context(PostgresServer(fsync=True, tcp=True))
        server.execute(f"CREATE DATABASE {TEMPLATE}")
        migrate(server.url(TEMPLATE))
        return server

    @cached_property
    def queue(self) -> QueueServer:
        """A queue server on a unix socket."""
        server = QueueServer(self.place / "queue")
        self._stack.enter_context(server)
        return server

    @cached_property
    def sqlite_template(self) -> Path:
        """An empty SQLite database with every table."""
        path = self.place / "template.db"
        migrate(f"sqlite:///{path}")
        return path

    def cohort(self, participants: int) -> WrittenCohort:
        """A cohort of so many people, written once."""
        if participants not in self._cohorts:
            self._cohorts[participants] = write_cohort(
                self.place / f"cohort-{participants}",
                cohort=COHORT,
                participants=participants,
                organisations=2,
                seed=7,
                secret=SECRET,
                rules=RULES,
                incomplete=False,
                oddities=False,
            )
        return self._cohorts[participants]

    @contextmanager
    def empty(self, database: str, home: Path | None = None) -> Iterator[str]:
        """A new database with every table, `sqlite` or `postgresql`, as its address."""
        if database == "postgresql":
            with self.postgres.database(TEMPLATE) as url:
                yield url
            return
        place = (home or self._new_home()) / "talentline.db"
        shutil.copy(self.sqlite_template, place)
        yield f"sqlite:///{place}"

    @contextmanager
    def site(self, database: str, participants: int = 4, **settings: str) -> Iterator["Site"]:
        """A new installation on `sqlite` or `postgresql`, its cohort open. `settings`: more of the environment."""
        home = self._new_home()
        with self.empty(database, home) as url:
            site = Site(self, database, url, home, self.cohort(participants), settings)
            try:
                site.open()
                yield site
            finally:
                site.close()

    def _new_home(self) -> Path:
        self._numbers += 1
        home = self.place / f"site-{self._numbers}"
        home.mkdir()
        return home


class Site:
    """One installation."""

    def __init__(
        self, servers: Servers, kind: str, url: str, home: Path, written: WrittenCohort, settings: Mapping[str, str]
    ) -> None:
        self.servers = servers
        self.kind = kind
        self.url = url
        self.home = home
        self.written = written
        self.postbox = Postbox()
        self.port = free_port()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TALENTLINE_")},
            "TALENTLINE_DATA_DIR": str(home),
            "TALENTLINE_DATABASE_URL": url,
            "TALENTLINE_HTTP_PORT": str(self.port),
            "TALENTLINE_API_TOKEN": TOKEN,
            "TALENTLINE_LEASE_SECONDS": "2",
            written.secret_env: SECRET,
            **settings,
        }
        self.db = Database(url)
        self.processes: list[Process] = []
        self._stack = ExitStack()

    # ------------------------------------------------------------------------------------------- servers and cohort

    @cached_property
    def folder(self) -> CohortFolder:
        """The cohort as it is described."""
        return read_folder(self.written.folder, vendors=VENDORS)

    def open(self, **changes: Any) -> None:
        """Open the cohort; or, with some of its definition changed, bring it into line with that."""
        folder = replace(self.folder, definition=self.folder.definition.model_copy(update=changes))
        with self.db.write() as uow:
            open_cohort(uow, folder, update=bool(changes), actor="chaos", has_evidence=False)

    def with_queue(self, url: str | None = None) -> Self:
        """Use a queue server: that of all sites, emptied, or one at another address."""
        self.environment["TALENTLINE_REDIS_URL"] = url or self.servers.queue.url
        if url is None:
            with redis.Redis.from_url(self.servers.queue.url) as client:
                client.flushall()
        self.db.ring = Doorbell(broker_for(self.environment["TALENTLINE_REDIS_URL"]))
        return self

    def with_mail(self, postbox: Postbox | None = None) -> Self:
        """Send mail to a server of this site; without this, mail goes to a folder."""
        self.postbox = postbox or self.postbox
        server = self._stack.enter_context(MailServer(self.postbox))
        self.environment["TALENTLINE_MAIL_URL"] = f"smtp://127.0.0.1:{server.port}?timeout=5"
        return self

    def close(self) -> None:
        """End every process and server of this site."""
        for process in self.processes:
            process.kill()
        self._stack.close()
        self.db.close()

    # -------------------------------------------------------------------------------------------------- its processes

    def start(self, *arguments: str, patches: Sequence[str] = (), **settings: str) -> Process:
        """A process of this installation, such as `worker scoring`. `patches`: as in `tests.chaos.launch`."""
        log = self.home / f"{arguments[0]}-{len(self.processes) + 1}.log"
        process = Process(arguments, self.environment | settings | {PATCHES: ",".join(patches)}, log).start()
        self.processes.append(process)
        return process

    def worker(self, *services: str, patches: Sequence[str] = (), **settings: str) -> Process:
        """A worker that has begun its work."""
        process = self.start("worker", *services, patches=patches, **settings)
        if not eventually(lambda: self.said(process, "worker.started") or not process.alive):
            raise RuntimeError(f"the worker did not start:\n{process.log.read_text()[-2000:]}")
        return process

    def door(self, patches: Sequence[str] = (), **settings: str) -> Process:
        """The web door, open."""
        process = self.start("web", patches=patches, **settings)
        if not eventually(lambda: self._answers(process)):
            raise RuntimeError(f"the door did not open:\n{process.log.read_text()[-2000:]}")
        return process

    def _answers(self, process: Process) -> bool:
        if not process.alive:
            raise RuntimeError(f"the door ended at once:\n{process.log.read_text()[-2000:]}")
        try:
            return httpx.get(f"{self.address}/healthz", timeout=2, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def said(self, process: Process | None, event: str) -> int:
        """How often a process (None: any of them) has logged an event."""
        logs = [process.log] if process else {each.log for each in self.processes}
        return sum(log.read_text(errors="replace").count(f'"{event}"') for log in logs if log.exists())

    @property
    def address(self) -> str:
        """Of the web door."""
        return f"http://127.0.0.1:{self.port}"

    def database_at(self, host: str, port: int) -> str:
        """The address of this site's PostgreSQL database behind a proxy."""
        return f"postgresql://postgres@{host}:{port}/{self.db.url.database}"

    def handlers(self, service: Service) -> Handlers:
        """What a service does, in this process, with this site's settings."""
        with self.surroundings():
            return Installation().handlers([service])[service]

    @contextmanager
    def surroundings(self) -> Iterator[None]:
        """This process has the site's environment meanwhile."""
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def relay(self, start: Callable[[], Process]) -> int:
        """Workers, one after another: when one dies the next takes over, until nothing is open. Gives how many died."""
        deaths = 0
        while True:
            worker = start()
            eventually(lambda worker=worker: self.open_deliveries() == 0 or not worker.alive)  # type: ignore[misc]
            if worker.alive:
                worker.end()
                return deaths
            deaths += 1

    # ------------------------------------------------------------------------------------------------- what is sent in

    @cached_property
    def recordings(self) -> list[Recording]:
        """The requests that complete every case, two for each participant."""
        found = []
        for file in self.written.files("deliveries/*.json"):
            request = json.loads(file.read_text(encoding="utf-8"))["request"]
            hidden = json.loads(request["body"])["form_response"]["hidden"]
            if hidden["relationship"] in NEEDED:
                found.append(
                    Recording(request["path"], request["headers"], request["body"].encode(), hidden["participant"])
                )
        return found

    def take(self, recordings: Sequence[Recording] | None = None) -> int:
        """Store these submissions (all by default) as the door does, and ring; gives how many were new."""
        with self.surroundings():
            settings = IntakeSettings()
            new = 0
            for each in recordings or self.recordings:
                with self.db.write() as uow:
                    taken = commands.accept_webhook(uow, settings, self.written.connection, each.raw, VENDORS)
                assert isinstance(taken, Taken), taken
                new += taken.new
        return new

    def post(self, recording: Recording, client: httpx.Client | None = None, timeout: float = 10) -> int:
        """Send a request to the door; its status, 0 if there was no answer."""
        headers = dict(recording.headers)
        try:
            if client is not None:
                answer = client.post(
                    f"{self.address}{recording.path}", content=recording.body, headers=headers, timeout=timeout
                )
            else:
                answer = httpx.post(
                    f"{self.address}{recording.path}",
                    content=recording.body,
                    headers=headers,
                    timeout=timeout,
                    trust_env=False,
                )
        except httpx.TransportError:
            return 0
        return answer.status_code

    # ------------------------------------------------------------------------------------------------ what came of it

    def settled(self, within: float = PATIENCE_S) -> bool:
        """Whether nothing is on its way any more, in time."""
        return eventually(lambda: self.open_deliveries() == 0, within, pause=0.05)

    def open_deliveries(self) -> int:
        """Deliveries that are pending or running."""
        return int(self.one(sa.select(sa.func.count()).where(deliveries.c.state.in_(["pending", "running"]))))

    def one(self, query: sa.Select[Any]) -> Any:
        """The first value of a query."""
        with self.db.read() as connection:
            return connection.execute(query).scalar()

    def rows(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        """Every row of a query."""
        with self.db.read() as connection:
            return connection.execute(query).all()

    def found(self, recordings: Sequence[Recording] | None = None) -> "Found":
        """What there is, set against what should come of these submissions (all by default)."""
        return Found.of(self, list(recordings or self.recordings))


@dataclass(frozen=True, slots=True)
class Found:
    """Facts about one site, for judging: counts of what is missing and of what is there twice."""

    submissions: int
    lost: int
    """Submissions that were sent and are not stored."""
    doubled: int
    """Submissions stored more than once."""
    unscored: int
    scored_twice: int
    mails: int
    unmailed: int
    mailed_twice: int
    uncertain: int
    """Mails of which nobody knows whether they arrived, held for a person."""
    open: int
    parked: int
    unexplained: int
    """Parked deliveries without a reason."""

    @classmethod
    def of(cls, site: Site, sent: Sequence[Recording]) -> "Found":
        """Read the database and the mail server."""
        expected = {RawRequest(each.body, ()).sha256 for each in sent}
        people = {each.participant for each in sent}
        email = {each.email: each.participant for each in site.written.people if each.participant in people}
        bodies = Counter(row.sha256 for row in site.rows(sa.select(submissions.c.sha256)))
        scores = Counter(row.participant for row in site.rows(sa.select(results.c.participant)))
        scores |= Counter(_told(site))
        mails = Counter(site.postbox.recipients) + Counter(_in_the_folder(site))
        d = deliveries.c
        parked = site.rows(sa.select(d.last_error).where(d.state == "parked"))
        uncertain = site.rows(sa.select(messages.c.participant).where(messages.c.state.in_(IN_DOUBT)))
        return cls(
            submissions=sum(bodies.values()),
            lost=len(expected - set(bodies)),
            doubled=sum(count - 1 for count in bodies.values()),
            unscored=len(people - set(scores)),
            scored_twice=sum(count - 1 for count in scores.values()),
            mails=sum(mails.values()),
            unmailed=len(set(email) - set(mails)),
            mailed_twice=sum(count - 1 for count in mails.values()),
            uncertain=len(uncertain),
            open=site.open_deliveries(),
            parked=len(parked),
            unexplained=sum(not row.last_error for row in parked),
        )

    def judge(self, outcome: Outcome, *, mailed: bool = True, parked: int | None = 0) -> None:
        """Add the figures to an outcome, and each promise that they break. `parked`: how many are; None: any number."""
        outcome.figures |= {
            "submissions": self.submissions,
            "mails": self.mails,
            "lost": self.lost + self.unscored + (self.unmailed if mailed else 0),
            "duplicates": self.doubled + self.scored_twice + self.mailed_twice,
        }
        outcome.expect(f"{self.lost} submissions are lost", holds=self.lost == 0)
        outcome.expect(f"{self.doubled} submissions are stored twice", holds=self.doubled == 0)
        outcome.expect(f"{self.unscored} participants are not scored", holds=self.unscored == 0)
        outcome.expect(f"{self.scored_twice} scores are doubled", holds=self.scored_twice == 0)
        outcome.expect(f"{self.mailed_twice} mails went out twice", holds=self.mailed_twice == 0)
        outcome.expect(f"{self.unmailed} plans did not arrive", holds=not mailed or self.unmailed == 0)
        outcome.expect(f"{self.open} deliveries are stuck", holds=self.open == 0)
        outcome.expect(f"{self.parked} deliveries are parked, not {parked}", holds=parked in {None, self.parked})
        outcome.expect(f"{self.unexplained} parked deliveries say no reason", holds=self.unexplained == 0)


def _told(site: Site) -> Iterator[str]:
    """The participants of every ParticipantScored that was published."""
    for row in site.rows(sa.select(events.c.payload).where(events.c.name == ParticipantScored.name)):
        yield row.payload["participant"]


def _in_the_folder(site: Site) -> Iterator[str]:
    for mail in (site.home / "mail").glob("*.eml"):
        yield message_from_bytes(mail.read_bytes(), policy=default)["To"].addresses[0].addr_spec


def free_port() -> int:
    """A TCP port of loopback that is free now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def eventually(true: Callable[[], object], within: float = PATIENCE_S, pause: float = 0.02) -> bool:
    """Whether something comes true in time."""
    deadline = time.monotonic() + within
    while not (found := true()) and time.monotonic() < deadline:
        time.sleep(pause)
    return bool(found)
