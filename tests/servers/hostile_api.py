"""A stand-in for a vendor's API in the wrong hands: what it does to whoever asks is set before each test."""

import gzip
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from shared.http_client import HttpClient
from tests.servers.rerouted import Rerouted

MOST = 100_000
"""Bytes of an answer that are read."""
SHORT = timedelta(seconds=0.5)


class HostileApi:
    """It listens on a free port of this machine, as whatever host it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        """Host and path of each request."""
        self.sent = 0
        """Bytes that went out."""
        self.patience = timedelta(seconds=10)
        """Of whoever asks, for one answer."""
        self.behaves: Callable[[Answering], None] = good
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        packed()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def client(self) -> HttpClient:
        """The program's own client, with every connection led here."""
        return HttpClient(timeout=self.patience, max_bytes=MOST, transport=Rerouted(self._server.server_address[1]))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: HostileApi) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.api = api

    def handle_error(self, *_: object) -> None:
        """Who asked hung up: that is what is wanted of it."""


class Answering(BaseHTTPRequestHandler):
    """One request, as `HostileApi.behaves` answers it."""

    server: _Server

    def do_GET(self) -> None:
        self.server.api.asked.append(f"{self.headers['Host']}{self.path}")
        self.server.api.behaves(self)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def say(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A whole answer."""
        self.begin(status, **{"Content_Length": str(len(body)), **headers})
        self.put(body)

    def begin(self, status: int, **headers: str) -> None:
        """The head of an answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def put(self, body: bytes) -> None:
        """A part of an answer's body."""
        self.wfile.write(body)
        self.wfile.flush()
        self.server.api.sent += len(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


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
    answering.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(60):
        answering.wfile.write(f"X-{number}: y\r\n".encode())
        answering.wfile.flush()
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
