"""The steps of handing a message to a mail server, in their order, each with what an error in it means.

Until the closing dot was sent the server can't have the message: every error before it is harmless to try again.
Between the dot and the reply it may have it (RFC 1047; RFC 5321, 6.1): only there an error is Uncertain.
"""

import re
import smtplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from services.reporting.channels.smtp import said
from services.reporting.channels.smtp.relay import Relay
from services.reporting.core.channel import Uncertain, Undeliverable

_CLOSING_DOT = b"\r\n.\r\n"
_TOO_LARGE = 552
_GO_AHEAD = 354


def connect(relay: Relay) -> smtplib.SMTP:
    """A connection on which the server has greeted us."""
    with _away("no connection to the mail server"):
        open_connection: Callable[..., smtplib.SMTP] = smtplib.SMTP
        if relay.tls_from_start:
            open_connection = partial(smtplib.SMTP_SSL, context=relay.tls())
        return open_connection(relay.host, relay.port, timeout=relay.timeout)


def secure(server: smtplib.SMTP, relay: Relay) -> None:
    """EHLO, TLS where it is to be had, and the login."""
    with _away("the mail server did not accept the connection"):
        server.ehlo_or_helo_if_needed()
        is_secure = relay.tls_from_start
        if not is_secure and relay.starttls != "never" and server.has_extn("starttls"):
            server.starttls(context=relay.tls())
            server.ehlo()
            is_secure = True
        if relay.starttls == "required" and not is_secure:
            raise said.away("the mail server does not offer STARTTLS, which TALENTLINE_MAIL_URL requires")
        if relay.user:
            if not is_secure and relay.starttls != "never":
                raise said.away("the password is not sent without TLS; use smtps:// or a server with STARTTLS")
            server.login(relay.user, relay.password)


def mail(server: smtplib.SMTP, sender: str, size: int) -> None:
    """MAIL FROM, with the message's size. A sender that is refused is a setting to correct: no message is to blame."""
    with _away("the mail server was lost before the message was sent"):
        code, words = server.mail(sender, [f"size={size}"] if server.has_extn("size") else [])
    if code == _TOO_LARGE:
        raise Undeliverable(said.in_one_line(code, words))
    if code != 250:
        raise said.away("the mail server refused the sender", code, words)


def rcpt(server: smtplib.SMTP, recipient: str) -> None:
    """RCPT TO the person. 552 (a full mailbox) is for good, 452 (a full server) for now, as their first digits say."""
    with _away("the mail server was lost before the message was sent"):
        code, words = server.rcpt(recipient)
    if code not in {250, 251}:
        raise said.refused(code, words)


def archive_rcpt(server: smtplib.SMTP, address: str) -> None:
    """RCPT TO the archive mailbox. Without it there would be no proof later on, so nothing is sent at all."""
    with _away("the mail server was lost before the message was sent"):
        code, words = server.rcpt(address)
    if code not in {250, 251}:
        raise said.away("the mail server refused the archive mailbox", code, words)


def announce(server: smtplib.SMTP) -> None:
    """DATA. The server says 354: it waits for the message."""
    with _away("the mail server was lost before the message was sent"):
        code, words = server.docmd("DATA")
    if code != _GO_AHEAD:
        raise said.refused(code, words)


def body(server: smtplib.SMTP, content: bytes) -> None:
    """The message without its closing dot."""
    stuffed = re.sub(rb"(?m)^\.", b"..", content.removesuffix(b"\r\n"))
    with _away("the mail server was lost while the message was being sent"):
        server.send(stuffed)


def dot(server: smtplib.SMTP) -> None:
    """The closing dot: from now on the server may have the message."""
    with _uncertain():
        server.send(_CLOSING_DOT)


def reply(server: smtplib.SMTP) -> str:
    """The server's answer to the message: 2yz took it, 4yz and 5yz did not. Anything else answers nothing."""
    with _uncertain():
        code, words = server.getreply()
    if 200 <= code < 300:
        return said.in_one_line(code, words)
    if not 400 <= code < 600:
        raise Uncertain("the mail server's answer to the message could not be understood")
    raise said.refused(code, words)


def goodbye(server: smtplib.SMTP) -> None:
    """The message's fate is settled by now, so what the server says does not matter."""
    with suppress(OSError, smtplib.SMTPException):
        server.quit()


@contextmanager
def _away(what: str) -> Iterator[None]:
    """Translates what the library and the network raise, where the server can't have taken the message."""
    try:
        yield
    except smtplib.SMTPResponseException as error:
        words = error.smtp_error
        raise said.away(what, error.smtp_code, words if isinstance(words, bytes) else words.encode()) from error
    except (OSError, smtplib.SMTPException, UnicodeError) as error:
        raise said.away(f"{what} ({type(error).__name__})") from error


@contextmanager
def _uncertain() -> Iterator[None]:
    try:
        yield
    except (OSError, smtplib.SMTPException) as error:
        raise Uncertain("contact with the mail server was lost after the message was handed over") from error
