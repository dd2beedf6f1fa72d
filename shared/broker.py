"""The doorbell: Redis and dramatiq carry delivery ids to workers, and nothing else.

A message that is lost, late or doubled is harmless (`shared.sweeper` finds every delivery), so everything here prefers
giving up at once over waiting: no retries, short time-outs, and after an error silence for a while.
"""

import time
from collections.abc import Callable, Sequence

import dramatiq
import redis
import structlog
from dramatiq.brokers.redis import RedisBroker
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.ids import DeliveryId
from shared.observing import RingFailed, tell
from shared.words import Service

log = structlog.get_logger()

HEARTBEAT_MS = 15_000
MAINTENANCE_PER_MILLION = 100_000
"""With these a dead worker's messages come back in about 16 s; with dramatiq's defaults it takes minutes."""
IDS_A_MESSAGE = 20
"""A message rings for so many deliveries: few messages under load, and still something for every idle thread."""
SILENCE_S = 5.0
"""How long the doorbell is left alone after it failed."""
NAMESPACE = "talentline"


def actor_name(service: Service) -> str:
    """The wire name of a service's one actor. It never changes: messages of old and new workers meet in one queue."""
    return f"{service}.deliver"


def client_for(url: str) -> redis.Redis:
    """A client of the server at `url` (`redis://…`, `rediss://…` or `unix://…`) that gives up at once."""
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=0.5, socket_timeout=2.0)


def broker_for(url: str) -> RedisBroker:
    """A broker on the server at `url`. Connects only when used."""
    return RedisBroker(  # type: ignore[no-untyped-call]
        client=client_for(url),
        middleware=[],
        namespace=NAMESPACE,
        heartbeat_timeout=HEARTBEAT_MS,
        maintenance_chance=MAINTENANCE_PER_MILLION,
    )


def declare(broker: RedisBroker, service: Service, deliver: Callable[..., None]) -> None:
    """Let `deliver`, called with one or more delivery ids, answer the doorbell of a service."""
    declared = dramatiq.actor(broker=broker, actor_name=actor_name(service), queue_name=str(service))
    declared(deliver)


class Doorbell:
    """Rings a service's workers. Never raises; after an error it stays silent for `SILENCE_S`."""

    def __init__(self, broker: RedisBroker, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._broker = broker
        self._monotonic = monotonic
        self._silent_until = 0.0
        for service in Service:
            broker.declare_queue(str(service))

    def __call__(self, service: Service, due: Sequence[DeliveryId]) -> None:
        """Ring for these deliveries, or don't: the rows are the promise."""
        for start in range(0, len(due), IDS_A_MESSAGE):
            if self._monotonic() < self._silent_until:
                return
            self._ring(service, due[start : start + IDS_A_MESSAGE])

    def _ring(self, service: Service, due: Sequence[DeliveryId]) -> None:
        message = dramatiq.Message[None](
            queue_name=str(service), actor_name=actor_name(service), args=tuple(due), kwargs={}, options={}
        )
        try:
            self._broker.enqueue(message)
        except (dramatiq.BrokerConnectionError, redis.RedisError, OSError) as error:
            self._silent_until = self._monotonic() + SILENCE_S
            log.warning("doorbell.silent", seconds=SILENCE_S, reason=type(error).__name__)
            tell(RingFailed())
