"""The directory of connections: whom each belongs to, asked of the database about once a second, not for each request.

A connection that the directory does not know is asked of the database at once, so that a cohort opened a moment ago is
reachable; all that wait for such a look share it, so that a flood of unknown names costs one look at a time. A change
of a known one (its vendor, its secret's variable, its removal) counts after `BOUND_S` at the latest.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from services.intake.store import Route, Routes, routes
from shared.db import Database

FRESH_S = 1.0
"""A look at the database is due after so long; meanwhile the last one's answer holds."""
BOUND_S = 5.0
"""No answer is older than this: then requests wait for the look."""


class Directory:
    """The connections of the installation behind `db`."""

    def __init__(self, db: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._monotonic = monotonic
        self._routes = Routes()
        self._looked_at = float("-inf")
        self._lock = threading.Lock()
        self._next: Future[None] | None = None
        """A look that has not begun."""
        self._looking = False

    async def find(self, name: str) -> Route | None:
        """Where a connection leads; None for an unknown one. Raises DatabaseUnavailable."""
        route = self._routes.of.get(name)
        age = self._monotonic() - self._looked_at
        if route is None or age > BOUND_S:
            await asyncio.wrap_future(self._look())
            return self._routes.of.get(name)
        if age > FRESH_S and not self._looking:
            self._look()
        return route

    def _look(self) -> "Future[None]":
        """A look at the database that begins after this call; one for all who ask before it begins."""
        with self._lock:
            if self._next is None:
                self._next = Future()
                if not self._looking:
                    self._looking = True
                    threading.Thread(target=self._run, name="directory", daemon=True).start()
            return self._next

    def _run(self) -> None:
        while True:
            with self._lock:
                look, self._next = self._next, None
                self._looking = look is not None
            if look is None:
                return
            at = self._monotonic()
            try:
                with self._db.read() as connection:
                    self._routes = routes(connection, self._routes)
            except Exception as error:  # noqa: BLE001  (whoever waits gets it)
                look.set_exception(error)
            else:
                self._looked_at = at
                look.set_result(None)
