"""Wires that break at a chosen moment: proxies between a client and Redis or PostgreSQL that lose a reply on purpose.

A proxy reads what goes through just far enough to know the moment (`RedisProxy`: a command of the queue;
`PostgresProxy`: a COMMIT), lets the server do its work, and cuts the connection before the client hears of it. What
the client then believes is for the program under test to get right.
"""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

Address = tuple[str, int] | str
"""A host and port, or the path of a unix socket."""

_CHUNK = 65536


class Cut(Exception):
    """Raised by a watcher: close this connection now, both ends."""


class Watcher:
    """Sees what goes over one connection; gives what is passed on. Raises Cut to end it."""

    def up(self, sent: bytes) -> bytes:
        """From the client to the server."""
        return sent

    def down(self, answered: bytes) -> bytes:
        """From the server to the client."""
        return answered


class Proxy:
    """Listens on a loopback port, or on `listener`, and passes all on to `upstream`. Each connection has a watcher."""

    def __init__(
        self, upstream: Address, watcher: Callable[[], Watcher] = Watcher, listener: socket.socket | None = None
    ) -> None:
        self._upstream = upstream
        self._watcher = watcher
        self._listener = listener or socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.connections = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _reset(self._listener)
        self.cut_all()

    def cut_all(self) -> None:
        """Cut every connection that is open now."""
        with self._lock:
            ends, self._open = list(self._open), set()
        for end in ends:
            _reset(end)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = _connected(self._upstream)
            except OSError:
                _reset(client)
                continue
            with self._lock:
                self._open |= {client, server}
                self.connections += 1
            watcher = self._watcher()
            for source, target, seen in ((client, server, watcher.up), (server, client, watcher.down)):
                threading.Thread(target=self._pump, args=(source, target, seen), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, seen: Callable[[bytes], bytes]) -> None:
        with suppress(OSError, Cut):
            while data := source.recv(_CHUNK):
                target.sendall(seen(data))
        with self._lock:
            self._open -= {source, target}
        _reset(source)
        _reset(target)


def _connected(upstream: Address) -> socket.socket:
    if isinstance(upstream, str):
        server = socket.socket(socket.AF_UNIX)
        server.connect(upstream)
        return server
    return socket.create_connection(upstream)


def _reset(end: socket.socket) -> None:
    """Close at once, and tell the other side by a reset rather than by an orderly end."""
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


# ------------------------------------------------------------------------------------------------------------- Redis


class RedisProxy(Proxy):
    """Before a Redis server: loses the replies to chosen commands, after the server has carried them out."""

    def __init__(self, upstream: Address) -> None:
        super().__init__(upstream, lambda: _RedisWatcher(self))
        self._to_lose: dict[bytes, int] = {}
        self.lost: dict[str, int] = {}

    def lose(self, command: str, times: int) -> None:
        """Lose the replies to the next `times` commands that have this word as an argument, such as `enqueue`."""
        with self._lock:
            self._to_lose[command.encode()] = times

    def claims(self, sent: bytes) -> bool:
        """Whether the reply to what was sent shall be lost; counts it."""
        with self._lock:
            for command, times in self._to_lose.items():
                if times and b"\r\n" + command + b"\r\n" in sent:
                    self._to_lose[command] = times - 1
                    self.lost[command.decode()] = self.lost.get(command.decode(), 0) + 1
                    return True
        return False


class _RedisWatcher(Watcher):
    def __init__(self, proxy: RedisProxy) -> None:
        self._proxy = proxy
        self._losing = False

    def up(self, sent: bytes) -> bytes:
        self._losing = self._losing or self._proxy.claims(sent)
        return sent

    def down(self, answered: bytes) -> bytes:
        if self._losing:
            raise Cut  # the server has done it, and nobody hears of it
        return answered


# -------------------------------------------------------------------------------------------------------- PostgreSQL


@dataclass(slots=True)
class _Plan:
    """Which commits to lose: those of transactions that mention `word`."""

    word: bytes
    times: int
    reaches_server: bool


class PostgresProxy(Proxy):
    """Before a PostgreSQL server: cuts connections at a COMMIT, so that the client can't know whether it happened."""

    def __init__(self, upstream: Address) -> None:
        super().__init__(upstream, lambda: _PostgresWatcher(self))
        self._plans: list[_Plan] = []
        self.committed = 0
        """Commits that happened and that nobody heard of."""
        self.dropped = 0
        """Commits that never reached the server."""

    def lose_commits(self, word: str, times: int, *, reaches_server: bool = True) -> None:
        """Cut the next `times` commits of transactions whose statements mention `word`.

        `reaches_server`: the server commits and its reply is lost; else the COMMIT itself is lost.
        """
        with self._lock:
            self._plans.append(_Plan(word.encode(), times, reaches_server))

    @property
    def pending(self) -> int:
        """Commits that are still to be lost."""
        with self._lock:
            return sum(plan.times for plan in self._plans)

    def fate(self, statements: bytes) -> bool | None:
        """Of the commit of these statements: True if only its reply is lost, False if itself is, None if neither."""
        with self._lock:
            for plan in self._plans:
                if plan.times and plan.word in statements:
                    plan.times -= 1
                    if plan.reaches_server:
                        self.committed += 1
                    else:
                        self.dropped += 1
                    return plan.reaches_server
        return None


class _PostgresWatcher(Watcher):
    """Follows the client's messages (PostgreSQL's frontend protocol 3) and what the open transaction has said."""

    def __init__(self, proxy: PostgresProxy) -> None:
        self._proxy = proxy
        self._rest = b""
        self._is_started = False
        self._said = b""
        self._prepared: dict[bytes, bytes] = {}
        self._losing = False

    def up(self, sent: bytes) -> bytes:
        self._rest += sent
        while (size := self._next()) is not None:
            message, self._rest = self._rest[:size], self._rest[size:]
            self._look(message)
        return sent

    def down(self, answered: bytes) -> bytes:
        if self._losing:
            raise Cut
        return answered

    def _next(self) -> int | None:
        """The length of the first message, type byte included; None while it is not whole."""
        head = 1 if self._is_started else 0
        if len(self._rest) < head + 4:
            return None
        size = head + int.from_bytes(self._rest[head : head + 4], "big")
        return size if len(self._rest) >= size else None

    def _look(self, message: bytes) -> None:
        if not self._is_started:
            # A start-up message names protocol 3; requests for encryption, which come before, have codes of their own.
            self._is_started = message[4:6] == b"\x00\x03"
            return
        statement = self._statement(message[:1], message[5:])
        if b"COMMIT" not in statement[:8]:
            self._said = statement if statement.startswith(b"BEGIN") else self._said + statement
            return
        fate = self._proxy.fate(self._said)
        self._said = b""
        if fate is False:
            raise Cut
        self._losing = fate is True

    def _statement(self, kind: bytes, body: bytes) -> bytes:
        """The SQL of a simple query (Q), of one to be parsed (P), or of a prepared one that is bound (B)."""
        if kind == b"P":
            name, statement, *_ = body.split(b"\x00", 2)
            self._prepared[name] = statement
            return statement if not name else b""
        if kind == b"B":
            _, name, *_ = body.split(b"\x00", 2)
            return self._prepared.get(name, b"") if name else b""
        return body if kind == b"Q" else b""
