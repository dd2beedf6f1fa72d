"""Hundreds of senders at the real door at once; and a door that is killed between its commit and its answer."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from services.intake import tables
from services.intake.http import app
from services.intake.settings import IntakeSettings
from shared import bus
from shared.children import start_child
from shared.db import Database
from tests.builders.arrivals import nobody_stores
from tests.builders.intake import PILOT_SECRET, PILOT_SECRET_ENV, open_pilot, typeform_body, typeform_signature

HOOK = "/webhooks/appraisal-360"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> IntakeSettings:
    monkeypatch.setenv(PILOT_SECRET_ENV, PILOT_SECRET)
    return IntakeSettings()


def ids(db: Database) -> dict[str, str]:
    with db.read() as connection:
        s = tables.submissions.c
        return {row.delivery_key: row.id for row in connection.execute(sa.select(s.delivery_key, s.id))}


def count(db: Database, table: sa.Table) -> int:
    with db.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


async def posted(client: httpx.AsyncClient, event: str, secret: str = PILOT_SECRET) -> httpx.Response:
    body = typeform_body(event=event)
    headers = {"Typeform-Signature": typeform_signature(body, secret)}
    return await client.post(HOOK, content=body, headers=headers)


@asynccontextmanager
async def at_the_door(db: Database, settings: IntakeSettings) -> AsyncIterator[httpx.AsyncClient]:
    door = app(db, settings)
    transport = httpx.ASGITransport(door, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://talent.example.org", timeout=60) as client:
        yield client
    await asyncio.to_thread(door.close)


def test_every_2xx_of_a_crowd_is_in_the_table_and_nobody_is_there_twice(
    any_db: Database, settings: IntakeSettings
) -> None:
    open_pilot(any_db)
    before = count(any_db, bus.events)

    async def crowd() -> list[tuple[str, httpx.Response]]:
        async with at_the_door(any_db, settings) as client:
            events = [f"event-{n % 200}" for n in range(300)]
            return list(zip(events, await asyncio.gather(*[posted(client, each) for each in events]), strict=True))

    answers = asyncio.run(crowd())
    stored = ids(any_db)
    assert {answer.status_code for _, answer in answers} == {200}
    assert all(answer.json()["submission"] == stored[event] for event, answer in answers)
    assert sum(answer.json()["status"] == "accepted" for _, answer in answers) == 200
    assert len(stored) == count(any_db, bus.events) - before == 200


def test_the_door_is_awake_while_nothing_can_be_stored(any_db: Database, settings: IntakeSettings) -> None:
    open_pilot(any_db)

    async def meanwhile() -> None:
        async with at_the_door(any_db, settings) as client:
            assert (await posted(client, "first")).status_code == 200
            with nobody_stores(any_db):
                waiting = asyncio.ensure_future(posted(client, "second"))
                for _ in range(20):
                    assert (await client.get("/healthz")).json() == {"status": "ok"}
                    assert (await posted(client, "forged", "wrong")).status_code == 401
                assert not waiting.done()
            assert (await waiting).status_code == 200

    asyncio.run(meanwhile())


def test_more_than_may_wait_are_asked_to_come_again_soon(any_db: Database, settings: IntakeSettings) -> None:
    open_pilot(any_db)
    settings.webhooks_waiting_max = 5

    async def crowd() -> list[httpx.Response]:
        async with at_the_door(any_db, settings) as client:
            assert (await posted(client, "first")).status_code == 200
            with nobody_stores(any_db):
                waiting = [asyncio.ensure_future(posted(client, f"event-{n}")) for n in range(20)]
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            return list(await asyncio.gather(*waiting))

    answers = asyncio.run(crowd())
    full = [answer for answer in answers if answer.status_code == 503]
    assert 1 <= len(full) <= 15
    for answer in full:
        assert answer.headers["retry-after"] == "5"
        assert answer.json()["detail"] == "too many deliveries wait to be stored; send it again later"
    assert len(ids(any_db)) == 1 + sum(answer.status_code == 200 for answer in answers)


@contextmanager
def door_of_its_own(url: str, *arguments: str) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """A door as a process, with its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.builders.dying_door", url, str(port), *arguments]
    process = start_child(command, env=os.environ | {PILOT_SECRET_ENV: PILOT_SECRET}, stdin=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    try:
        while True:
            try:
                assert httpx.get(f"{address}/healthz", trust_env=False).is_success
            except httpx.TransportError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                break
        yield process, address
    finally:
        process.terminate()
        process.wait(30)


def test_what_was_committed_before_the_door_was_killed_is_there_once_when_it_is_sent_again(any_db: Database) -> None:
    open_pilot(any_db)
    url = any_db.url.render_as_string(hide_password=False)
    body = typeform_body(event="e1")
    sent: dict[str, Any] = {
        "content": body,
        "headers": {"Typeform-Signature": typeform_signature(body, PILOT_SECRET)},
        "timeout": 30,
        "trust_env": False,
    }
    with door_of_its_own(url) as (process, address):
        with pytest.raises(httpx.TransportError):
            httpx.post(address + HOOK, **sent)
        assert process.wait(30) == -signal.SIGKILL
    (submission,) = ids(any_db).values()
    with door_of_its_own(url, "survive") as (_, address):
        answer = httpx.post(address + HOOK, **sent)
    assert (answer.status_code, answer.json()) == (200, {"status": "duplicate", "submission": submission})
    assert ids(any_db) == {"e1": submission}
    with any_db.read() as connection:
        due = sa.select(sa.func.count()).select_from(bus.deliveries).where(bus.deliveries.c.service == "intake")
        assert connection.execute(due).scalar_one() == 1
