"""The one way out to a vendor's API: one request, with limits on time and size, to a host that was named beforehand.

Redirects are not followed: they could lead a token anywhere. Error messages name host and status, never an address or
a body, which may hold ids, tokens or answers.
"""

import socket
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Self

import httpx

from shared.errors import PermanentError, TransientError
from shared.words import ParkReason

TRY_LATER = frozenset({httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_EARLY, httpx.codes.TOO_MANY_REQUESTS})
LONGEST_WAIT = timedelta(hours=6)
"""The most that another side's Retry-After can ask of us."""


class ApiUnavailable(TransientError):
    """The other side can't answer now: no connection, a time-out, 408, 425, 429, 5xx. Wait for `retry_after`."""


class ApiRefused(PermanentError):
    """The other side refused, or answered what we will not take. `status` is None if no answer was taken."""

    park_reason = ParkReason.VENDOR

    def __init__(self, host: str, what: str, status: int | None = None) -> None:
        super().__init__(f"{host} {what}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx answer. `headers` have names in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)


class HttpClient:
    """Makes requests. `timeout` is for the whole of one request, `max_bytes` for its unpacked answer."""

    def __init__(
        self,
        *,
        timeout: timedelta,
        max_bytes: int,
        transport: httpx.BaseTransport | None = None,
        insecure: bool = False,
    ) -> None:
        """`insecure` allows plain http, for a server on this machine in a test."""
        self._timeout = timeout.total_seconds()
        self._max_bytes = max_bytes
        self._schemes = {"https", "http"} if insecure else {"https"}
        self._transport = transport

    def request(
        self, method: str, url: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"", *, hosts: Iterable[str]
    ) -> Answer:
        """Make one request to one of the `hosts`.

        Raises:
            ApiUnavailable: it may work later.
            ApiRefused: it will not, until somebody changes something.
        """
        host = self._allowed(url, frozenset(hosts))
        plain = [*headers, ("Accept-Encoding", "identity")]
        try:
            with (
                _Deadline(self._timeout) as deadline,
                httpx.Client(timeout=self._timeout, transport=self._transport, trust_env=True) as client,
                client.stream(
                    method, url, headers=plain, content=body or None, extensions={"trace": deadline.notice}
                ) as response,
            ):
                _judge(host, response)
                return Answer(
                    response.status_code, tuple(response.headers.items()), self._read(host, response, deadline)
                )
        except (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError) as error:
            raise ApiUnavailable(f"{host} did not answer ({type(error).__name__})") from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise ApiRefused(host, f"can't be asked ({type(error).__name__})") from None

    def _allowed(self, url: str, hosts: frozenset[str]) -> str:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL:
            raise ApiRefused("the vendor's API", "has no usable address") from None
        if parsed.scheme not in self._schemes or parsed.userinfo or parsed.host not in hosts:
            raise ApiRefused("the vendor's API", "is not at the address that the request named")
        if parsed.scheme == "https" and parsed.port not in {None, 443}:
            raise ApiRefused(parsed.host, "may be asked at its usual port only")
        return parsed.host

    def _read(self, host: str, response: httpx.Response, deadline: "_Deadline") -> bytes:
        body = bytearray()
        for chunk in _unpacked(host, response, self._max_bytes):
            body += chunk
            if len(body) > self._max_bytes:
                raise ApiRefused(host, f"answered more than {self._max_bytes} bytes", response.status_code)
            if deadline.is_over:
                break
        if deadline.is_over:  # also where the body seems whole: it may have no length, and end where we hung up
            raise ApiUnavailable(f"{host} took too long to answer")
        return bytes(body)


class _Deadline:
    """Hangs up when a request's time is over. The client's own time-outs are for each read of a few bytes, so that a
    server which sends the head of its answer drop by drop could hold a worker for hours.
    """

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._hang_up)
        self._timer.daemon = True
        self._socket: socket.socket | None = None
        self._until = time.monotonic() + seconds

    @property
    def is_over(self) -> bool:
        """Whether the time has passed."""
        return time.monotonic() >= self._until

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def notice(self, event: str, info: Mapping[str, Any]) -> None:
        """Hear of the connection that is made, as httpx tells of it."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")

    def _hang_up(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def _unpacked(host: str, response: httpx.Response, most: int) -> Iterator[bytes]:
    """The body, unpacked by a little more than `most` bytes at a time: a few packed bytes may stand for many."""
    packing = response.headers.get("content-encoding", "identity").strip().lower()
    if packing in {"", "identity"}:
        yield from response.iter_bytes()
        return
    if packing not in {"gzip", "deflate"}:
        raise ApiRefused(host, "packed its answer though it was asked not to", response.status_code)
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # either format, by its head
    try:
        for chunk in response.iter_raw():
            yield unpacker.decompress(chunk, most + 1)
    except zlib.error:
        raise ApiRefused(host, "answered what can't be unpacked", response.status_code) from None


def _judge(host: str, response: httpx.Response) -> None:
    status = response.status_code
    if status in TRY_LATER or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise ApiUnavailable(f"{host} answered {status}", _retry_after(response.headers.get("retry-after", "")))
    if not response.is_success:
        raise ApiRefused(host, f"answered {status}", status)


def _retry_after(value: str) -> timedelta | None:
    """How long a Retry-After header asks to wait (seconds or a date, RFC 9110 § 10.2.3); None if it says nothing.

    >>> _retry_after("120"), _retry_after("soon")
    (datetime.timedelta(seconds=120), None)
    """
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=int(value[:9])), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)
    return min(max(wait, timedelta()), LONGEST_WAIT)
