"""Webhooks that their tool ends by itself are renewed by workers before it does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.intake import commands, store
from services.intake.core.registering import Outcome, Registered
from services.intake.handlers import handlers
from services.intake.settings import IntakeSettings
from services.intake.vendors import VENDORS
from shared import clock
from shared.bus import deliveries, timers
from shared.cohort.store import definition_of
from shared.db import Database, database_now
from shared.http_client import HttpClient
from shared.ids import CohortId
from shared.leases import Leases
from shared.sweeper import Sweeper
from shared.words import Service
from tests.builders.described_folder import described
from tests.builders.intake import open_pilot
from tests.servers.survey_tools import TOKEN
from tests.servers.tool_apis import GoogleFormsApi

FORM, ENV = "1cOmpass360", "TEST_SECRET_GOOGLE"
COHORT = CohortId("pilot-p")
NOW = datetime(2017, 3, 1, 9, 30, tzinfo=UTC)
WEEK = timedelta(days=7)
TOPIC = "projects/compass-360/topics/forms"


class Site:
    """The pilot's cohort with Google Forms, and the API of Google Forms."""

    def __init__(self, db: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        described(folder)
        with (folder / "cohort.toml").open("a", encoding="utf-8") as file:
            file.write('\n[connections.google]\nvendor = "google_forms_pubsub"\ninstrument = "appraisal_360"\n')
            file.write(f'secret_env = "{ENV}"\nsettings = {{ audience = "a", topic = "{TOPIC}" }}\n')
        with (folder / "programme" / "form_fields.csv").open("a", encoding="utf-8") as file:
            file.write(f"google,google_forms_pubsub,{FORM},q1,SL1a\n")
        open_pilot(db, folder)
        self.db, self.folder, self.api, self._patch = db, folder, GoogleFormsApi(FORM), monkeypatch
        self.client = HttpClient(timeout=timedelta(seconds=5), max_bytes=100_000, transport=self.api.transport)
        self.at(NOW)

    def at(self, moment: datetime) -> None:
        """It is this moment now; a watch that is made or renewed ends in a week."""
        self._patch.setattr(clock, "now", lambda: moment)
        self.api.ends = (moment + WEEK).isoformat()

    def register(self) -> Registered:
        with self.db.write() as uow:
            there = commands.connected(IntakeSettings(), definition_of(uow.connection, COHORT), "google")
            wanted = there.wanted("https://talent.example.org", FORM)
            made = commands.register(self.client, there, wanted)
            assert isinstance(made, Registered)
            commands.keep_registered(uow, there, wanted, made, actor="test")
            return made

    @property
    def timer(self) -> datetime | None:
        with self.db.read() as connection:
            due: datetime | None = connection.execute(sa.select(timers.c.due_at)).scalar_one_or_none()
            return due

    def work(self) -> None:
        """Let the timer be due, and an intake worker do what follows."""
        with self.db.write() as uow:
            uow.execute(sa.update(timers).values(due_at=database_now(timedelta(seconds=-1))))
        found = handlers(IntakeSettings(), VENDORS, self.client)
        Sweeper(self.db, {Service.INTAKE: found}, Leases(self.db), grace=timedelta()).sweep()

    def troubles(self) -> list[tuple[bool, str]]:
        with self.db.read() as connection:
            return [(each.parked, each.words) for each in store.standing_of(connection, COHORT, "google").troubles]


@pytest.fixture
def site(any_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv(ENV, "push@example.org")
    monkeypatch.setenv(f"{ENV}_TOKEN", TOKEN)
    return Site(any_db, tmp_path / "folder", monkeypatch)


def test_a_watch_is_renewed_when_half_of_its_time_is_over_and_again_and_again(site: Site) -> None:
    assert site.register() == Registered(Outcome.MADE, until=(NOW + WEEK).isoformat())
    with site.db.read() as connection:
        assert store.standing_of(connection, COHORT, "google").renewals == {FORM: NOW + WEEK / 2}
    for round_ in range(1, 4):
        half = NOW + round_ * WEEK / 2
        assert site.timer == half
        site.at(half)
        site.work()
        assert site.api.watch is not None
        assert site.api.watch["expireTime"] == (half + WEEK).isoformat()
    assert [each.path.rsplit("/", 1)[1] for each in site.api.asked if each.method == "POST"] == ["watches"] + 3 * [
        "w1:renew"
    ]
    assert site.troubles() == []


def test_a_watch_that_google_suspended_is_renewed_and_one_that_is_gone_is_made_again(site: Site) -> None:
    site.register()
    assert site.api.watch is not None
    site.api.watch["state"] = "SUSPENDED"
    site.work()
    assert site.api.watch["state"] == "ACTIVE"
    site.api.watch = None
    site.work()
    assert site.api.watch is not None
    assert site.timer is not None


def test_registered_again_there_is_one_timer(site: Site) -> None:
    site.register()
    site.at(NOW + timedelta(days=1))
    assert site.register().outcome is Outcome.CHANGED
    assert site.timer == NOW + timedelta(days=1) + WEEK / 2


def test_a_renewal_that_fails_is_tried_again_and_one_that_is_refused_waits_for_a_person_in_the_tools_words(
    site: Site,
) -> None:
    site.register()
    site.api.failures.append((503, {}, None))
    site.work()
    assert site.troubles() == [(False, "ApiUnavailable: forms.googleapis.com answered 503")]
    with site.db.write() as uow:
        uow.execute(sa.update(deliveries).values(due_at=database_now(timedelta(seconds=-1))))
    site.api.failures.append((401, {}, {"error": {"status": "UNAUTHENTICATED"}}))
    site.work()
    ((parked, words),) = site.troubles()
    assert parked
    assert "forms.googleapis.com answered 401" in words


def test_nothing_is_renewed_of_a_cohort_that_is_long_over(site: Site) -> None:
    site.register()
    asked = len(site.api.asked)
    site.at(datetime(2017, 5, 2, tzinfo=UTC))
    site.work()
    assert len(site.api.asked) == asked
    assert site.timer is None
