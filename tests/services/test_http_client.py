"""The way out to a vendor's API, against a real server on this machine: time, size, redirects, what to try again."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shared.http_client import ApiRefused, ApiUnavailable, HttpClient, _retry_after


class Vendor(BaseHTTPRequestHandler):
    """Answers by path."""

    def do_GET(self) -> None:
        handler = getattr(self, f"answer_{self.path.strip('/')}")
        handler()

    def send(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def answer_good(self) -> None:
        self.send(200, self.headers["Authorization"].encode(), {"X-Page": "2"})

    def answer_moved(self) -> None:
        self.send(302, headers={"Location": "/good"})

    def answer_large(self) -> None:
        self.send(200, b"x" * 5000)

    def answer_busy(self) -> None:
        self.send(429, headers={"Retry-After": "7"})

    def answer_silent(self) -> None:
        time.sleep(1)

    def answer_slow(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(30):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.05)

    def answer_cut(self) -> None:
        self.send(200, b"abc", {"Content-Length": "10"})

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what some tests are about."""


@pytest.fixture
def address() -> Iterator[str]:
    server = QuietServer(("127.0.0.1", 0), Vendor)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def client(seconds: float = 0.5) -> HttpClient:
    return HttpClient(timeout=timedelta(seconds=seconds), max_bytes=1000, insecure=True)


def ask(url: str) -> bytes:
    headers = [("Authorization", "Bearer hush")]
    return client().request("GET", url, headers, hosts={"127.0.0.1"}).body


def test_an_answer_comes_with_its_headers(address: str) -> None:
    answer = client().request("GET", f"{address}/good", [("Authorization", "Bearer hush")], hosts={"127.0.0.1"})
    assert (answer.status, answer.body) == (200, b"Bearer hush")
    assert ("x-page", "2") in answer.headers
    assert "hush" not in repr(answer)


@pytest.mark.parametrize("path", ["moved", "large"])
def test_redirects_and_large_answers_are_refused(address: str, path: str) -> None:
    with pytest.raises(ApiRefused) as caught:
        ask(f"{address}/{path}")
    assert path not in str(caught.value)


@pytest.mark.parametrize("path", ["silent", "slow", "cut", "busy"])
def test_what_may_pass_is_to_be_tried_again(address: str, path: str) -> None:
    started = time.monotonic()
    with pytest.raises(ApiUnavailable):
        ask(f"{address}/{path}")
    assert time.monotonic() - started < 2


def test_nobody_there_is_to_be_tried_again() -> None:
    with pytest.raises(ApiUnavailable):
        ask("http://127.0.0.1:9/")


def test_plain_http_is_refused_outside_tests(address: str) -> None:
    with pytest.raises(ApiRefused):
        HttpClient(timeout=timedelta(seconds=1), max_bytes=10).request("GET", address, hosts={"127.0.0.1"})


def test_a_wait_may_be_asked_for_in_seconds_or_by_date() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)
    found = _retry_after(at)
    assert found is not None
    assert timedelta(minutes=4) < found <= timedelta(minutes=5)
    assert _retry_after("99999999999999999999") == timedelta(hours=6)
    assert _retry_after(format_datetime(datetime(2020, 1, 1, tzinfo=UTC))) == timedelta()
    assert _retry_after("") is None
