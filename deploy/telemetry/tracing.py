"""Traces from webhook to email: one trace for each chain of events, across all processes.

Nothing is carried along: a trace's id is the chain's correlation id, and each span's id follows from what it is about
(the chain, the event, the claim), so every process knows its parent. Facts are told when they are over, and become
finished spans. To be imported only where the extra `tracing` is installed.
"""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from shared.events import CohortRunRequested, SubmissionReceived
from shared.observing import Acted, Attempted, Fact, MailTried, Outcome, Published, Requested, Step, WebhookAnswered
from shared.words import Service

FLUSH_S = 3.0
"""How long the end of a process may wait for its last spans to leave."""
WENT_WRONG = frozenset({Outcome.TRANSIENT, Outcome.FAILED, Outcome.PARKED})
DOOR = "door"
BEGUN_AT_THE_DOOR = frozenset({SubmissionReceived.name, CohortRunRequested.name})

Values = Mapping[str, str | int]


class Tracing:
    """Sends what is told as spans to an exporter; `seen` is the observer. `close` sends the last ones."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._spans = BatchSpanProcessor(exporter)
        named = (DOOR, *Service)
        self._resources = {
            name: Resource.create({"service.name": f"talentline.{name}", "process.pid": os.getpid()}) for name in named
        }
        self._on: Mapping[type[Any], Callable[[Any], None]] = {
            WebhookAnswered: self._answered,
            Requested: self._requested,
            Published: self._published,
            Attempted: self._attempted,
            Acted: self._acted,
            MailTried: self._mailed,
        }

    def seen(self, fact: Fact) -> None:
        """Make a span of a fact; one that belongs to no chain is passed over."""
        send = self._on.get(type(fact))
        if send is not None:
            send(fact)

    def close(self) -> None:
        """Send what is left, but don't wait for long."""
        closing = threading.Thread(target=self._spans.shutdown, name="traces", daemon=True)
        closing.start()
        closing.join(FLUSH_S)

    def _answered(self, fact: WebhookAnswered) -> None:
        if fact.correlation is None:
            return
        values = {"talentline.vendor": fact.vendor, "talentline.answer": fact.answer}
        self._send("webhook", fact.correlation, ("chain",), None, SpanKind.SERVER, fact.seconds, values)

    def _requested(self, fact: Requested) -> None:
        self._send(fact.what, fact.correlation, ("chain",), None, SpanKind.SERVER, fact.seconds, {})

    def _published(self, fact: Published) -> None:
        where = fact.within.service if fact.within else DOOR
        values = {"messaging.message.id": fact.event_id}
        self._send(
            fact.event,
            fact.correlation,
            ("event", fact.event_id),
            _led_to(fact),
            SpanKind.PRODUCER,
            0,
            values,
            where=where,
        )

    def _attempted(self, fact: Attempted) -> None:
        step = fact.step
        values = {**_about(step), "talentline.outcome": fact.outcome}
        reason = fact.reason or "" if fact.outcome in WENT_WRONG else None
        self._send(
            f"{step.service} {step.event}",
            step.correlation,
            _attempt(step),
            ("event", step.event_id),
            SpanKind.CONSUMER,
            fact.seconds,
            values,
            where=step.service,
            reason=reason,
        )

    def _acted(self, fact: Acted) -> None:
        step = fact.step
        self._send(
            f"{step.service} {step.event} act",
            step.correlation,
            _act(step),
            _attempt(step),
            SpanKind.CLIENT,
            fact.seconds,
            _about(step),
            where=step.service,
            reason=fact.reason,
        )

    def _mailed(self, fact: MailTried) -> None:
        step = fact.within
        if step is None:
            return
        values = {**_about(step), "talentline.channel": fact.channel, "talentline.outcome": fact.outcome}
        self._send(
            f"mail by {fact.channel}",
            step.correlation,
            ("mail", *_act(step)),
            _act(step),
            SpanKind.CLIENT,
            fact.seconds,
            values,
            where=step.service,
        )

    def _send(
        self,
        name: str,
        chain: str,
        own: tuple[str, ...],
        parent: tuple[str, ...] | None,
        kind: SpanKind,
        seconds: float,
        values: Values,
        *,
        where: str = DOOR,
        reason: str | None = None,
    ) -> None:
        """A span that ends now. `own` and `parent` are what their ids follow from; `reason`: what went wrong, if so."""
        end = time.time_ns()
        self._spans.on_end(
            ReadableSpan(
                name,
                context=_context(chain, own),
                parent=None if parent is None else _context(chain, parent),
                resource=self._resources[where],
                attributes=values,
                kind=kind,
                status=Status(StatusCode.UNSET) if reason is None else Status(StatusCode.ERROR, reason),
                start_time=end - int(seconds * 1e9),
                end_time=end,
            )
        )


def _led_to(fact: Published) -> tuple[str, ...] | None:
    """What an event's span hangs on: the attempt that published it, the event that it follows from, the request that
    began the chain; None where it began the chain itself, as a timed job's does.
    """
    if fact.within is not None:
        return _attempt(fact.within)
    if fact.causation is not None:
        return "event", fact.causation
    return ("chain",) if fact.event in BEGUN_AT_THE_DOOR else None


def _attempt(step: Step) -> tuple[str, ...]:
    return "attempt", step.event_id, step.service, str(step.claim)


def _act(step: Step) -> tuple[str, ...]:
    return "act", *_attempt(step)


def _about(step: Step) -> dict[str, str | int]:
    return {
        "messaging.system": "talentline",
        "messaging.destination.name": str(step.service),
        "messaging.message.id": step.event_id,
        "talentline.event": step.event,
        "talentline.attempt": step.attempt,
    }


def _context(chain: str, own: tuple[str, ...]) -> SpanContext:
    return SpanContext(
        trace_id(chain), span_id(chain, *own), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )


def trace_id(chain: str) -> int:
    """The 128 bits of a correlation id.

    >>> f"{trace_id('0193a1b2-c3d4-7000-8000-000000000001'):032x}"
    '0193a1b2c3d470008000000000000001'
    """
    try:
        return UUID(chain).int
    except ValueError:
        return int.from_bytes(hashlib.sha256(chain.encode()).digest()[:16], "big")


def span_id(*parts: str) -> int:
    """64 bits that follow from what a span is about."""
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:8], "big")
