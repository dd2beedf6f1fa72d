"""The door says no while there is room to finish what was taken, and knows connections without asking each time."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from services.intake import tables
from services.intake.accepting import Directory, Pressure
from services.intake.accepting.directory import BOUND_S, FRESH_S
from services.intake.http import app
from services.intake.settings import IntakeSettings
from shared import bus
from shared.cohort.store import cohorts, connections, definitions
from shared.db import Database
from shared.ids import CohortId
from tests.builders.intake import (
    PILOT_SECRET,
    PILOT_SECRET_ENV,
    a_definition,
    open_pilot,
    typeform_body,
    typeform_signature,
)

TOKEN = "a-token-for-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
HOOK = "/webhooks/appraisal-360"
UPLOAD = "/cohorts/pilot-p/submissions"
ENDLESS_MB = 2**40


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> IntakeSettings:
    monkeypatch.setenv(PILOT_SECRET_ENV, PILOT_SECRET)
    return IntakeSettings(api_token=TOKEN)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def statements(any_db: Database) -> Iterator[list[str]]:
    """What was asked of the database."""
    asked: list[str] = []

    @sa.event.listens_for(any_db.engine, "before_cursor_execute")
    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    yield asked
    sa.event.remove(any_db.engine, "before_cursor_execute", note)


def post(client: TestClient, event: str = "e1") -> Any:
    body = typeform_body(event=event)
    return client.post(HOOK, content=body, headers={"Typeform-Signature": typeform_signature(body, PILOT_SECRET)})


def test_while_the_disk_is_low_nothing_is_taken_and_everybody_is_told_why(
    db: Database, settings: IntakeSettings
) -> None:
    open_pilot(db)
    settings.disk_low_water_mb = ENDLESS_MB
    client = TestClient(app(db, settings))
    webhook, ready = post(client), client.get("/readyz")
    upload = client.post(UPLOAD, headers=BEARER, files={"file": ("m.csv", b"x")})
    run = client.post("/cohorts/pilot-p/runs", headers=BEARER)
    assert [each.status_code for each in (webhook, ready, upload, run)] == [503, 503, 507, 507]
    for answer in (webhook, ready, upload, run):
        assert "the disk is nearly full" in answer.json()["detail"]
        assert answer.headers["retry-after"] == "60"
    assert client.get("/healthz").status_code == 200
    with db.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.submissions)).scalar_one() == 0


def test_when_there_is_room_again_the_door_finds_out_by_itself(
    db: Database, settings: IntakeSettings, clock: Clock
) -> None:
    settings.disk_low_water_mb = ENDLESS_MB
    pressure = Pressure(db, settings, clock)
    assert pressure.disk_low
    settings.disk_low_water_mb = 1
    assert pressure.disk_low, "it asked the file system again at once"
    clock.now += 1.5
    assert not pressure.disk_low


def test_on_postgresql_only_a_data_directory_that_was_named_is_watched(postgres_db: Database, tmp_path: Path) -> None:
    assert not Pressure(postgres_db, IntakeSettings(disk_low_water_mb=ENDLESS_MB)).disk_low
    assert Pressure(postgres_db, IntakeSettings(disk_low_water_mb=ENDLESS_MB, data_dir=tmp_path)).disk_low
    gone = tmp_path / "gone"
    assert not Pressure(postgres_db, IntakeSettings(disk_low_water_mb=ENDLESS_MB, data_dir=gone)).disk_low


def make_due(db: Database, at: datetime, **values: Any) -> None:
    with db.write() as uow:
        uow.execute(sa.update(bus.deliveries).values(due_at=at, **values))


LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def test_while_deliveries_are_overdue_webhooks_are_taken_and_uploads_wait(
    any_db: Database, settings: IntakeSettings
) -> None:
    open_pilot(any_db)
    client = TestClient(app(any_db, settings))
    assert post(client).status_code == 200
    make_due(any_db, LONG_AGO)
    upload = client.post(UPLOAD, headers=BEARER, files={"file": ("m.csv", b"x")})
    run = client.post("/cohorts/pilot-p/runs", headers=BEARER)
    for answer in (upload, run):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
        assert answer.json()["detail"] == "the workers are behind with what was taken before; send it again later"
    assert post(client, "e2").status_code == 200
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("values", "overdue"),
    [
        ({"state": "pending"}, True),
        ({"state": "done"}, False),
        ({"state": "parked"}, False),
        ({"state": "running", "lease_until": LONG_AGO}, True),
        ({"state": "running", "lease_until": datetime(2100, 1, 1, tzinfo=UTC)}, False),
    ],
)
def test_overdue_is_what_is_due_and_nobody_works_on(
    any_db: Database, settings: IntakeSettings, clock: Clock, values: dict[str, Any], overdue: bool
) -> None:
    open_pilot(any_db)
    assert post(TestClient(app(any_db, settings))).status_code == 200
    pressure = Pressure(any_db, settings, clock)
    assert not pressure.overdue()
    make_due(any_db, LONG_AGO, **values)
    assert not pressure.overdue(), "it asked the database again at once"
    clock.now += 60
    assert pressure.overdue() is overdue
    make_due(any_db, LONG_AGO, state="done")
    clock.now += 60
    assert not pressure.overdue()


def test_a_cohort_opened_a_moment_ago_is_reachable_at_once(any_db: Database, clock: Clock) -> None:
    directory = Directory(any_db, clock)
    assert asyncio.run(directory.find("appraisal-360")) is None
    open_pilot(any_db)
    found = asyncio.run(directory.find("appraisal-360"))
    assert found is not None
    assert (found.cohort, found.vendor, found.secret_env) == ("pilot-p", "typeform", PILOT_SECRET_ENV)


def test_a_known_connection_costs_no_look_at_the_database(
    any_db: Database, clock: Clock, statements: list[str]
) -> None:
    open_pilot(any_db)
    directory = Directory(any_db, clock)
    asyncio.run(directory.find("appraisal-360"))
    statements.clear()
    for _ in range(100):
        assert asyncio.run(directory.find("appraisal-360")) is not None
    assert statements == []


def test_a_flood_of_unknown_names_shares_its_looks(any_db: Database, clock: Clock, statements: list[str]) -> None:
    async def flood() -> None:
        directory = Directory(any_db, clock)
        assert await asyncio.gather(*[directory.find(f"nobody-{n}") for n in range(500)]) == [None] * 500

    asyncio.run(flood())
    assert 1 <= sum("cohort_connections" in statement for statement in statements) <= 25


async def settled(directory: Directory, name: str) -> Any:
    """What the directory says when no look is under way."""
    await directory.find("nobody at all")
    return await directory.find(name)


def test_a_removed_connection_is_forgotten_within_the_stated_time(any_db: Database, clock: Clock) -> None:
    open_pilot(any_db)
    directory = Directory(any_db, clock)
    assert asyncio.run(directory.find("appraisal-360")) is not None
    with any_db.write() as uow:
        uow.execute(sa.delete(connections))
    assert asyncio.run(directory.find("appraisal-360")) is not None
    clock.now += BOUND_S + 0.1
    assert asyncio.run(directory.find("appraisal-360")) is None


def test_a_changed_vendor_and_secret_are_seen_soon_without_anybody_waiting(any_db: Database, clock: Clock) -> None:
    open_pilot(any_db)
    directory = Directory(any_db, clock)
    assert asyncio.run(directory.find("appraisal-360")) is not None
    other = a_definition(cohort="pilot-p")
    changed = replace_connection(other)
    with any_db.write() as uow:
        uow.execute(
            sa.insert(definitions).values(
                cohort="pilot-p", digest="changed", document=changed.model_dump_json(by_alias=True), since=LONG_AGO
            )
        )
        uow.execute(sa.update(cohorts).where(cohorts.c.cohort == "pilot-p").values(digest="changed"))

    async def seen() -> Any:
        clock.now += FRESH_S + 0.1
        at_once = await directory.find("appraisal-360")
        assert at_once is not None
        assert at_once.secret_env == PILOT_SECRET_ENV, "a sender waited for the look"
        return await settled(directory, "appraisal-360")

    found = asyncio.run(seen())
    assert (found.cohort, found.vendor, found.secret_env) == (CohortId("pilot-p"), "typeform", "TEST_SECRET_OTHER")


def replace_connection(definition: Any) -> Any:
    """The definition with the pilot's connection under another secret."""
    (connection,) = definition.connections.values()
    other = connection.model_copy(update={"secret_env": "TEST_SECRET_OTHER"})
    return definition.model_copy(update={"connections": {"appraisal-360": other}})


def test_a_database_that_is_away_is_not_an_unknown_connection(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "folder.db").mkdir()
    directory = Directory(Database(f"sqlite:///{tmp_path / 'folder.db'}"), clock)
    for _ in range(2):
        with pytest.raises(Exception, match="did not answer"):
            asyncio.run(directory.find("appraisal-360"))
