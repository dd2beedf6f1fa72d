"""A survey tool's API in the wrong hands: what it does to whoever asks is set before each test."""

import gzip
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import cache

from shared.http_client import HttpClient
from tests.servers.survey_tools import Connection, Tool

MOST = 100_000
"""Bytes of an answer that are read."""
SHORT = timedelta(seconds=0.5)


class HostileApi(Tool):
    """It is whatever host it is asked for."""

    def __init__(self, hosts: Iterable[str]) -> None:
        super().__init__()
        packed()
        self._hosts = frozenset(hosts)
        self.requests: list[str] = []
        """Host and path of each request."""
        self.sent = 0
        """Bytes that went out."""
        self.patience = timedelta(seconds=10)
        """Of whoever asks, for one answer."""
        self.behaves: Callable[[Answering], None] = good

    @property
    def hosts(self) -> frozenset[str]:
        return self._hosts

    def client(self) -> HttpClient:
        """The program's own client."""
        return HttpClient(timeout=self.patience, max_bytes=MOST)

    def talk(self, connection: Connection) -> None:
        self.requests.append(f"{connection.headers['Host']}{connection.path}")
        connection.rfile.read(int(connection.headers.get("Content-Length") or 0))
        connection.close_connection = True
        self.behaves(Answering(self, connection))


class Answering:
    """One request, as `HostileApi.behaves` answers it."""

    def __init__(self, api: HostileApi, connection: Connection) -> None:
        self._api, self._connection = api, connection

    def say(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A whole answer."""
        self.begin(status, **{"Content_Length": str(len(body)), **headers})
        self.put(body)

    def begin(self, status: int, **headers: str) -> None:
        """The head of an answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.begin(status, {"Connection": "close", **named})

    def put(self, part: bytes) -> None:
        """Bytes of an answer, as they are."""
        self._connection.wfile.write(part)
        self._connection.wfile.flush()
        self._api.sent += len(part)


def good(answering: Answering) -> None:
    answering.say(200, b"{}")


def redirects(answering: Answering) -> None:
    """To the address at which a cloud's machines find their credentials."""
    answering.say(302, Location="http://169.254.169.254/latest/meta-data/")


def endless(answering: Answering) -> None:
    answering.begin(200, Content_Type="application/json")
    for _ in range(2000):
        answering.put(b"x" * 10_000)


def drips(answering: Answering) -> None:
    answering.begin(200, Content_Type="application/json")
    for _ in range(60):
        answering.put(b" ")
        time.sleep(0.1)


def drips_its_head(answering: Answering) -> None:
    answering.put(b"HTTP/1.1 200 OK\r\n")
    for number in range(60):
        answering.put(f"X-{number}: y\r\n".encode())
        time.sleep(0.1)


def says_nothing(_answering: Answering) -> None:
    time.sleep(1.5)


def bomb(answering: Answering) -> None:
    """50 kB that unpack to 50 MB."""
    answering.say(200, packed(), Content_Encoding="gzip")


@cache
def packed() -> bytes:
    return gzip.compress(b" " * 50_000_000)


def garbage(answering: Answering) -> None:
    answering.say(200, b"<html>\xff\x00", Content_Type="text/html")


def broken_gzip(answering: Answering) -> None:
    answering.say(200, b"no gzip at all", Content_Encoding="gzip")


def wrong_type(answering: Answering) -> None:
    answering.say(200, b"\x89PNG\r\n\x1a\n", Content_Type="image/png")


def cut_off(answering: Answering) -> None:
    answering.say(200, b'{"id": ', Content_Length="100")


def overloaded(answering: Answering) -> None:
    answering.say(429, Retry_After="120")


def away(answering: Answering) -> None:
    answering.say(503, b"Down for maintenance")


def forbids(answering: Answering) -> None:
    answering.say(403, b"P-0003 token-hush")
