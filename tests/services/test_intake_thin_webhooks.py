"""A thin webhook only points to the response: the handler fetches it from the vendor's host, and keeps the answer."""

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa

from services.intake import commands, store, tables
from services.intake.commands import Taken
from services.intake.core.json_body import parsed
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import TOKEN, ApiAnswer, Reading, RequestNeeded, Response, Responses
from services.intake.settings import IntakeSettings
from services.intake.vendors.typeform import Typeform
from shared import clock
from shared.cohort.definition import CohortDefinition
from shared.cohort.store import cohorts, definitions
from shared.db import Database
from shared.events import SubmissionReceived
from shared.http_client import ApiUnavailable, HttpClient
from shared.ids import CohortId, SubmissionId
from shared.outbox import publish
from tests.builders.intake import (
    PILOT_SECRET,
    PILOT_SECRET_ENV,
    handle_all,
    open_pilot,
    recorded_evidence,
    typeform_request,
)

HOST = "api.example.org"
FIELD = "ccb1c51d-0eba-4ea8-8770-a08716e6fec3"
RESPONSE = {"participant": "P-0001", "rater": "R-P-0001-PE1", "label": "4 - Often", "more": "/labels/7"}


class Thin(Typeform):
    """A vendor whose webhook names a response; its answer names a second request, for the labels."""

    @property
    def api_hosts(self) -> frozenset[str]:
        return frozenset({HOST})

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:
        pointer = parsed(request.body)
        headers = (("Authorization", f"Bearer {TOKEN}"),)
        if not answers:
            return RequestNeeded("GET", pointer["url"], headers)
        said = parsed(answers[0].body)
        if len(answers) == 1:
            return RequestNeeded("POST", f"https://{HOST}{said['more']}", headers, body=f"key={TOKEN}".encode())
        hidden = {"participant": said["participant"], "rater": said["rater"]}
        return Responses((Response("wNe360aT", pointer["id"], {FIELD: said["label"]}, hidden, None),))


class Api:
    """The vendor's API, as a transport: answers by path, and remembers what it was asked."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response] | None = None) -> None:
        self.asked: list[httpx.Request] = []
        self.answer = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answer(request) if self.answer else httpx.Response(200, json=RESPONSE)

    @property
    def client(self) -> HttpClient:
        transport = httpx.MockTransport(self)
        return HttpClient(timeout=timedelta(seconds=5), max_bytes=10_000, transport=transport)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PILOT_SECRET_ENV, PILOT_SECRET)
    monkeypatch.setenv(f"{PILOT_SECRET_ENV}_TOKEN", "api-token-hush")


def deliver(db: Database, url: str = f"https://{HOST}/responses/r1") -> SubmissionId:
    body = json.dumps({"event_id": "e1", "id": "r1", "url": url}).encode()
    with db.write() as uow:
        request = typeform_request(body, PILOT_SECRET)
        taken = commands.accept_webhook(uow, IntakeSettings(), "appraisal-360", request, {"typeform": Thin()})
    assert isinstance(taken, Taken)
    return taken.submission


def handle(db: Database, api: Api) -> None:
    handle_all(db, {"typeform": Thin()}, api.client)


def state(db: Database) -> tuple[str, str | None]:
    with db.read() as connection:
        row = connection.execute(sa.select(tables.submissions.c.state, tables.submissions.c.reason)).one()
    return row.state, row.reason


def test_the_response_is_fetched_with_the_token_and_recorded(any_db: Database) -> None:
    open_pilot(any_db)
    deliver(any_db)
    api = Api()
    handle(any_db, api)
    assert [(each.method, each.url.path) for each in api.asked] == [("GET", "/responses/r1"), ("POST", "/labels/7")]
    assert {each.headers["authorization"] for each in api.asked} == {"Bearer api-token-hush"}
    assert api.asked[1].content == b"key=api-token-hush"
    (event,) = recorded_evidence(any_db)
    assert dict(event.pieces[0].ratings) == {"SL1a": 4}
    assert state(any_db) == ("recorded", None)
    with any_db.read() as connection:
        kept = str(connection.execute(sa.select(tables.submissions)).mappings().one())
    assert "hush" not in kept


def test_what_was_fetched_is_kept_for_a_retry(db: Database) -> None:
    definition = open_pilot(db)
    submission = deliver(db)
    unknown = Api(lambda _: httpx.Response(200, json=RESPONSE | {"label": "Usually"}))
    handle(db, unknown)
    assert state(db) == ("quarantined", "unmapped_choice")
    better = definition.model_copy(update={"choices": {**definition.choices, "Usually": 4.0}})
    put_right(db, better)
    retry(db, submission)
    api = Api()
    handle(db, api)
    assert api.asked == []
    assert state(db) == ("recorded", None)


def put_right(db: Database, definition: CohortDefinition) -> None:
    """Another version of the cohort's definition is in force."""
    document = definition.model_dump_json()
    key = {"cohort": definition.cohort, "digest": hashlib.sha256(document.encode()).hexdigest()}
    with db.write() as uow:
        uow.execute(sa.insert(definitions).values(**key, document=document, since=clock.now()))
        uow.execute(sa.update(cohorts).values(digest=key["digest"]))


def retry(db: Database, submission: SubmissionId) -> None:
    with db.write() as uow:
        assert commands.retry(uow, [submission], actor="test") == [submission]


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_an_api_that_can_not_answer_now_is_asked_again_later(db: Database, status: int) -> None:
    open_pilot(db)
    deliver(db)
    with pytest.raises(ApiUnavailable) as caught:
        handle(db, Api(lambda _: httpx.Response(status, headers={"Retry-After": "120"})))
    assert status in {500, 408} or caught.value.retry_after == timedelta(seconds=120)
    assert state(db) == ("received", None)
    handle(db, Api())
    assert state(db) == ("recorded", None)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(401),
        httpx.Response(404),
        httpx.Response(302, headers={"Location": "https://elsewhere.example.org/"}),
        httpx.Response(200, content=b"x" * 20_000),
    ],
)
def test_an_api_that_refuses_puts_the_submission_in_quarantine(db: Database, answer: httpx.Response) -> None:
    open_pilot(db)
    submission = deliver(db)
    api = Api(lambda _: answer)
    handle(db, api)
    assert len(api.asked) == 1
    assert state(db) == ("quarantined", "api_refused")
    with db.read() as connection:
        (held,) = store.quarantined(connection)
    assert "quarantine retry" in held.reason
    assert "r1" not in held.reason
    retry(db, submission)
    handle(db, Api())
    assert state(db) == ("recorded", None)


def test_what_the_api_answers_may_be_no_json(db: Database) -> None:
    open_pilot(db)
    deliver(db)
    handle(db, Api(lambda _: httpx.Response(200, content=b"<html>")))
    assert state(db) == ("quarantined", "broken_json")


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example.org/r1",
        f"http://{HOST}/r1",
        f"https://{HOST}:8443/r1",
        f"https://user@{HOST}/r1",
        f"https://{HOST}.example.org/r1",
        "https://127.0.0.1/r1",
        "file:///etc/passwd",
        "https://",
        "no address",
        "",
    ],
)
def test_only_the_vendors_own_host_is_asked(db: Database, url: str) -> None:
    open_pilot(db)
    deliver(db, url)
    api = Api()
    handle(db, api)
    assert api.asked == []
    assert state(db) == ("quarantined", "api_refused")


def test_without_a_token_nothing_is_asked_and_the_cure_is_named(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(f"{PILOT_SECRET_ENV}_TOKEN")
    open_pilot(db)
    deliver(db)
    api = Api()
    handle(db, api)
    assert api.asked == []
    assert state(db) == ("quarantined", "api_token_missing")


def test_an_api_that_always_points_on_is_given_up(db: Database) -> None:
    class Endless(Thin):
        def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:
            return RequestNeeded("GET", f"https://{HOST}/page/{len(answers)}")

    open_pilot(db)
    deliver(db)
    api = Api()
    handle_all(db, {"typeform": Endless()}, api.client)
    assert len(api.asked) == 10
    assert state(db) == ("quarantined", "api_refused")


def test_the_same_event_twice_records_once(db: Database) -> None:
    open_pilot(db)
    submission = deliver(db)
    with db.write() as uow:
        publish(uow, SubmissionReceived(submission=submission, cohort=CohortId("pilot-p")))
    api = Api()
    handle(db, api)
    assert len(api.asked) == 2
    assert len(recorded_evidence(db)) == 1
