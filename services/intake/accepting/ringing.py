"""Ringing off the sender's path: a queue server that hangs must cost no webhook a moment."""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from shared.ids import DeliveryId
from shared.words import Service

Due = Sequence[tuple[Service, DeliveryId]]

MOST = 20_000
"""Deliveries that may wait for their ring; of more the oldest are left to the sweepers."""


class Ringer:
    """Rings in a thread of its own: everything that became due while it rang is one ring more."""

    def __init__(self, ring: Callable[[Due], None]) -> None:
        self._ring = ring
        self._due: deque[tuple[Service, DeliveryId]] = deque(maxlen=MOST)
        self._wake = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    def ring(self, due: Due) -> None:
        """Ring for these, soon. Never waits for the queue server."""
        if not due:
            return
        with self._wake:
            self._due.extend(due)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ringer", daemon=True)
                self._thread.start()
            self._wake.notify()

    def close(self, patience_s: float = 3.0) -> None:
        """Ring what is left, unless that takes longer than `patience_s`: the sweepers find it."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(patience_s)

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._due or self._closing)
                due = list(self._due)
                self._due.clear()
            if not due:
                return
            self._ring(due)
