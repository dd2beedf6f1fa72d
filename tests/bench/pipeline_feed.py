"""Bringing a cohort in for `bench-pipeline`: through the door's own steps in this process, or through the HTTP door."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import httpx

from services.intake import store
from services.intake.commands import judged, submit_file, take
from services.intake.core.submission import RawRequest
from services.intake.settings import IntakeSettings
from shared.broker import Doorbell, broker_for
from shared.children import start_child, stop_child
from shared.cohort.definition import CohortDefinition
from shared.db import Database
from tests.bench.pipeline_cohort import CONNECTION, SECRET, SECRET_ENV, BenchCohort
from tests.bench.pipeline_ground import Site, until

TOGETHER = 200
"""Deliveries that the door commits together under load."""
AT_A_TIME = 32
"""Requests under way over HTTP."""


@dataclass(frozen=True, slots=True)
class Fed:
    """How many submissions were brought in, and in how long. `bytes_each`: of a webhook's body, on average."""

    submissions: int
    seconds: float
    bytes_each: int


@contextmanager
def database(site: Site) -> Iterator[Database]:
    """The installation's database, with its bell."""
    os.environ[SECRET_ENV] = SECRET
    db = Database(site.url, Doorbell(broker_for(site.redis_url)))
    yield db
    db.close()


def fed_directly(site: Site, cohort: BenchCohort, *, files: bool = True) -> Fed:
    """Verify, group and commit as the door does, without HTTP. Only that is timed, not the making of deliveries."""
    with database(site) as db:
        definition = cohort.open(db)
        settings = IntakeSettings()
        count = _submitted(db, cohort, definition) if files else 0
        with db.read() as connection:
            route = store.route_of(connection, CONNECTION)
        requests, seconds, size = cohort.webhooks(), 0.0, 0
        webhooks = 0
        while some := list(islice(requests, TOGETHER)):
            size += sum(len(request.body) for request in some)
            start = time.monotonic()
            arrivals = [judged(settings, CONNECTION, route, request) for request in some]
            taken = [arrival for arrival in arrivals if isinstance(arrival, store.Arrival)]
            assert len(taken) == len(some), "a delivery was turned away"
            with db.write() as uow:
                take(uow, taken)
            seconds += time.monotonic() - start
            webhooks += len(some)
    return Fed(count + webhooks, seconds, size // webhooks)


def _submitted(db: Database, cohort: BenchCohort, definition: CohortDefinition) -> int:
    count = 0
    for file in cohort.files():
        with db.write() as uow:
            submit_file(uow, definition, file.name, file.read_bytes(), actor="bench")
        file.unlink()
        count += 1
    return count


def fed_by_http(site: Site, cohort: BenchCohort) -> Fed:
    """The same through the web door, with several requests under way; all of it is timed."""
    with database(site) as db:
        count = _submitted(db, cohort, cohort.open(db))
    requests = list(cohort.webhooks())
    with _door(site) as address:
        start = time.monotonic()
        asyncio.run(_posted(address, requests))
        seconds = time.monotonic() - start
    return Fed(count + len(requests), seconds, sum(len(each.body) for each in requests) // len(requests))


@contextmanager
def _door(site: Site) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = site.environment | {"TALENTLINE_HTTP_PORT": str(port)}
    process = start_child([sys.executable, "-m", "deploy", "web"], env=environment, stdin=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"

    def is_up() -> bool:
        try:
            return httpx.get(f"{address}/readyz", timeout=2, trust_env=False).is_success
        except httpx.TransportError:
            return False

    try:
        until(is_up, 60)
        yield address
    finally:
        stop_child(process, grace=30)


async def _posted(address: str, requests: Sequence[RawRequest]) -> None:
    waiting = iter(requests)
    async with httpx.AsyncClient(base_url=address, timeout=60, trust_env=False) as client:

        async def sender() -> None:
            for request in waiting:
                answer = await client.post(
                    f"/webhooks/{CONNECTION}", content=request.body, headers=dict(request.headers)
                )
                assert answer.status_code == 200, answer.status_code

        await asyncio.gather(*(sender() for _ in range(AT_A_TIME)))
