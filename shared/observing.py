"""What the program tells whoever watches it: facts with plain values, each told once it has happened.

The bus and the services know neither metrics nor traces: they `tell`, and `deploy.telemetry` decides who listens.
Nobody does by default. A fact holds ids, counts, seconds and our own words; never a name, an address or a comment.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import structlog

from shared.ids import CorrelationId, EventId
from shared.words import Service

log = structlog.get_logger()


class Outcome(StrEnum):
    """How an attempt at a delivery ended."""

    DONE = "done"
    TRANSIENT = "transient"
    """It failed in a way that may pass, and waits for the next attempt."""
    FAILED = "failed"
    """It failed in a way nobody foresaw, and waits for the next attempt."""
    SNOOZED = "snoozed"
    """What it needs is shut or taken: it waits, and no attempt was spent."""
    PARKED = "parked"
    """It needs a person."""
    FENCED = "fenced"
    """Another worker had taken it over: nothing of this attempt was kept."""


class Answer(StrEnum):
    """What a webhook was told, in a word."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REPLIED = "replied"
    """The vendor only asked whether anybody is there."""
    REFUSED = "refused"
    """Not for us: a wrong signature, an unknown connection, a method or a size that we do not take (4xx)."""
    UNAVAILABLE = "unavailable"
    """It can't be taken at present (503): the sender comes again."""
    FAILED = "failed"
    """It went wrong on our side (500)."""


@dataclass(frozen=True, slots=True)
class Step:
    """One attempt of a service at an event: where in a chain of causes something happened."""

    event: str
    event_id: EventId
    correlation: CorrelationId
    service: Service
    attempt: int
    claim: int
    """The fence: it tells two claims of one attempt apart, since a snooze gives its attempt back."""


@dataclass(frozen=True, slots=True)
class Attempted:
    """A service has tried to handle an event. `reason`: what went wrong, as `explained`; None if nothing did."""

    step: Step
    outcome: Outcome
    seconds: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Acted:
    """An effect has reached outside, or has tried to (`reason` as in `Attempted`)."""

    step: Step
    seconds: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """An event was committed. `within`: the step that published it; `causation`: the event that it follows from, which
    may be long ago, as with a timer. Both are None at the start of a chain.
    """

    event: str
    event_id: EventId
    correlation: CorrelationId
    causation: EventId | None = None
    within: Step | None = None


@dataclass(frozen=True, slots=True)
class WebhookAnswered:
    """A webhook was answered. `vendor`: a name of ours, or `unknown`; `correlation`: of the chain that it began."""

    vendor: str
    answer: Answer
    seconds: float
    correlation: CorrelationId | None = None


@dataclass(frozen=True, slots=True)
class Requested:
    """A coordinator's request over HTTP has begun a chain: an `upload` or a `run`."""

    what: str
    seconds: float
    correlation: CorrelationId


@dataclass(frozen=True, slots=True)
class MailTried:
    """A mail was handed to a channel. `outcome`: the message's state after it, or `unavailable`."""

    channel: str
    outcome: str
    seconds: float
    within: Step | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """The door has committed so many submissions in one transaction."""

    size: int


@dataclass(frozen=True, slots=True)
class RingFailed:
    """The doorbell could not be rung. It costs time only."""


@dataclass(frozen=True, slots=True)
class LeaseNotRenewed:
    """A worker could not extend its leases; its work may pass to others."""


@dataclass(frozen=True, slots=True)
class Swept:
    """A sweeper has looked for what is due, and has done so many deliveries that no ring had brought."""

    done: int


Fact = (
    Attempted
    | Acted
    | Published
    | WebhookAnswered
    | Requested
    | MailTried
    | Committed
    | RingFailed
    | LeaseNotRenewed
    | Swept
)
Observer = Callable[[Fact], None]
"""Called in the thread in which the fact happened, so it must be quick and safe in threads."""

_observers: tuple[Observer, ...] = ()


def listen(*observers: Observer) -> None:
    """From now on tell these, and nobody else, whatever happens in this process."""
    global _observers  # noqa: PLW0603  (one process has one set of watchers, as it has one log)
    _observers = observers


def tell(fact: Fact) -> None:
    """Tell whoever watches. Never raises: what is watched must not depend on who watches."""
    for observer in _observers:
        try:
            observer(fact)
        except Exception as error:  # noqa: BLE001  (see above)
            log.warning("observer.failed", fact=type(fact).__name__, error=type(error).__name__)


_in_hand: ContextVar[Mapping[EventId, Step]] = ContextVar("in_hand", default=MappingProxyType({}))


@contextmanager
def in_hand(steps: Sequence[Step]) -> Iterator[None]:
    """What this thread does while the block runs: attempts at these events, one of them or several together."""
    token = _in_hand.set({step.event_id: step for step in steps})
    try:
        yield
    finally:
        _in_hand.reset(token)


def step_at(event: EventId | None) -> Step | None:
    """The attempt at this event that this thread is in the midst of; None if it is not."""
    return _in_hand.get().get(event) if event is not None else None


def present_step() -> Step | None:
    """The one attempt that this thread is in the midst of; None outside of one."""
    steps = list(_in_hand.get().values())
    return steps[0] if len(steps) == 1 else None
