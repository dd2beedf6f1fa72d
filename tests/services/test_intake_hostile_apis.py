"""Each vendor that is fetched from, with its API in the wrong hands: nobody is led elsewhere, waits or reads much."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.intake import handlers
from services.intake.commands import Taken, accept_webhook
from services.intake.settings import IntakeSettings
from services.intake.tables import submissions
from services.intake.vendors import VENDORS
from shared import clock, failure
from shared.bus import deliveries, lanes
from shared.cohort.definition import Connection, FormField
from shared.cohort.folder import read_folder
from shared.cohort.opening import open_cohort
from shared.db import Database
from shared.delivery import run
from shared.ids import DeliveryId
from shared.words import Instrument, ParkReason, Service
from tests.builders.intake import PILOT
from tests.builders.vendor_samples import Sample, genuine
from tests.servers import hostile_api
from tests.servers.hostile_api import Answering, HostileApi
from tests.servers.survey_tools import SurveyTools

THIN = [sample for sample in genuine() if sample.recorded.api and sample.scheme != "oidc_jwt"]
over = pytest.mark.parametrize("sample", THIN, ids=[sample.vendor for sample in THIN])
over_one = pytest.mark.parametrize("sample", [each for each in THIN if each.vendor == "surveymonkey"], ids=["one"])
"""For what does not depend on the vendor at all, and takes time."""
Behaviour = Callable[[Answering], None]
TOKEN = "api-token-hush"


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostileApi]:
    hostile = HostileApi({host for sample in THIN for host in sample.plugin.api_hosts})
    with SurveyTools([hostile], tmp_path).running() as tools:
        for name, value in tools.environment.items():
            monkeypatch.setenv(name, value)
        yield hostile


class Site:
    """A cohort with one sample's connection, and the sample taken in."""

    def __init__(self, db: Database, sample: Sample, api: HostileApi, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEST_SECRET_TOOL", sample.secret)
        monkeypatch.setenv("TEST_SECRET_TOOL_TOKEN", TOKEN)
        monkeypatch.setattr(clock, "now", lambda: sample.recorded.now)
        own = set(VENDORS[sample.vendor].__dict__) | set(sample.plugin.__dict__)
        settings = {name: value for name, value in sample.recorded.settings.items() if name in own}
        link = Connection(
            vendor=sample.vendor,
            instrument=Instrument.APPRAISAL_360,
            secret_env="TEST_SECRET_TOOL",
            settings=settings,
        )
        form = sample.recorded.definition.form_fields[0].form_id
        field = FormField(connection="tool", vendor="", form_id=form, field_ref="q1", maps_to="SL1a")
        folder = read_folder(PILOT, vendors=VENDORS)
        definition = folder.definition.model_copy(update={"connections": {"tool": link}, "form_fields": (field,)})
        with db.write() as uow:
            open_cohort(uow, replace(folder, definition=definition), update=False, actor="test", has_evidence=False)
        with db.write() as uow:
            assert isinstance(accept_webhook(uow, IntakeSettings(), "tool", sample.request), Taken)
        self.db = db
        self.handlers = handlers.handlers(IntakeSettings(), client=api.client())

    def handle(self) -> Any:
        """One attempt at it, as a worker makes it; gives the delivery's row."""
        with self.db.read() as connection:
            mine = deliveries.c.service == Service.INTAKE
            number = connection.execute(sa.select(sa.func.min(deliveries.c.id)).where(mine)).scalar_one()
        with self.db.write() as uow:
            uow.execute(sa.update(deliveries).values(due_at=sa.func.current_timestamp()))
            uow.execute(sa.update(lanes).values(shut_until=None))
        run(self.db, DeliveryId(number), self.handlers)
        with self.db.read() as connection:
            return connection.execute(sa.select(deliveries).where(deliveries.c.id == number)).one()

    @property
    def submission(self) -> Any:
        with self.db.read() as connection:
            return connection.execute(sa.select(submissions)).one()


@over_one
@pytest.mark.parametrize(
    "behaves", [hostile_api.drips, hostile_api.drips_its_head, hostile_api.says_nothing, hostile_api.cut_off]
)
def test_who_answers_slowly_or_half_is_left_within_the_time_and_asked_again(
    db: Database, api: HostileApi, sample: Sample, behaves: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.behaves, api.patience = behaves, hostile_api.SHORT
    site = Site(db, sample, api, monkeypatch)
    began = time.monotonic()
    row = site.handle()
    assert time.monotonic() - began < 5
    assert (row.state, site.submission.state) == ("pending", "received")
    assert "ApiUnavailable" in row.last_error


@over_one
@pytest.mark.parametrize("behaves", [hostile_api.endless, hostile_api.bomb])
def test_no_more_is_read_than_the_limit_however_it_is_packed(
    db: Database, api: HostileApi, sample: Sample, behaves: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.behaves = behaves
    site = Site(db, sample, api, monkeypatch)
    site.handle()
    assert (site.submission.state, site.submission.reason) == ("quarantined", "api_refused")
    assert f"answered more than {hostile_api.MOST} bytes" in site.submission.reason_words
    assert site.submission.answers is None
    assert api.sent < 10 * 2**20


@over
def test_a_redirect_is_not_followed(
    db: Database, api: HostileApi, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.behaves = hostile_api.redirects
    site = Site(db, sample, api, monkeypatch)
    site.handle()
    assert len(api.requests) == 1
    assert {asked.partition("/")[0] for asked in api.requests} <= sample.plugin.api_hosts
    assert (site.submission.state, site.submission.reason) == ("quarantined", "api_refused")


@over
@pytest.mark.parametrize("behaves", [hostile_api.garbage, hostile_api.wrong_type, hostile_api.broken_gzip])
def test_an_answer_that_is_something_else_is_quarantined_with_words_and_may_be_asked_for_again(
    db: Database, api: HostileApi, sample: Sample, behaves: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.behaves = behaves
    site = Site(db, sample, api, monkeypatch)
    site.handle()
    assert (site.submission.state, site.submission.answers) == ("quarantined", None)
    assert site.submission.reason in {"broken_json", "api_refused"}
    assert site.submission.reason_words


@over
def test_retry_after_is_heeded(db: Database, api: HostileApi, sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    api.behaves = hostile_api.overloaded
    row = Site(db, sample, api, monkeypatch).handle()
    with db.read() as connection:
        now = connection.execute(sa.select(sa.func.current_timestamp(type_=sa.DateTime()))).scalar_one()
    assert timedelta(seconds=110) < row.due_at.replace(tzinfo=None) - now < timedelta(seconds=130)


@over
def test_a_fetch_that_keeps_failing_is_parked_with_the_vendors_words(
    db: Database, api: HostileApi, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failure, "TRANSIENT_LIMIT", 3)
    api.behaves = hostile_api.away
    site = Site(db, sample, api, monkeypatch)
    states = [site.handle().state for _ in range(3)]
    row = site.handle()
    assert states == ["pending", "pending", "parked"]
    assert row.reason == ParkReason.EXHAUSTED
    assert f"{next(iter(sample.plugin.api_hosts))} answered 503" in row.last_error
    assert site.submission.state == "received"


@over
def test_what_the_vendor_says_when_it_refuses_is_told_without_what_is_personal(
    db: Database, api: HostileApi, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.behaves = hostile_api.forbids
    site = Site(db, sample, api, monkeypatch)
    site.handle()
    assert "answered 403" in site.submission.reason_words
    for private in (TOKEN, "P-0003", "token-hush"):
        assert private not in site.submission.reason_words
