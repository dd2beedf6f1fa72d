"""What a way out is: the protocol that every channel in `services.reporting.channels` keeps, and its errors.

The error's type decides what happens next: ChannelUnavailable is tried again, ChannelAway as well and without spending
an attempt, Undeliverable is recorded and not tried again, Uncertain is settled by the channel's proof or by a person,
because the mail may have arrived.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from shared.errors import PermanentError, Snooze, TalentlineError, TransientError


class ChannelError(TalentlineError):
    """Whatever can be wrong with a way out."""


class Undeliverable(ChannelError, PermanentError):
    """The other side refused this message for good, such as an unknown mailbox. `words` hold no address."""

    def __init__(self, words: str) -> None:
        super().__init__(f"the message was refused: {words}")
        self.words = words


class ChannelUnavailable(ChannelError, TransientError):
    """The other side does not take this message now, and asks to come back later. It has not taken it."""


class PutOff(ChannelUnavailable):
    """The other side takes this message from `retry_after` on, as greylisting does. It says nothing of others."""

    of_lane = False


class ChannelAway(ChannelUnavailable, Snooze):
    """No message can go out: no connection, a wrong password, a sender that is not allowed. None is to blame for it."""


class Uncertain(ChannelError, PermanentError):
    """Contact was lost after the message was handed over and before the answer: it may have arrived, or not."""


class Proof(StrEnum):
    """What a channel knows of a message whose hand-over was cut off."""

    ARRIVED = "arrived"
    ABSENT = "absent"
    """It is not there at the time of asking."""
    UNKNOWN = "unknown"


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

    words: str


HandingOver = Callable[[], None]
"""Notes that the message is being handed over from now on. What it raises means: it must not be."""


class Channel(Protocol):
    """A way out. `send` may be called again with the same key after a crash."""

    @property
    def name(self) -> str:
        """What it is called where messages are stored (20 characters): its kind, then a mark of the place that its
        proof comes from, so that no other place is ever asked.
        """

    @property
    def exact_once(self) -> bool:
        """Whether sending the same key again is harmless: one message, however often."""

    @property
    def has_proof(self) -> bool:
        """Whether `proof` can tell, sooner or later, what became of a message."""

    def lane(self, recipient: str) -> str | None:
        """The name of what it uses outside for a recipient (see `shared.lanes`); None if that is this machine only."""

    def send(self, message: OutgoingMessage, handing_over: HandingOver) -> Receipt:
        """Hand the message over.

        `handing_over` is called once, at the last moment at which the other side can't have the message. If it raises,
        nothing is sent and the error goes through. Raises Undeliverable, ChannelUnavailable or Uncertain else.
        """

    def proof(self, key: str, since: datetime) -> Proof:
        """Whether a message arrived whose hand-over began at `since`. Raises ChannelAway if that can't be asked now."""

    def check(self) -> None:
        """Find out whether messages could be sent now, without sending one. Raises ChannelUnavailable."""


def named(kind: str, *place: str) -> str:
    """A channel's name: its kind, and a mark of the place that its proof comes from.

    >>> named("smtp"), named("folder", "/srv/mail")
    ('smtp', 'folder+b6004db3')
    """
    mark = hashlib.sha256("\n".join(place).encode()).hexdigest()[:8]
    return f"{kind}+{mark}" if place else kind
