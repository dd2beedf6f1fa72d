"""Where a response came in."""

from dataclasses import dataclass

from shared.words import IdentityBy, Instrument


@dataclass(frozen=True, slots=True)
class Source:
    """Where a response came in: a connection's name, and what it collects."""

    connection: str
    instrument: Instrument
    identity: IdentityBy = IdentityBy.HIDDEN_FIELDS
    """How its responses say who speaks about whom."""
