"""A mail server as a way out: SMTP (RFC 5321), with STARTTLS (RFC 3207) or TLS from the start (RFC 8314).

SMTP has no key that makes a repeated message harmless, so `exact_once` is false. With an archive mailbox
(`archive.py`) it can be found out later whether a message was taken. What an error means depends on how far the
conversation had come: see `steps.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from smtplib import SMTP
from typing import ClassVar

from services.reporting.channels.smtp import steps
from services.reporting.channels.smtp.archive import Archive
from services.reporting.channels.smtp.relay import Relay
from services.reporting.core.channel import HandingOver, OutgoingMessage, Proof, Receipt, named


@dataclass(frozen=True, slots=True)
class SmtpChannel:
    """A mail server, and the mailbox that gets a copy of everything, if there is one."""

    relay: Relay
    archive: Archive | None = None
    exact_once: ClassVar[bool] = False

    @classmethod
    def of_url(cls, url: str, archive: str | None = None) -> "SmtpChannel":
        """The channel of an address (see `Relay`), with the archive of another (see `Archive`). Raises ValueError."""
        return cls(Relay.of_url(url), Archive.of_url(archive) if archive else None)

    @property
    def name(self) -> str:
        """Its own for each archive mailbox."""
        place = (self.archive.host, self.archive.folder, self.archive.address) if self.archive else ()
        return named("smtp", *place)

    @property
    def has_proof(self) -> bool:
        """Only an archive mailbox tells."""
        return self.archive is not None

    def lane(self, recipient: str) -> str:
        """Mail of one domain goes by a way of its own: one that is slow or greylists holds nobody else up."""
        return f"mail:{recipient.rpartition('@')[2].lower()}"[:200]

    def send(self, message: OutgoingMessage, handing_over: HandingOver) -> Receipt:
        """Hand the message to the server, after `handing_over`, which is called while it waits for the text."""
        with self._session() as server:
            steps.mail(server, message.sender, len(message.content))
            steps.rcpt(server, message.recipient)
            if self.archive:
                steps.archive_rcpt(server, self.archive.address)
            steps.announce(server)
            handing_over()
            steps.body(server, message.content)
            steps.dot(server)
            return Receipt(steps.reply(server))

    def proof(self, key: str, since: datetime) -> Proof:  # noqa: ARG002  (the mailbox knows the message by its key)
        """Whether the message is in the archive mailbox. Raises ChannelAway if that can't be asked."""
        if self.archive is None:
            return Proof.UNKNOWN
        return Proof.ARRIVED if self.archive.holds(key) else Proof.ABSENT

    def check(self) -> None:
        """Connect and log in, to the archive mailbox as well, without sending anything. Raises ChannelAway."""
        with self._session():
            pass
        if self.archive:
            self.archive.check()

    @contextmanager
    def _session(self) -> Iterator[SMTP]:
        """A session that is ready for a message. What goes wrong in it ends it at once: no dot is sent, no QUIT."""
        server = steps.connect(self.relay)
        try:
            steps.secure(server, self.relay)
            yield server
            steps.goodbye(server)
        finally:
            server.close()
