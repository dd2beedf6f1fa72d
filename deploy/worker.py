"""A worker process: answers the doorbell of its services, and sweeps for them, until it is told to stop."""

import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import dramatiq
import structlog

from deploy.composition import Installation
from deploy.jobs import JOBS
from shared import delivery
from shared.broker import declare
from shared.errors import TransientError
from shared.handling import Handlers
from shared.ids import DeliveryId
from shared.leases import Leases
from shared.sweeper import Sweeper
from shared.words import Service

log = structlog.get_logger()

THREADS = 4
DRAIN = timedelta(seconds=25)
"""How long what is in hand may take after a stop; shorter than the grace that supervisors and orchestrators give."""
GRACE = timedelta(seconds=1)
"""How long a fresh delivery is left to the doorbell before a sweeper takes it."""
POLL_MS = 100


def work(installation: Installation, services: Sequence[Service], stopping: threading.Event | None = None) -> None:
    """Work for these services until SIGTERM, SIGINT or `stopping`; then finish what is in hand."""
    stopping = stopping or _signalled()
    db = installation.db
    handlers = installation.handlers(services)
    leases = Leases(db, timedelta(seconds=installation.settings.lease_seconds))
    bell = _answering(installation, handlers, leases)
    grace = GRACE if bell else timedelta()
    sweeper = Sweeper(db, handlers, leases, grace=grace, threads=2 if bell else THREADS, jobs=JOBS)
    leases.start()
    sweeper.start()
    log.info("worker.started", services=list(services), doorbell=bell is not None)
    stopping.wait()
    log.info("worker.stopping")
    if bell:
        bell.stop(timeout=int(DRAIN.total_seconds() * 1000))
    sweeper.stop(DRAIN)
    leases.stop()
    db.close()
    log.info("worker.stopped")


def _answering(
    installation: Installation, handlers: Mapping[Service, Handlers], leases: Leases
) -> dramatiq.Worker | None:
    """A started dramatiq worker on the services' queues; None without a queue server."""
    if installation.broker is None:
        return None
    for service, what in handlers.items():
        declare(installation.broker, service, _deliverer(installation, what, leases))
    bell = dramatiq.Worker(
        installation.broker,
        queues={str(service) for service in handlers},
        worker_threads=THREADS,
        worker_timeout=POLL_MS,
    )
    bell.start()
    return bell


def _deliverer(installation: Installation, handlers: Handlers, leases: Leases) -> Callable[[DeliveryId], None]:
    def deliver(each: DeliveryId) -> None:
        try:
            delivery.run(installation.db, each, handlers, leases)
        except TransientError as error:
            log.warning("delivery.postponed", delivery=each, reason=str(error))

    return deliver


def _signalled() -> threading.Event:
    stopping = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    return stopping
