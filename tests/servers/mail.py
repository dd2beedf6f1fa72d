"""A real mail server in a thread, which takes, refuses, puts off, stalls or hangs up at a chosen moment."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

TLS = Path(__file__).parents[1] / "samples" / "tls"
USER, PASSWORD = "relay", "pass:word@/?"


@dataclass
class Postbox:
    """What the server does, by the moment; without an answer it takes the message."""

    mail: str = ""
    rcpt: str = ""
    announce: str = ""
    """The answer to DATA, instead of 354."""
    data: str = ""
    """The answer to the message."""
    refused: str = ""
    """The address that `rcpt` is the answer to; every one, if none is named."""
    stall: str = ""
    """The moment (`mail`, `rcpt`, `announce` or `data`) at which it says nothing any more."""
    hang_up: str = ""
    """The moment at which it closes the connection; at `data` it has the message."""
    meanwhile: dict[str, Callable[[], None]] = field(default_factory=dict)
    """What else happens at a moment, before it answers."""
    mailboxes: dict[str, Callable[[bytes], None]] = field(default_factory=dict)
    """Where messages to some addresses are put."""
    taken: list[bytes] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    secured: list[bool] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802  (the library's names)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """MAIL FROM."""
        await self.moment("mail", server)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.mail or "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """RCPT TO."""
        await self.moment("rcpt", server)
        answer = self.rcpt if self.refused in {"", address} else ""
        if not answer or answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """The message and its closing dot have come."""
        assert isinstance(envelope.content, bytes)
        if not self.data:
            self.taken.append(envelope.content)
            self.senders.append(envelope.mail_from or "")
            self.recipients.extend(envelope.rcpt_tos)
            self.secured.append(_transport(server).get_extra_info("sslcontext") is not None)
            for address in set(envelope.rcpt_tos) & self.mailboxes.keys():
                self.mailboxes[address](envelope.content)
        await self.moment("data", server)
        return self.data or "250 2.0.0 taken as 4711"

    async def moment(self, name: str, server: SMTP) -> None:
        """Stall or hang up, if this is the moment."""
        if name in self.meanwhile:
            await asyncio.to_thread(self.meanwhile[name])
        if self.stall == name:
            await asyncio.sleep(30)
        if self.hang_up == name:
            _transport(server).abort()
            await asyncio.sleep(30)


class _Server(SMTP):
    """The library's server, with a say in the answer to DATA."""

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        """DATA, before any of the message has come."""
        postbox = self.event_handler
        await postbox.moment("announce", self)
        if postbox.announce:
            await self.push(postbox.announce)
        else:
            await super().smtp_DATA(arg)


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Server(self.handler, **self.SMTP_kwargs)


class MailServer:
    """A mail server on a free port of this machine. `tls`: none, `start` (STARTTLS offered) or `always`."""

    def __init__(self, postbox: Postbox | None = None, tls: str = "none", *, login: bool = False) -> None:
        self.postbox = postbox or Postbox()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        more: dict[str, Any] = {"ssl_context": tls_context()} if tls == "always" else {}
        more |= {"tls_context": tls_context()} if tls == "start" else {}
        if login:
            more |= {"authenticator": _authenticate, "auth_require_tls": tls == "start", "auth_required": True}
        self._controller = _Controller(self.postbox, hostname="127.0.0.1", port=self.port, ready_timeout=20, **more)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        loop = self._controller.loop
        loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(loop)])
        self._controller.stop(no_assert=True)


class HangUp:
    """A mail server that closes the connection in the middle of the first message, and keeps what came of it."""

    def __init__(self, after_bytes: int) -> None:
        self.after_go_ahead = b""
        self._limit = after_bytes
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._thread = threading.Thread(target=self._talk, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
        self._listening.close()

    def wait(self) -> None:
        """Until the conversation is over."""
        self._thread.join(30)

    def _talk(self) -> None:
        connection, _ = self._listening.accept()
        with connection, connection.makefile("rwb", buffering=0) as file:
            connection.settimeout(30)
            file.write(b"220 here\r\n")
            for line in iter(file.readline, b""):
                if line.upper().startswith(b"DATA"):
                    file.write(b"354 go ahead\r\n")
                    break
                file.write(b"250 OK\r\n")
            while len(self.after_go_ahead) < self._limit and (came := file.read(4096)):
                self.after_go_ahead += came


def _transport(server: SMTP) -> asyncio.Transport:
    assert isinstance(server.transport, asyncio.Transport)
    return server.transport


def tls_context() -> ssl.SSLContext:
    """What a server of these tests shows: a certificate for localhost."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(TLS / "localhost.pem", TLS / "localhost.key")
    return context


def _authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, said: Any) -> AuthResult:
    known = isinstance(said, LoginPassword) and said == LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=known)
