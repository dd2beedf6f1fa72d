"""Each way in which a cohort tells who speaks about whom, from the real door to evidence, by a tool that needs it."""

import base64
import hmac
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from services.intake import commands, store, tables
from shared import people
from shared.cohort.store import definition_of
from shared.db import Database
from shared.ids import CohortId
from shared.people import Rater
from tests.builders.bench import PILOT, Bench

COHORT = CohortId("pilot-p")
SECRET, ENV = "a-secret-for-tests", "TALENTLINE_SECRET_TOOL"
FORM = "form-1"
RATING = "r" + "1" * 32
WHO, BY = "r" + "2" * 32, "r" + "3" * 32
"""Questions of a Microsoft form that the link fills in."""
Sent = tuple[bytes, dict[str, str]]


def by_typeform(number: int, hidden: Mapping[str, str]) -> Sent:
    answer = {"type": "choice", "choice": {"label": "4 - Often"}, "field": {"id": RATING, "ref": RATING}}
    said = {"form_id": FORM, "token": f"t{number}", "submitted_at": "2017-02-06T09:00:00Z", "hidden": hidden}
    event = {"event_id": f"e{number}", "event_type": "form_response", "form_response": said | {"answers": [answer]}}
    body = json.dumps(event).encode()
    return body, {"Typeform-Signature": f"sha256={signed(body)}"}


def by_tally(number: int, hidden: Mapping[str, str]) -> Sent:
    asked: list[dict[str, Any]] = [{"key": RATING, "label": "", "type": "INPUT_TEXT", "value": "4 - Often"}]
    asked += [{"key": f"h{name}", "label": name, "type": "HIDDEN_FIELDS", "value": v} for name, v in hidden.items()]
    said = {"responseId": f"t{number}", "formId": FORM, "createdAt": "2017-02-06T09:00:00Z", "fields": asked}
    body = json.dumps({"eventId": f"e{number}", "eventType": "FORM_RESPONSE", "data": said}).encode()
    return body, {"Tally-Signature": signed(body)}


def by_microsoft_forms(number: int, carried: Mapping[str, str]) -> Sent:
    said = {"responder": "anonymous", "submitDate": "2/6/2017 9:00:00 AM", RATING: "4 - Often", **carried}
    form = {"template": "msforms.v1", "form_id": FORM, "response_id": str(number), "response": said}
    return json.dumps(form).encode(), {"X-Intake-Token": SECRET}


def signed(body: bytes) -> str:
    return base64.b64encode(hmac.digest(SECRET.encode(), body, "sha256")).decode()


def named(rater: Rater, _token: str) -> dict[str, str]:
    return {"participant": rater.participant, "rater": rater.rater, "relationship": str(rater.relationship)}


def asked(rater: Rater, _token: str) -> dict[str, str]:
    return {WHO: rater.participant, BY: rater.rater}


def addressed(rater: Rater, _token: str) -> dict[str, str]:
    return {"responder": rater.email.upper()}


def linked(_rater: Rater, token: str) -> dict[str, str]:
    return {"token": token}


@dataclass(frozen=True)
class Way:
    """A way of identity, a tool that needs it, and what a link or form of it carries of a rater."""

    identity: str
    vendor: str
    sent: Callable[[int, Mapping[str, str]], Sent]
    carries: Callable[[Rater, str], dict[str, str]]
    strangers: tuple[dict[str, str], ...]
    """What makes nobody known here: nothing, somebody unknown, and the ids that another way would believe."""
    reasons: frozenset[str]
    fields: tuple[tuple[str, str], ...] = ()


IDS = {"participant": "P-0001", "rater": "R-P-0001-PE1"}
WAYS = [
    Way(
        "hidden_fields",
        "typeform",
        by_typeform,
        named,
        ({}, {"participant": "P-0001", "rater": "nobody"}, {"token": "made-up"}),
        frozenset({"unknown_participant", "unknown_rater"}),
    ),
    Way(
        "questions",
        "msforms_powerautomate",
        by_microsoft_forms,
        asked,
        ({}, {WHO: "P-0001", BY: "nobody"}, {"responder": "rater.r-p-0001-pe1@example.org"}, IDS),
        frozenset({"unknown_participant", "unknown_rater"}),
        ((WHO, "identity:participant"), (BY, "identity:rater")),
    ),
    Way(
        "responder_email",
        "msforms_powerautomate",
        by_microsoft_forms,
        addressed,
        ({}, {"responder": "stranger@example.org"}, {WHO: "P-0001", BY: "R-P-0001-PE1"}, IDS),
        frozenset({"identity_missing", "unknown_rater"}),
    ),
    Way(
        "link_token",
        "tally",
        by_tally,
        linked,
        ({}, {"token": "made-up"}, IDS),
        frozenset({"identity_missing", "unknown_rater"}),
    ),
]
over_ways = pytest.mark.parametrize("way", WAYS, ids=[way.identity for way in WAYS])


class Site:
    """The pilot with one more connection, that tells people in one way, and two raters of the 360."""

    def __init__(self, way: Way, db: Database, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(ENV, SECRET)
        folder = place / "cohort"
        shutil.copytree(PILOT, folder)
        with (folder / "cohort.toml").open("a", encoding="utf-8") as file:
            file.write(f'\n[connections.tool]\nvendor = "{way.vendor}"\ninstrument = "appraisal_360"\n')
            file.write(f'secret_env = "{ENV}"\nidentity = "{way.identity}"\n')
        with (folder / "programme/form_fields.csv").open("a", encoding="utf-8") as file:
            for ref, target in ((RATING, "SL1a"), *way.fields):
                file.write(f"tool,{way.vendor},{FORM},{ref},{target}\n")
        self.way, self.bench, self.sent = way, Bench(db, place / "data", monkeypatch), 0
        self.bench.open(folder)
        with db.write() as uow:
            self.raters = [each for each in people.raters_of(uow.connection, COHORT) if each.participant == "P-0001"]
            self.tokens = {each.rater: "" for each in self.raters}
            if way.identity == "link_token":
                pattern, definition = "https://tally.so/r/form-1?token={token}", definition_of(uow.connection, COHORT)
                made = commands.personal_links(uow, definition, "tool", pattern, "a long random key", actor="test")
                self.tokens = {each.person: each.link.partition("token=")[2] for each in made}

    def carried(self, rater: Rater) -> dict[str, str]:
        return self.way.carries(rater, self.tokens[rater.rater])

    def send(self, carried: Mapping[str, str]) -> None:
        self.sent += 1
        body, headers = self.way.sent(self.sent, carried)
        answer: httpx.Response = self.bench.client.post("/webhooks/tool", content=body, headers=headers)
        assert answer.status_code == 200

    def counted(self) -> set[tuple[str, str]]:
        """(participant, rater) of what came by the tool."""
        self.bench.work()
        latest = tables.latest.c
        with self.bench.db.read() as connection:
            return {tuple(row) for row in connection.execute(sa.select(latest.participant, latest.given_by))}

    def quarantined(self) -> list[str]:
        with self.bench.db.read() as connection:
            return [each.code for each in store.quarantined(connection, COHORT)]


@pytest.fixture
def site(way: Way, any_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(way, any_db, tmp_path, monkeypatch)


@over_ways
def test_what_a_link_or_form_carries_makes_each_rater_known(site: Site) -> None:
    first, second = site.raters[:2]
    site.send(site.carried(first))
    assert site.counted() == {("P-0001", first.rater)}
    site.send(site.carried(second))
    assert site.counted() == {("P-0001", first.rater), ("P-0001", second.rater)}
    assert site.quarantined() == []


@over_ways
def test_nothing_nobody_and_what_another_way_would_believe_waits_with_its_reason(site: Site) -> None:
    for carried in site.way.strangers:
        site.send(carried)
    assert site.counted() == set()
    assert set(site.quarantined()) == site.way.reasons
    assert len(site.quarantined()) == len(site.way.strangers)
