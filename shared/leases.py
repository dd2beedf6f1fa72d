"""Leases of the deliveries that this process holds, renewed by one thread for as long as the work goes on.

A process that is paused or dead renews nothing, so its deliveries pass to others when the lease is over.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import sqlalchemy as sa
import structlog

from shared.bus import deliveries
from shared.claims import Claim
from shared.company import Company
from shared.db import Database, database_now
from shared.errors import TransientError
from shared.ids import DeliveryId
from shared.observing import LeaseNotRenewed, tell

log = structlog.get_logger()

LEASE = timedelta(seconds=30)
"""How long a worker may be silent before its deliveries pass to others."""


class Leases:
    """The deliveries held by this process, each for `length`. `start` renews them in the background until `stop`."""

    def __init__(self, db: Database, length: timedelta = LEASE) -> None:
        self.length = length
        self.company = Company()
        """Which of the deliveries that this process holds may be in hand at the same time."""
        self._db = db
        self._held: dict[DeliveryId, int] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="leases", daemon=True)

    @contextmanager
    def kept(self, held: Sequence[Claim]) -> Iterator[None]:
        """Keep these leases while the block runs."""
        with self._lock:
            self._held.update({each.id: each.fence for each in held})
        try:
            yield
        finally:
            with self._lock:
                for each in held:
                    self._held.pop(each.id, None)

    def renew(self) -> None:
        """Extend every lease that is still ours. Raises DatabaseUnavailable.

        A row that a transaction of ours has locked needs none, as nobody else can take it; to wait for it would let the
        other leases run out.
        """
        with self._lock:
            held = dict(self._held)
        d = deliveries.c
        each = [sa.and_(d.id == delivery, d.fence == fence) for delivery, fence in sorted(held.items())]
        if not each:
            return
        ours = sa.select(d.id).where(d.state == "running", sa.or_(*each)).with_for_update(skip_locked=True)
        extended = sa.update(deliveries).where(d.id.in_(ours)).values(lease_until=database_now(self.length))
        with self._db.write() as uow:
            uow.execute(extended)

    def start(self) -> None:
        """Renew in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Renew no more; what is still held passes to others when its lease is over."""
        self._stopping.set()
        self._thread.join(timeout=5)

    @property
    def alive(self) -> bool:
        """Whether leases are still being renewed in the background."""
        return self._thread.is_alive()

    def _keep(self) -> None:
        while not self._stopping.wait(self.length.total_seconds() / 3):
            try:
                self.renew()
            except TransientError as error:
                log.warning("leases.not_renewed", reason=str(error))
                tell(LeaseNotRenewed())
