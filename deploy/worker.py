"""A worker process: answers the doorbell of its services, and sweeps for them, until it is told to stop."""

import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import dramatiq
import structlog

from deploy.composition import Installation
from deploy.jobs import JOBS
from shared import delivery
from shared.broker import declare
from shared.errors import TalentlineError, TransientError
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
PULSE_S = 5.0


class ThreadLost(TalentlineError):
    """A thread that the worker can't do without has ended by a programming error."""


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
    well = _watch(installation.settings.pulse_file, stopping, sweeper, leases)
    log.info("worker.stopping")
    if bell:
        bell.stop(timeout=int(DRAIN.total_seconds() * 1000))
    sweeper.stop(DRAIN)
    leases.stop()
    db.close()
    log.info("worker.stopped")
    if not well:
        raise ThreadLost("a thread of this worker has died, see its log; a supervisor starts the worker again")


def _watch(pulse: Path | None, stopping: threading.Event, sweeper: Sweeper, leases: Leases) -> bool:
    """Wait to be told to stop, touching `pulse` while all is well. False if a thread died: better a new worker."""
    while True:
        if not (sweeper.alive and leases.alive):
            log.critical("worker.thread_lost")
            return False
        if pulse:
            pulse.touch()
        if stopping.wait(PULSE_S):
            return True


def _answering(
    installation: Installation, handlers: Mapping[Service, Handlers], leases: Leases
) -> dramatiq.Worker | None:
    """A started dramatiq worker on the services' queues; None without a queue server."""
    if installation.broker is None:
        return None
    for service, what in handlers.items():
        declare(installation.broker, service, _deliverer(installation, service, what, leases))
    bell = dramatiq.Worker(
        installation.broker,
        queues={str(service) for service in handlers},
        worker_threads=THREADS,
        worker_timeout=POLL_MS,
    )
    bell.start()
    return bell


def _deliverer(installation: Installation, service: Service, handlers: Handlers, leases: Leases) -> Callable[..., None]:
    def deliver(*rung: DeliveryId) -> None:
        try:
            delivery.run_many(installation.db, service, rung, handlers, leases)
        except TransientError as error:
            log.warning("delivery.postponed", deliveries=rung, reason=str(error))

    return deliver


def _signalled() -> threading.Event:
    stopping = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    return stopping
