"""A real mail server in a thread, which takes, refuses, puts off, stalls or hangs up at a chosen moment."""

import asyncio
import socket
import ssl
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
    data: str = ""
    stall: str = ""
    """The moment (`mail`, `rcpt` or `data`) at which it says nothing any more."""
    hang_up: str = ""
    """The moment at which it closes the connection; at `data` it has the message."""
    taken: list[bytes] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    secured: list[bool] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802  (the library's names)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """MAIL FROM."""
        await self._moment("mail", server)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.mail or "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """RCPT TO."""
        await self._moment("rcpt", server)
        envelope.rcpt_tos.append(address)
        return self.rcpt or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """The message and its closing dot have come."""
        assert isinstance(envelope.content, bytes)
        if not self.data:
            self.taken.append(envelope.content)
            self.senders.append(envelope.mail_from or "")
            self.recipients.extend(envelope.rcpt_tos)
            self.secured.append(_transport(server).get_extra_info("sslcontext") is not None)
        await self._moment("data", server)
        return self.data or "250 2.0.0 taken as 4711"

    async def _moment(self, name: str, server: SMTP) -> None:
        if self.stall == name:
            await asyncio.sleep(30)
        if self.hang_up == name:
            _transport(server).abort()
            await asyncio.sleep(30)


class MailServer:
    """A mail server on a free port of this machine. `tls`: none, `start` (STARTTLS offered) or `always`."""

    def __init__(self, postbox: Postbox | None = None, tls: str = "none", *, login: bool = False) -> None:
        self.postbox = postbox or Postbox()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        more: dict[str, Any] = {"ssl_context": _context()} if tls == "always" else {}
        more |= {"tls_context": _context()} if tls == "start" else {}
        if login:
            more |= {"authenticator": _authenticate, "auth_require_tls": tls == "start", "auth_required": True}
        self._controller = Controller(self.postbox, hostname="127.0.0.1", port=self.port, ready_timeout=20, **more)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        loop = self._controller.loop
        loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(loop)])
        self._controller.stop(no_assert=True)


def _transport(server: SMTP) -> asyncio.Transport:
    assert isinstance(server.transport, asyncio.Transport)
    return server.transport


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(TLS / "localhost.pem", TLS / "localhost.key")
    return context


def _authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, said: Any) -> AuthResult:
    known = isinstance(said, LoginPassword) and said == LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=known)
