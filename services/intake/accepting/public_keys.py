"""Public keys with which senders' platforms sign tokens, as the platforms publish them.

They change every few days, so they are fetched by the door that needs them and kept for an hour. A token that names a
key which is not among them has them fetched anew, at most once a minute, whatever strangers send. While they can't be
had the old ones hold; without any the sender is asked to come again.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog

from shared.errors import TalentlineError
from shared.http_client import HttpClient

log = structlog.get_logger()

FRESH_S = 3600.0
"""So long keys are used without asking."""
PAUSE_S = 60.0
"""So long nobody asks again, however the last time went."""


class PublicKeys:
    """Keys by the address where they are published; each is a vendor's own constant, never taken from a request."""

    def __init__(self, client: HttpClient, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._monotonic = monotonic
        self._kept: dict[str, tuple[str, float]] = {}
        """Address → the keys (a JSON Web Key Set), and when they came."""
        self._asked_at: dict[str, float] = {}
        self._lock = threading.Lock()

    async def of(self, url: str) -> str:
        """The keys; empty if they could never be had."""
        keys, at = self._kept.get(url, ("", float("-inf")))
        return keys if self._monotonic() - at < FRESH_S else await asyncio.to_thread(self._asked, url)

    async def renewed(self, url: str) -> str:
        """The keys as they are now, unless they were asked for a moment ago."""
        return await asyncio.to_thread(self._asked, url)

    def _asked(self, url: str) -> str:
        with self._lock:
            if self._monotonic() - self._asked_at.get(url, float("-inf")) >= PAUSE_S:
                self._asked_at[url] = self._monotonic()
                self._fetch(url)
            return self._kept.get(url, ("", 0.0))[0]

    def _fetch(self, url: str) -> None:
        host = urlsplit(url).hostname or ""
        try:
            answer = self._client.request("GET", url, (("Accept", "application/json"),), hosts={host})
            self._kept[url] = answer.body.decode(), self._monotonic()
        except (TalentlineError, UnicodeDecodeError) as error:
            log.warning("public_keys.not_fetched", host=host, error=type(error).__name__)
