"""What a mail server says, and what follows from it (RFC 5321, 4.2.1): for good, for now, or about the way as a whole.

A server may say when to come again. There is no field for it in SMTP, so it is read from the words, as greylisting
servers put it.
"""

import re
from datetime import timedelta

from services.reporting.core.channel import ChannelAway, ChannelUnavailable, PutOff, Undeliverable

_ADDRESS = re.compile(r"<?[^\s<>]*@[^\s<>,;:]*>?")
_HOURS = re.compile(r"\b(\d{1,2}):(\d{2}):(\d{2})\b")
_AMOUNT = re.compile(r"\b(?:in|for|after|within)\s+(\d{1,5})\s*(second|sec|s|minute|min|m|hour|h)s?\b", re.IGNORECASE)
_GREYLISTED = re.compile("gr[ae]y-?list", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600}
GREYLISTED_WAIT = timedelta(minutes=5)
"""The usual delay of greylisting (RFC 6647, 5.1 asks servers to stay between a minute and a day)."""
LONGEST_WAIT = timedelta(hours=6)
GOING_DOWN = 421


def refused(code: int, words: bytes) -> Undeliverable | ChannelUnavailable:
    """The other side did not take the message: 5yz for good, 421 whatever the message, anything else for now."""
    said = in_one_line(code, words)
    if code == GOING_DOWN:
        return away("the mail server asks to be left alone", code, words)
    if 500 <= code < 600:
        return Undeliverable(said)
    wait, what = asked_wait(said), f"the mail server put it off: {said}"
    return PutOff(what, wait) if wait else ChannelUnavailable(what)


def away(what: str, code: int = 0, words: bytes = b"") -> ChannelAway:
    """No message can go out now; `what` is the matter, and what the server said of it if it said anything."""
    said = in_one_line(code, words) if code else ""
    return ChannelAway(f"{what}: {said}" if said else what, asked_wait(said))


def in_one_line(code: int, words: bytes) -> str:
    """The server's words in one line, without addresses.

    >>> in_one_line(550, b"5.1.1 <ffion@example.org>: no such user")
    '550 5.1.1 [address]: no such user'
    """
    text = " ".join(words.decode("utf-8", "replace").split())
    return f"{code} {_ADDRESS.sub('[address]', text)}"[:300]


def asked_wait(said: str) -> timedelta | None:
    """How long the server asks to wait; None if it says nothing of it.

    >>> asked_wait("450 4.2.0 Greylisted for 300 seconds"), asked_wait("451 4.7.1 come back in 00:04:59")
    (datetime.timedelta(seconds=300), datetime.timedelta(seconds=299))
    >>> asked_wait("450 4.7.1 Greylisting in action"), asked_wait("451 4.3.0 later")
    (datetime.timedelta(seconds=300), None)
    """
    if clock := _HOURS.search(said):
        hours, minutes, seconds = (int(part) for part in clock.groups())
        return min(timedelta(hours=hours, minutes=minutes, seconds=seconds), LONGEST_WAIT)
    if amount := _AMOUNT.search(said):
        return min(timedelta(seconds=int(amount[1]) * _SECONDS[amount[2][0].lower()]), LONGEST_WAIT)
    return GREYLISTED_WAIT if _GREYLISTED.search(said) else None
