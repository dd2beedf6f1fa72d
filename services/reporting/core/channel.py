"""What a way out is: the protocol that every channel in `services.reporting.channels` keeps, and its errors.

The error's type decides what happens next: ChannelUnavailable is tried again, Undeliverable is recorded and not tried
again, Uncertain is never tried again by itself, because the mail may have arrived.
"""

from dataclasses import dataclass
from typing import Protocol

from shared.errors import PermanentError, TalentlineError, TransientError


class ChannelError(TalentlineError):
    """Whatever can be wrong with a way out."""


class Undeliverable(ChannelError, PermanentError):
    """The other side refused this message for good, such as an unknown mailbox. `words` hold no address."""

    def __init__(self, words: str) -> None:
        super().__init__(f"the message was refused: {words}")
        self.words = words


class ChannelUnavailable(ChannelError, TransientError):
    """The other side can't be reached or asks to come back later. It has not taken the message."""


class Uncertain(ChannelError, PermanentError):
    """Contact was lost after the message was handed over and before the answer: it may have arrived, or not."""


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message as it goes over the wire. `key` is its Message-ID, the same at every attempt."""

    key: str
    sender: str
    """The envelope's sender: an address without a name."""
    recipient: str
    content: bytes
    """RFC 5322, with CRLF line ends."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the other side said when it took the message; holds no address."""

    channel: str
    words: str


class Channel(Protocol):
    """A way out. `send` may be called again with the same key after a crash."""

    @property
    def exact_once(self) -> bool:
        """Whether sending the same key again is harmless: one message, however often."""

    def send(self, message: OutgoingMessage) -> Receipt:
        """Hand the message over. Raises Undeliverable, ChannelUnavailable or Uncertain, nothing else."""

    def check(self) -> None:
        """Find out whether messages could be sent now, without sending one. Raises ChannelUnavailable."""
