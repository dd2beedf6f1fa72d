"""A mail server as a way out: SMTP (RFC 5321), with STARTTLS (RFC 3207) or TLS from the start (RFC 8314).

SMTP has no key that makes a repeated message harmless, so `exact_once` is false. What an error means depends on how far
the conversation had come; the stages below keep that apart. Until the closing dot was sent the server can't have taken
the message; between the dot and the answer it may have.
"""

import re
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

from services.reporting.core.channel import ChannelUnavailable, OutgoingMessage, Receipt, Uncertain, Undeliverable

_OPTIONS = {"starttls", "timeout", "ca"}
_STARTTLS = ("offered", "required", "never")
_CLOSING_DOT = b"\r\n.\r\n"
_ADDRESS = re.compile(r"<?[^\s<>]*@[^\s<>,;:]*>?")


@dataclass(frozen=True, slots=True)
class SmtpChannel:
    """Address: `smtp://[user:password@]host[:port][?options]`, or `smtps://…` for TLS from the start.

    Ports default to 25, 587 with a user, 465 for smtps. Options: `starttls` = `offered` (default: used where the server
    offers it), `required` or `never`; `timeout` in seconds for each step (20); `ca`: a file with the authority that
    signed the server's certificate. A password is never sent in the clear unless `starttls=never` says so.
    """

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    tls_from_start: bool = False
    starttls: str = "offered"
    timeout: float = 20.0
    ca: str | None = None
    exact_once: ClassVar[bool] = False

    @classmethod
    def of_url(cls, url: str) -> "SmtpChannel":
        """The channel of an address. Raises ValueError with what is wrong; it does not repeat the password."""
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        starttls = options.get("starttls", "offered")
        if not parts.hostname:
            raise ValueError("give the mail server, such as smtp://relay.example.org:587")
        if set(options) - _OPTIONS or starttls not in _STARTTLS:
            raise ValueError(f"options are {', '.join(sorted(_OPTIONS))}; starttls is one of {', '.join(_STARTTLS)}")
        is_tls = parts.scheme == "smtps"
        return cls(
            host=parts.hostname,
            port=_port(parts.port, is_tls=is_tls, has_user=bool(parts.username)),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls_from_start=is_tls,
            starttls=starttls,
            timeout=float(options.get("timeout", "20")),
            ca=options.get("ca"),
        )

    def send(self, message: OutgoingMessage) -> Receipt:
        """Hand the message to the server. Raises Undeliverable, ChannelUnavailable or Uncertain."""
        with self._session() as server:
            _address(server, message)
            _announce(server)
            _transmit(server, message.content)
            return Receipt("smtp", _close(server))

    def check(self) -> None:
        """Connect and log in, without sending anything. Raises ChannelUnavailable."""
        with self._session():
            pass

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        with _unavailable("no connection to the mail server"):
            server = self._connected()
        try:
            with _unavailable("the mail server did not accept the connection"):
                self._secured(server)
            yield server
            _say_goodbye(server)
        finally:
            server.close()

    def _connected(self) -> smtplib.SMTP:
        connect: Callable[..., smtplib.SMTP] = smtplib.SMTP
        if self.tls_from_start:
            connect = partial(smtplib.SMTP_SSL, context=self._tls())
        return connect(self.host, self.port, timeout=self.timeout)

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca)

    def _secured(self, server: smtplib.SMTP) -> None:
        server.ehlo_or_helo_if_needed()
        is_secure = self.tls_from_start
        if not is_secure and self.starttls != "never" and server.has_extn("starttls"):
            server.starttls(context=self._tls())
            server.ehlo()
            is_secure = True
        if self.starttls == "required" and not is_secure:
            raise ChannelUnavailable("the mail server does not offer STARTTLS, which TALENTLINE_MAIL_URL requires")
        if self.user:
            if not is_secure and self.starttls != "never":
                raise ChannelUnavailable("the password is not sent without TLS; use smtps:// or a server with STARTTLS")
            server.login(self.user, self.password)


def _port(given: int | None, *, is_tls: bool, has_user: bool) -> int:
    if given is not None:
        return given
    if is_tls:
        return smtplib.SMTP_SSL_PORT
    return 587 if has_user else smtplib.SMTP_PORT


# ------------------------------------------------------------------------------------------------ stages of sending


def _address(server: smtplib.SMTP, message: OutgoingMessage) -> None:
    """Sender and recipient. Refusing the recipient for good is about this message; refusing the sender is not."""
    with _unavailable("the mail server was lost before the message was sent"):
        code, words = server.mail(message.sender, _size(server, message.content))
    if code == 552:
        raise Undeliverable(_said(code, words))
    if code != 250:
        raise ChannelUnavailable(f"the mail server refused the sender: {_said(code, words)}")
    with _unavailable("the mail server was lost before the message was sent"):
        code, words = server.rcpt(message.recipient)
    if code not in {250, 251}:
        raise _refusal(code, words)


def _size(server: smtplib.SMTP, content: bytes) -> list[str]:
    return [f"size={len(content)}"] if server.has_extn("size") else []


def _announce(server: smtplib.SMTP) -> None:
    with _unavailable("the mail server was lost before the message was sent"):
        code, words = server.docmd("DATA")
    if code != 354:
        raise _refusal(code, words)


def _transmit(server: smtplib.SMTP, content: bytes) -> None:
    """The message without its closing dot: whatever goes wrong here, the server has not taken it."""
    stuffed = re.sub(rb"(?m)^\.", b"..", content.removesuffix(b"\r\n"))
    with _unavailable("the mail server was lost while the message was being sent"):
        server.send(stuffed)


def _close(server: smtplib.SMTP) -> str:
    """The closing dot and the server's answer. Losing contact in between leaves it open whether it has the message."""
    try:
        server.send(_CLOSING_DOT)
        code, words = server.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise Uncertain("contact with the mail server was lost after the message was handed over") from error
    if code != 250:
        raise _refusal(code, words)
    return _said(code, words)


# ----------------------------------------------------------------------------------------------------- what was said


def _refusal(code: int, words: bytes) -> Undeliverable | ChannelUnavailable:
    """5yz is for good, everything else for now (RFC 5321, 4.2.1)."""
    said = _said(code, words)
    return Undeliverable(said) if 500 <= code < 600 else ChannelUnavailable(f"the mail server put it off: {said}")


def _said(code: int, words: bytes) -> str:
    """The server's words in one line, without addresses.

    >>> _said(550, b"5.1.1 <ffion@example.org>: no such user")
    '550 5.1.1 [address]: no such user'
    """
    text = " ".join(words.decode("utf-8", "replace").split())
    return f"{code} {_ADDRESS.sub('[address]', text)}"[:300]


@contextmanager
def _unavailable(what: str) -> Iterator[None]:
    """Translates what the library and the network raise; only where the server can't have taken the message."""
    try:
        yield
    except smtplib.SMTPResponseException as error:
        words = error.smtp_error
        said = _said(error.smtp_code, words if isinstance(words, bytes) else words.encode())
        raise ChannelUnavailable(f"{what}: {said}") from error
    except (OSError, smtplib.SMTPException, UnicodeError) as error:
        raise ChannelUnavailable(f"{what} ({type(error).__name__})") from error


def _say_goodbye(server: smtplib.SMTP) -> None:
    """The message's fate is settled by now, so what the server says does not matter."""
    with suppress(OSError, smtplib.SMTPException):
        server.quit()
