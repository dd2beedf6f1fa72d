"""An archive mailbox: second recipient of every message, in the same SMTP transaction.

One answer of the mail server covers both recipients, so what is in the archive was taken for the person as well.
"""

import imaplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qsl, unquote, urlsplit

from imap_tools import AND, BaseMailBox, H, ImapToolsError, MailBox, MailBoxStartTls, MailBoxUnencrypted

from services.reporting.core.channel import ChannelAway

_OPTIONS = {"address", "starttls", "timeout", "ca"}
_COME_AGAIN = timedelta(minutes=1)
_LOST = (OSError, imaplib.IMAP4.error, ImapToolsError)


@dataclass(frozen=True, slots=True)
class Archive:
    """Address: `imaps://user:password@host[:port]/FOLDER?address=archive@example.org`, or `imap://…` with STARTTLS.

    `address` is where messages for the mailbox are sent to. FOLDER is INBOX if none is named. Options: `timeout` in
    seconds (20); `ca` as for the mail server; `starttls=never` for a server on the same machine.
    """

    address: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    tls: str = "start"
    timeout: float = 20.0
    ca: str | None = None

    @classmethod
    def of_url(cls, url: str) -> "Archive":
        """The archive of an address. Raises ValueError with what is wrong; it does not repeat the password."""
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if parts.scheme not in {"imap", "imaps"} or not parts.hostname or not parts.username:
            raise ValueError("give the mailbox as imaps://user:password@host/INBOX?address=archive@example.org")
        if set(options) - _OPTIONS or options.get("starttls", "never") != "never":
            raise ValueError(f"options are {', '.join(sorted(_OPTIONS))}; starttls can be never")
        if options.get("address", "").count("@") != 1 or len(options["address"].split()) != 1:
            raise ValueError("say with ?address= where messages for the archive mailbox are sent to")
        is_tls = parts.scheme == "imaps"
        return cls(
            address=options["address"],
            host=parts.hostname,
            port=parts.port or (993 if is_tls else 143),
            user=unquote(parts.username),
            password=unquote(parts.password or ""),
            folder=unquote(parts.path.strip("/")) or "INBOX",
            tls="always" if is_tls else options.get("starttls", "start"),
            timeout=float(options.get("timeout", "20")),
            ca=options.get("ca"),
        )

    def holds(self, key: str) -> bool:
        """Whether a message of this Message-ID lies in the mailbox. Raises ChannelAway if it can't be asked."""
        with self._opened() as mailbox:
            return bool(mailbox.uids(AND(header=H("Message-ID", key.strip("<>"))), charset=None))

    def check(self) -> None:
        """Log in and open the folder. Raises ChannelAway."""
        with self._opened():
            pass

    @contextmanager
    def _opened(self) -> Iterator[BaseMailBox]:
        try:
            mailbox = self._connected()
            try:
                yield mailbox.login(self.user, self.password, self.folder)
            finally:
                _leave(mailbox)
        except _LOST as error:
            raise ChannelAway(f"the archive mailbox can't be asked ({type(error).__name__})", _COME_AGAIN) from error

    def _connected(self) -> BaseMailBox:
        context = ssl.create_default_context(cafile=self.ca)
        if self.tls == "always":
            return MailBox(self.host, self.port, timeout=self.timeout, ssl_context=context)
        if self.tls == "start":
            return MailBoxStartTls(self.host, self.port, timeout=self.timeout, ssl_context=context)
        return MailBoxUnencrypted(self.host, self.port, timeout=self.timeout)


def _leave(mailbox: BaseMailBox) -> None:
    """Log out, and close the connection even where that fails."""
    with suppress(*_LOST):
        mailbox.logout()
    with suppress(OSError):
        mailbox.client.shutdown()
