"""What a process counts of its own work. Every label has few values, all of them ours: no id, no address, no domain,
no name that a stranger chose.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from services.intake.vendors import VENDORS
from services.reporting.channels import CHANNELS
from shared.events import EVENTS
from shared.observing import (
    Acted,
    Answer,
    Attempted,
    Committed,
    Fact,
    LeaseNotRenewed,
    MailTried,
    Outcome,
    RingFailed,
    Swept,
    WebhookAnswered,
)
from shared.words import Service

OTHER = "other"
"""What stands for a name that this version does not know, so that nobody can make new series."""
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500)


class Metrics:
    """The counters of one process; `seen` is the observer that keeps them."""

    def __init__(self, role: str, services: Sequence[Service] = ()) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        working = Gauge(
            "talentline_working",
            "1 for each service that this process works for",
            ["role", "service"],
            registry=registry,
        )
        for service in services:
            working.labels(role, service).set(1)
        self._attempts = Counter(
            "talentline_attempts",
            "Attempts at deliveries, by how they ended",
            ["service", "outcome"],
            registry=registry,
        )
        self._handling = Histogram(
            "talentline_handling_seconds",
            "How long an attempt took, from its start to its commit",
            ["service", "event"],
            buckets=SECONDS,
            registry=registry,
        )
        self._acting = Histogram(
            "talentline_acting_seconds",
            "How long an effect's work outside the database took",
            ["service", "event"],
            buckets=SECONDS,
            registry=registry,
        )
        self._webhooks = Counter(
            "talentline_webhooks", "Webhooks, by what they were told", ["vendor", "answer"], registry=registry
        )
        self._answering = Histogram(
            "talentline_webhook_seconds",
            "From a webhook's arrival to its answer",
            ["vendor"],
            buckets=SECONDS,
            registry=registry,
        )
        self._mails = Counter(
            "talentline_mails",
            "Mails handed to a channel, by what became of them",
            ["channel", "outcome"],
            registry=registry,
        )
        self._mailing = Histogram(
            "talentline_mail_seconds", "How long a hand-over took", ["channel"], buckets=SECONDS, registry=registry
        )
        self._batches = Histogram(
            "talentline_commit_batch_size", "Submissions committed in one transaction", buckets=SIZES, registry=registry
        )
        self._rings = Counter("talentline_ring_failures", "The doorbell could not be rung", registry=registry)
        self._leases = Counter("talentline_lease_renewals_failed", "Leases could not be extended", registry=registry)
        self._sweeps = Counter("talentline_sweeps", "Looks of the sweepers for what is due", registry=registry)
        self._swept = Counter(
            "talentline_swept_deliveries", "Deliveries that a sweeper found and did", registry=registry
        )
        self._begin_at_zero(role, services)
        self._on: Mapping[type[Any], Callable[[Any], None]] = {
            Attempted: self._attempted,
            Acted: self._acted,
            WebhookAnswered: self._answered,
            MailTried: self._mailed,
            Committed: lambda fact: self._batches.observe(fact.size),
            RingFailed: lambda _: self._rings.inc(),
            LeaseNotRenewed: lambda _: self._leases.inc(),
            Swept: self._looked,
        }

    def seen(self, fact: Fact) -> None:
        """Count a fact; one that nobody counts is passed over."""
        count = self._on.get(type(fact))
        if count is not None:
            count(fact)

    def _begin_at_zero(self, role: str, services: Sequence[Service]) -> None:
        """A counter that is born at 1 has no increase, so what alerts watch is there from the start."""
        for service in services:
            for outcome in Outcome:
                self._attempts.labels(service, outcome)
        for vendor in (*VENDORS, OTHER) if role == "web" else ():
            for answer in Answer:
                self._webhooks.labels(vendor, answer)

    def _attempted(self, fact: Attempted) -> None:
        self._attempts.labels(fact.step.service, fact.outcome).inc()
        self._handling.labels(fact.step.service, _known(fact.step.event, EVENTS)).observe(fact.seconds)

    def _acted(self, fact: Acted) -> None:
        self._acting.labels(fact.step.service, _known(fact.step.event, EVENTS)).observe(fact.seconds)

    def _answered(self, fact: WebhookAnswered) -> None:
        vendor = _known(fact.vendor, VENDORS)
        self._webhooks.labels(vendor, fact.answer).inc()
        self._answering.labels(vendor).observe(fact.seconds)

    def _mailed(self, fact: MailTried) -> None:
        channel = _known(fact.channel, CHANNELS)
        self._mails.labels(channel, fact.outcome).inc()
        self._mailing.labels(channel).observe(fact.seconds)

    def _looked(self, fact: Swept) -> None:
        self._sweeps.inc()
        self._swept.inc(fact.done)


def _known(name: str, ours: Mapping[str, object]) -> str:
    return name if name in ours else OTHER
