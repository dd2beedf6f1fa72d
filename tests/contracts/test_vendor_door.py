"""Every vendor of the registry at the real door: what its sender sees, what is stored, and what is not logged."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from services.intake import tables
from services.intake.accepting import PublicKeys
from services.intake.http import app
from services.intake.settings import IntakeSettings
from services.intake.vendors import VENDORS
from shared import clock
from shared.cohort.definition import Connection
from shared.cohort.folder import read_folder
from shared.cohort.opening import open_cohort
from shared.db import Database
from shared.http_client import HttpClient
from shared.words import Instrument
from tests.builders.intake import PILOT
from tests.builders.vendor_samples import SIGNED, Sample, genuine, kind_of_proof

MOST = 20_000
SAMPLES = [sample for sample in genuine() if sample.request.method == "POST"]
over = pytest.mark.parametrize("sample", SAMPLES, ids=[f"{each.name} {kind_of_proof(each)}" for each in SAMPLES])
KEYS = next(sample.recorded.secrets.keys for sample in SAMPLES if sample.recorded.secrets.keys)


class Google:
    """Where public keys are published."""

    def __init__(self, keys: str = KEYS) -> None:
        self.keys = keys
        self.status = 200
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        return httpx.Response(self.status, text=self.keys)

    @property
    def client(self) -> HttpClient:
        return HttpClient(timeout=timedelta(seconds=5), max_bytes=MOST, transport=httpx.MockTransport(self))


@dataclass(frozen=True)
class Doorstep:
    """A door, and one sample's connection behind it."""

    client: TestClient
    db: Database
    sample: Sample

    def send(self, method: str = "POST", *, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> int:
        """Send the sample, or another body or other headers; gives the status."""
        request = self.sample.request
        kept = {name: value for name, value in request.headers if name.lower() not in {"host", "content-length"}}
        path = f"/webhooks/tool/{request.path}" + (f"?{request.query}" if request.query else "")
        content = (request.body if body is None else body) if method not in {"GET", "HEAD"} else None
        answer = self.client.request(method, path, content=content, headers={**kept, **(headers or {})})
        assert answer.status_code not in {404, 410}
        return int(answer.status_code)

    @property
    def stored(self) -> list[Any]:
        with self.db.read() as connection:
            return list(connection.execute(sa.select(tables.submissions)).mappings())


@pytest.fixture
def google() -> Google:
    return Google()


@pytest.fixture
def doorstep(sample: Sample, db: Database, google: Google, monkeypatch: pytest.MonkeyPatch) -> Iterator[Doorstep]:
    monkeypatch.setenv("TEST_SECRET_TOOL", sample.secret)
    monkeypatch.setattr(clock, "now", lambda: sample.recorded.now)
    own = {each.name for each in fields(VENDORS[sample.vendor])}  # type: ignore[arg-type]  # vendors are dataclasses
    link = Connection(
        vendor=sample.vendor,
        instrument=Instrument.APPRAISAL_360,
        secret_env="TEST_SECRET_TOOL",
        settings={name: value for name, value in sample.recorded.settings.items() if name in own},
    )
    folder = read_folder(PILOT, vendors=VENDORS)
    definition = folder.definition.model_copy(update={"connections": {"tool": link}})
    with db.write() as uow:
        open_cohort(uow, replace(folder, definition=definition), update=False, actor="test", has_evidence=False)
    with TestClient(app(db, IntakeSettings(webhook_max_bytes=MOST), client=google.client)) as client:
        yield Doorstep(client, db, sample)


@over
def test_a_genuine_delivery_is_stored_once_without_its_secret(doorstep: Doorstep, sample: Sample) -> None:
    assert doorstep.send() == 200
    assert doorstep.send() == 200
    rows = doorstep.stored
    assert len(rows) == (2 if sample.plugin.each_is_new else 1)
    assert rows[0]["sha256"] == sample.request.sha256
    assert sample.secret not in str(rows[0]["headers"]) + str(rows[0]["delivery_key"])


@over
def test_nothing_of_a_delivery_is_logged(doorstep: Doorstep, sample: Sample) -> None:
    with capture_logs() as logged:
        doorstep.send()
        doorstep.send(headers=_nothing_of(sample))
        doorstep.send(body=b"{")
    text = json.dumps(logged, default=repr)
    private = [sample.secret, sample.request.path, *sample.expected.get("identity", {}).values()]
    private += [str(text) for text in sample.expected.get("texts", {}).values()]
    private += sample.expected.get("never_log", [])
    assert [each for each in private if each and each in text and each not in {"peer", "self", "hooks"}] == []


def _nothing_of(sample: Sample) -> dict[str, str]:
    return {sample.proof_header: "wrong"} if sample.proof_header else {}


@over
def test_a_body_above_the_limit_is_refused_and_not_kept(doorstep: Doorstep, sample: Sample) -> None:
    assert doorstep.send(body=sample.request.body + b" " * MOST) == 413
    assert doorstep.stored == []


@over
def test_any_content_type_and_charset_is_stored_or_refused_and_breaks_nothing(
    doorstep: Doorstep, sample: Sample
) -> None:
    stored = 0
    for content_type in ("text/plain", "image/png", "application/json; charset=utf-16", ";;=,", ""):
        status = doorstep.send(headers={"Content-Type": content_type})
        assert status == 200 or (sample.scheme == "hmac_form_field" and status == 401), content_type
        stored += status == 200
    assert len(doorstep.stored) == (stored if sample.plugin.each_is_new else min(stored, 1))


@over
def test_a_forgery_is_refused_and_not_kept(doorstep: Doorstep, sample: Sample) -> None:
    forged = sample.proven_by("Bearer a.b.c" if sample.scheme == "oidc_jwt" else "forged")
    stranger = replace(doorstep, sample=_sending(sample, forged))
    assert stranger.send() == 401
    if sample.scheme in SIGNED and sample.scheme != "hmac_form_field":
        assert doorstep.send(body=sample.request.body + b" ") == 401
    assert doorstep.stored == []


def _sending(sample: Sample, request: Any) -> Sample:
    other = Sample.__new__(Sample)
    other.__dict__ |= sample.__dict__ | {"recorded": replace(sample.recorded, request=request)}
    return other


@over
def test_another_method_is_answered_and_stores_nothing(doorstep: Doorstep) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"):
        assert doorstep.send(method) in {200, 405}, method
    assert doorstep.stored == []


# Senders that sign with their platform's own keys

SIGNED_BY_PLATFORM = [each for each in SAMPLES if each.scheme == "oidc_jwt"]
by_platform = pytest.mark.parametrize("sample", SIGNED_BY_PLATFORM, ids=[each.name for each in SIGNED_BY_PLATFORM])


@by_platform
def test_public_keys_are_fetched_once_from_the_platforms_own_address(doorstep: Doorstep, google: Google) -> None:
    assert [doorstep.send(), doorstep.send()] == [200, 200]
    assert google.asked == [VENDORS[doorstep.sample.vendor].keys_url]


@by_platform
@pytest.mark.parametrize("ill", [500, 302, 200])
def test_without_public_keys_the_sender_is_asked_to_come_again(doorstep: Doorstep, google: Google, ill: int) -> None:
    google.status, google.keys = ill, "x" * (MOST + 1)
    assert [doorstep.send(), doorstep.send()] == [503, 503]
    assert len(google.asked) == 1
    assert doorstep.stored == []


URL = "https://keys.example.org/certs"


class Time:
    """A clock that goes when it is told."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def test_a_key_that_is_not_known_has_the_keys_fetched_anew_once_a_minute() -> None:
    google, time = Google("old"), Time()
    keys = PublicKeys(google.client, time)

    async def seen() -> list[str]:
        found = [await keys.of(URL), await keys.renewed(URL)]
        google.keys = "new"
        time.at += 59
        found += [await keys.renewed(URL)]
        time.at += 1
        found += [await keys.renewed(URL), await keys.of(URL)]
        google.status = 500
        time.at += 3600
        return [*found, await keys.of(URL)]

    assert asyncio.run(seen()) == ["old", "old", "old", "new", "new", "new"]
    assert len(google.asked) == 3
