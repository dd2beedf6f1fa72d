"""Back-fill: a tool is asked page by page for what its webhooks missed; nothing is lost, nothing counts twice."""

import base64
import io
import json
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.intake import commands, store, tables
from services.intake.handlers import handlers
from services.intake.settings import IntakeSettings
from services.intake.store import Place
from services.intake.vendors import VENDORS
from services.intake.vendors.typeform import Typeform
from shared import delivery
from shared.bus import deliveries, events, lanes, timers
from shared.cohort.definition import CohortDefinition
from shared.cohort.store import definition_of
from shared.db import Database, database_now
from shared.events import BackfillDue, PageDue
from shared.http_client import HttpClient
from shared.ids import CohortId, DeliveryId
from shared.leases import Leases
from shared.outbox import publish
from shared.sweeper import Sweeper
from shared.words import Service
from tests.builders.described_folder import described
from tests.builders.intake import (
    PILOT,
    PILOT_SECRET,
    PILOT_SECRET_ENV,
    open_pilot,
    recorded_evidence,
    recorded_requests,
    typeform_request,
)
from tests.builders.vendor_samples import SAMPLES
from tests.servers.survey_tools import TOKEN, Asked, Tool
from tests.servers.tool_apis import SurveyMonkeyApi, TypeformApi

FORM, NAME = "wNe360aT", "appraisal-360"
COHORT = CohortId("pilot-p")
PLACE = Place(COHORT, NAME, FORM)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PILOT_SECRET_ENV, PILOT_SECRET)
    monkeypatch.setenv(f"{PILOT_SECRET_ENV}_TOKEN", TOKEN)


def genuine() -> list[dict[str, Any]]:
    """The pilot's recorded deliveries that are understood, each once."""
    found = [each["request"]["body"] for each in recorded_requests() if each["kind"] == "response"]
    return [json.loads(body) for body in found]


def listed(body: dict[str, Any]) -> dict[str, Any]:
    """The response of a delivery as the API lists it."""
    sent = body["form_response"]
    kept = {key: sent[key] for key in ("token", "submitted_at", "hidden", "answers")}
    return kept | {"response_id": sent["token"], "response_type": "completed"}


def tool_with(bodies: list[dict[str, Any]], page_size: int = 10) -> TypeformApi:
    tool = TypeformApi(FORM)
    tool.responses, tool.page_size = [listed(body) for body in bodies], page_size
    return tool


def deliver(db: Database, bodies: list[dict[str, Any]]) -> None:
    for body in bodies:
        with db.write() as uow:
            request = typeform_request(json.dumps(body).encode(), PILOT_SECRET)
            assert isinstance(commands.accept_webhook(uow, IntakeSettings(), NAME, request), commands.Taken)


def client(tool: Tool) -> HttpClient:
    return HttpClient(timeout=timedelta(seconds=5), max_bytes=5_000_000, transport=tool.transport)


def work(db: Database, tool: Tool, *, until: Callable[[], bool] = lambda: False) -> None:
    """Let an intake worker do what is due, whatever it waits for."""
    found = handlers(IntakeSettings(), VENDORS, client(tool))
    sweeper = Sweeper(db, {Service.INTAKE: found}, Leases(db), grace=timedelta())
    while sweeper.sweep() and not until():
        hurry(db)


def hurry(db: Database) -> None:
    """Let every timer be due."""
    with db.write() as uow:
        uow.execute(sa.update(timers).values(due_at=database_now(timedelta(seconds=-1))))


def ask(db: Database, name: str = NAME, cohort: CohortId = COHORT, since: datetime | None = None) -> None:
    with db.write() as uow:
        there = commands.connected(IntakeSettings(), definition_of(uow.connection, cohort), name)
        commands.backfill(uow, there, since=since, actor="test")


def poll(db: Database, place: Place = PLACE) -> store.Poll:
    with db.read() as connection:
        (found,) = [each for each in store.polls_of(connection, place.cohort, place.connection) if each.place == place]
    return found


def evidence(db: Database) -> list[str]:
    return sorted(piece.evidence for event in recorded_evidence(db) for piece in event.pieces)


def states(db: Database) -> dict[tuple[str, str | None], int]:
    s = tables.submissions.c
    query = sa.select(s.state, s.reason, sa.func.count()).group_by(s.state, s.reason)
    with db.read() as connection:
        return {(state, reason): count for state, reason, count in connection.execute(query)}


def pending(db: Database) -> list[Any]:
    query = sa.select(deliveries, events.c.name).join(events).where(deliveries.c.service == "intake")
    with db.read() as connection:
        return list(connection.execute(query.where(deliveries.c.state != "done")).all())


def all_by_webhook(db: Database) -> list[str]:
    """The evidence when every webhook arrives."""
    deliver(db, genuine())
    work(db, tool_with([]))
    return evidence(db)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> list[str]:
    path = tmp_path_factory.mktemp("whole") / "whole.db"
    path.write_bytes(sqlite_template.read_bytes())
    db = Database(f"sqlite:///{path}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PILOT_SECRET_ENV, PILOT_SECRET)
        open_pilot(db)
        found = all_by_webhook(db)
    db.close()
    return found


def test_a_back_fill_takes_in_what_webhooks_missed_and_nothing_twice(any_db: Database, expected: list[str]) -> None:
    open_pilot(any_db)
    bodies = genuine()
    deliver(any_db, bodies[::2])
    tool = tool_with(bodies)
    work(any_db, tool)
    ask(any_db)
    work(any_db, tool)
    assert evidence(any_db) == expected
    found = poll(any_db)
    assert (found.pages, found.news) == (-(-len(bodies) // 10), len(bodies) // 2)
    assert (found.following, found.asked_at, found.reason) == (None, None, None)
    assert found.ended_at is not None


def test_asked_again_it_asks_from_where_it_was_and_stores_nothing(db: Database, expected: list[str]) -> None:
    open_pilot(db)
    bodies = genuine()
    tool = tool_with(bodies, 1000)
    ask(db)
    work(db, tool)
    before, first = states(db), tool.asked[0].query
    ask(db)
    work(db, tool)
    assert evidence(db) == expected
    assert states(db) == before
    newest = max(datetime.fromisoformat(each["submitted_at"]) for each in tool.responses)
    assert first["since"] == "2017-01-23T00:00:00Z"
    assert datetime.fromisoformat(tool.asked[-1].query["since"]) == newest.replace(microsecond=0) - timedelta(hours=1)
    assert poll(db).news == 0


def test_from_a_moment_on_it_asks_for_everything_since(db: Database) -> None:
    open_pilot(db)
    tool = tool_with(genuine())
    ask(db)
    work(db, tool)
    ask(db, since=datetime(2017, 2, 1, 12, tzinfo=UTC))
    work(db, tool)
    assert tool.asked[-1].query["since"] == "2017-02-01T12:00:00Z"


def test_a_webhook_that_comes_after_the_page_is_set_aside(any_db: Database, expected: list[str]) -> None:
    open_pilot(any_db)
    bodies = genuine()
    tool = tool_with(bodies, 1000)
    ask(any_db)
    work(any_db, tool)
    deliver(any_db, bodies)
    work(any_db, tool)
    assert evidence(any_db) == expected
    assert states(any_db) == {("recorded", None): 1, ("set_aside", "nothing_new"): len(bodies)}


def test_what_is_in_quarantine_by_webhook_is_no_problem_twice(db: Database) -> None:
    open_pilot(db)
    body = genuine()[0]
    body["form_response"]["hidden"]["participant"] = "P-9999"
    deliver(db, [body])
    tool = tool_with([body])
    work(db, tool)
    ask(db)
    work(db, tool)
    assert states(db) == {("quarantined", "unknown_participant"): 1}


def test_an_unfinished_response_that_was_finished_meanwhile_is_taken_in(db: Database) -> None:
    open_pilot(db)
    whole = genuine()[0]
    deliver(db, [whole | {"event_type": "form_response_partial"}])
    tool = tool_with([whole])
    work(db, tool)
    assert evidence(db) == []
    ask(db)
    work(db, tool)
    assert len(evidence(db)) == 1


class Cut(Exception):
    """The worker is cut off here."""


@pytest.mark.parametrize("point", ["before storing", "after storing"])
@pytest.mark.parametrize("page", [0, 2])
def test_a_worker_that_ends_between_two_pages_loses_and_doubles_nothing(
    any_db: Database, expected: list[str], monkeypatch: pytest.MonkeyPatch, point: str, page: int
) -> None:
    open_pilot(any_db)
    tool = tool_with(genuine())
    left = [page + 1]
    move, name = store.move, "move"

    def cut(*args: Any, **values: Any) -> None:
        left[0] -= 1
        if left[0] != 0 or point == "after storing":
            move(*args, **values)
        if left[0] == 0:
            raise Cut

    monkeypatch.setattr(store, name, cut)
    ask(any_db)
    work(any_db, tool)
    monkeypatch.setattr(store, name, move)
    assert len(tool.asked) == page + 1
    make_due(any_db)
    work(any_db, tool)
    assert evidence(any_db) == expected
    assert tool.asked[page].url == tool.asked[page + 1].url
    assert poll(any_db).pages == -(-len(tool.responses) // 10)


def make_due(db: Database) -> None:
    with db.write() as uow:
        uow.execute(sa.update(deliveries).where(deliveries.c.state == "pending").values(due_at=database_now()))
        uow.execute(sa.update(lanes).values(shut_until=None))


def test_two_workers_that_ask_for_the_same_page_count_it_once(any_db: Database, expected: list[str]) -> None:
    open_pilot(any_db)
    tool = tool_with(genuine())
    both = threading.Barrier(2)

    def meet(_: Asked) -> None:
        with suppress(threading.BrokenBarrierError):
            both.wait(timeout=2)

    tool.before = meet
    ask(any_db)
    ask(any_db)
    first = [DeliveryId(each.id) for each in pending(any_db)]
    found = handlers(IntakeSettings(), VENDORS, client(tool))
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda each: delivery.run(any_db, each, found), first))
    assert done == [True, True]
    assert tool.asked[0].url == tool.asked[1].url
    assert poll(any_db).pages == 1
    both.abort()
    work(any_db, tool)
    assert evidence(any_db) == expected
    assert poll(any_db).pages == -(-len(tool.responses) // 10)


def test_what_the_api_refuses_is_said_and_the_next_run_begins_anew(db: Database, expected: list[str]) -> None:
    open_pilot(db)
    tool = tool_with(genuine())
    ask(db)
    work(db, tool, until=lambda: len(tool.asked) >= 2)
    tool.failures.append((400, {}, {"code": "the token of the page has expired"}))
    work(db, tool)
    failed = poll(db)
    assert failed.failed_at is not None
    assert "api.typeform.com answered 400" in str(failed.reason)
    assert "check the API token" in str(failed.reason)
    assert (failed.following, failed.cursor, failed.asked_at) == (None, None, None)
    assert pending(db) == []
    ask(db)
    work(db, tool)
    assert evidence(db) == expected
    assert poll(db).reason is None


@pytest.mark.parametrize("garbage", [b"<html>", b"[]", b'{"items": 3}'])
def test_garbage_is_said_and_nothing_of_it_is_kept(db: Database, garbage: bytes) -> None:
    open_pilot(db)
    tool = tool_with(genuine())
    tool.failures.append((200, {}, garbage))
    ask(db)
    work(db, tool)
    assert poll(db).reason
    assert states(db) == {}


def test_without_a_token_the_cure_is_named(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(f"{PILOT_SECRET_ENV}_TOKEN")
    open_pilot(db)
    tool = tool_with(genuine())
    ask(db)
    work(db, tool)
    assert tool.asked == []
    assert "_TOKEN" in str(poll(db).reason)


def test_a_tool_that_is_busy_is_left_alone_as_long_as_it_asks(any_db: Database, expected: list[str]) -> None:
    open_pilot(any_db)
    tool = tool_with(genuine(), 1000)
    tool.failures.append((429, {"Retry-After": "600"}, {}))
    ask(any_db)
    work(any_db, tool)
    (waiting,) = pending(any_db)
    with any_db.read() as connection:
        left = waiting.due_at - connection.execute(sa.select(database_now())).scalar_one()
    assert timedelta(minutes=9) < left
    assert "answered 429" in str(poll(any_db).reason)
    work(any_db, tool)
    assert len(tool.asked) == 1
    make_due(any_db)
    work(any_db, tool)
    assert evidence(any_db) == expected
    assert poll(any_db).reason is None


def test_a_days_budget_is_kept_and_the_rest_waits_for_midnight(
    any_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALENTLINE_FETCH_PER_DAY", '{"typeform": 3}')
    open_pilot(any_db)
    tool = tool_with(genuine())
    ask(any_db)
    work(any_db, tool)
    assert len(tool.asked) == 3
    (waiting,) = pending(any_db)
    assert waiting.attempts == 0
    assert "has used up its 3 requests of today" in waiting.last_error
    midnight = (datetime.now(UTC) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert midnight <= waiting.due_at.astimezone(UTC) < midnight + timedelta(minutes=1)


def test_a_minutes_budget_is_kept(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from services.intake.core.vendor import Pace

    monkeypatch.setattr(Typeform, "pace", Pace(per_minute=2))
    open_pilot(db)
    tool = tool_with(genuine())
    ask(db)
    work(db, tool)
    waiting = pending(db)
    assert len(tool.asked) in {2, 3, 4}  # a minute may have begun meanwhile
    assert [each.attempts for each in waiting] == [0]
    assert "of this minute" in waiting[0].last_error


# By themselves


def due(db: Database, slot: datetime, tool: Tool) -> int:
    """A time slot; gives how many forms were asked."""
    before = len(tool.asked)
    with db.write() as uow:
        publish(uow, BackfillDue(slot=slot))
    work(db, tool)
    return len(tool.asked) - before


def test_a_connection_is_asked_once_in_its_time_slot(db: Database, expected: list[str]) -> None:
    open_pilot(db)
    tool = tool_with(genuine(), 1000)
    slot = datetime(2017, 2, 6, 12, tzinfo=UTC)
    assert due(db, slot, tool) == 1
    assert due(db, slot, tool) == 0
    assert due(db, slot + timedelta(minutes=15), tool) == 0
    assert due(db, slot + timedelta(hours=6), tool) == 1
    assert evidence(db) == expected


@pytest.mark.parametrize("slot", [datetime(2017, 1, 22, 12, tzinfo=UTC), datetime(2017, 5, 2, 12, tzinfo=UTC)])
def test_nobody_is_asked_before_a_cohort_opens_or_long_after_it(db: Database, slot: datetime) -> None:
    open_pilot(db)
    assert due(db, slot, tool_with([])) == 0


def test_nobody_is_asked_without_a_token_or_while_a_run_is_under_way(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_pilot(db)
    slot = datetime(2017, 2, 6, 12, tzinfo=UTC)
    with monkeypatch.context() as patch:
        patch.delenv(f"{PILOT_SECRET_ENV}_TOKEN")
        assert due(db, slot, tool_with([])) == 0
    tool = tool_with(genuine())
    tool.failures.append((503, {"Retry-After": "900"}, {}))
    ask(db)
    work(db, tool)
    assert due(db, slot, tool) == 0


def test_a_message_of_a_place_that_was_passed_asks_for_nothing(db: Database) -> None:
    open_pilot(db)
    tool = tool_with(genuine(), 1000)
    ask(db)
    work(db, tool)
    with db.write() as uow:
        publish(uow, PageDue(cohort=COHORT, connection=commands_name(), form=FORM, turn=0))
    work(db, tool)
    assert len(tool.asked) == 1


def commands_name() -> Any:
    return NAME


# Other tools


class Site:
    """An open cohort with one more connection, `tool`, whose form is that of a vendor's recorded samples."""

    def __init__(
        self, db: Database, folder: Path, vendor: str, form: str, fields: dict[str, str], settings: str
    ) -> None:
        described(folder)
        with (folder / "cohort.toml").open("a", encoding="utf-8") as file:
            file.write(f'\n[connections.tool]\nvendor = "{vendor}"\ninstrument = "appraisal_360"\n')
            file.write(f'secret_env = "{PILOT_SECRET_ENV}"\n{settings}\n')
        with (folder / "programme" / "form_fields.csv").open("a", encoding="utf-8") as file:
            file.writelines(f"tool,{vendor},{form},{ref},{maps_to}\n" for ref, maps_to in fields.items())
        self.definition: CohortDefinition = open_pilot(db, folder)
        self.cohort = CohortId(self.definition.cohort)
        self.place = Place(self.cohort, "tool", form)


SURVEY = {
    "id": "401",
    "pages": [{"questions": [{"id": "q1", "answers": {"choices": [{"id": "c4", "text": "4 - Often"}]}}]}],
}


def monkey(number: int, choice: str = "c4") -> dict[str, Any]:
    rater = ["R-P-0001-PE1", "R-P-0001-PE2", "R-P-0001-PE3"][number]
    return {
        "id": f"r{number}",
        "survey_id": "401",
        "response_status": "completed",
        "collection_mode": "default",
        "date_modified": f"2017-02-0{number + 1}T09:00:00+00:00",
        "custom_variables": {"participant": "P-0001", "rater": rater, "relationship": "peer"},
        "pages": [{"questions": [{"id": "q1", "answers": [{"choice_id": choice}]}]}],
    }


def a_monkey_site(db: Database, folder: Path) -> tuple[Site, SurveyMonkeyApi]:
    site = Site(db, folder, "surveymonkey", "401", {"q1": "SL1a"}, 'settings = { client_id = "app" }')
    tool = SurveyMonkeyApi(SURVEY)
    tool.responses = [monkey(number) for number in range(3)]
    return site, tool


def test_a_surveys_details_are_asked_for_once(any_db: Database, tmp_path: Path) -> None:
    site, tool = a_monkey_site(any_db, tmp_path / "c")
    tool.page_size = 2
    ask(any_db, "tool", site.cohort)
    work(any_db, tool)
    paths = [each.path.rsplit("/", 1)[-1] for each in tool.asked]
    assert sorted(paths) in (["bulk", "bulk", "details"], ["bulk", "bulk", "details", "details"])
    asked = len(tool.asked)
    tool.responses = [each | {"date_modified": "2017-02-09T09:00:00+00:00"} for each in tool.responses]
    ask(any_db, "tool", site.cohort)
    work(any_db, tool)
    assert {each.path.rsplit("/", 1)[-1] for each in tool.asked[asked:]} == {"bulk"}
    assert len(set(evidence(any_db))) == 6
    with any_db.read() as connection:
        used = connection.execute(sa.select(lanes.c.day_uses).where(lanes.c.name == "vendor:surveymonkey")).scalar_one()
    assert used == len(tool.asked)


def test_a_choice_that_is_not_in_the_kept_details_has_them_asked_for_anew(db: Database, tmp_path: Path) -> None:
    site, tool = a_monkey_site(db, tmp_path / "c")
    tool.responses = [monkey(0)]
    ask(db, "tool", site.cohort)
    work(db, tool)
    tool.survey = json.loads(
        json.dumps(SURVEY).replace('"choices": [', '"choices": [{"id": "c5", "text": "3 - Sometimes"}, ')
    )
    tool.responses.append(monkey(1, "c5"))
    ask(db, "tool", site.cohort)
    work(db, tool)
    assert ("quarantined", "unmapped_choice") not in states(db)
    assert len(evidence(db)) == 2


class QualtricsApi(Tool):
    """An export in three steps, ready at the third look."""

    host = "lhr1.qualtrics.com"

    def answer(self, request: Asked) -> tuple[int, dict[str, str], Any]:
        looks = sum(each.path.endswith("/ES_1") for each in self.asked)
        if request.method == "POST":
            return 200, {}, {"result": {"progressId": "ES_1", "status": "inProgress"}}
        if request.path.endswith("/file"):
            return 200, {"Content-Type": "application/octet-stream"}, exported()
        done = {"fileId": "file-1", "status": "complete"} if looks == 3 else {"status": "inProgress"}
        return 200, {}, {"result": done}


def exported() -> bytes:
    values = {"finished": 1, "recordedDate": "2017-02-06T09:00:00.000Z", "endDate": "2017-02-06T09:00:00Z", "QID1": 4}
    who = {"participant": "P-0001", "rater": "R-P-0001-PE1", "relationship": "peer"}
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", json.dumps({"responses": [{"responseId": "R_1", "values": values | who}]}))
    return held.getvalue()


def test_an_export_is_waited_for_without_holding_a_worker(any_db: Database, tmp_path: Path) -> None:
    settings = 'settings = { api_host = "lhr1.qualtrics.com" }'
    site = Site(any_db, tmp_path / "c", "qualtrics", "SV_1", {"QID1": "SL1a"}, settings)
    tool = QualtricsApi()
    ask(any_db, "tool", site.cohort)
    work(any_db, tool)
    assert [each.method for each in tool.asked] == ["POST", "GET", "GET", "GET", "GET"]
    assert len(evidence(any_db)) == 1
    found = poll(any_db, site.place)
    assert (found.pages, found.news, found.cursor) == (1, 1, "2017-02-06T08:00:00Z")


class AlchemerApi(Tool):
    """Two pages, the second with an answer that is on no list."""

    host = "api.alchemer.com"

    def __call__(self, request: Asked) -> tuple[int, dict[str, str], Any]:
        if "typeform" in request.url:  # the cohort's other connection
            return 200, {}, {"items": []}
        self.asked.append(request)
        assert TOKEN in request.url
        return self.answer(request)

    def answer(self, request: Asked) -> tuple[int, dict[str, str], Any]:
        number = int(request.query["page"])
        sent = {
            "id": str(number),
            "status": "Complete",
            "date_submitted": f"2017-02-0{number} 09:00:00 EST",
            "url_variables": {"participant": "P-0001", "rater": f"R-P-0001-PE{number}", "relationship": "peer"},
            "survey_data": {"2": {"id": 2, "answer": "4 - Often" if number == 1 else "Usually"}},
        }
        return 200, {}, {"result_ok": True, "page": number, "total_pages": 2, "data": [sent]}


def test_a_tool_that_is_only_polled_feeds_a_cohort_by_itself(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PILOT_SECRET_ENV}_TOKEN", f"api_token={TOKEN}&api_token_secret=s")
    site = Site(db, tmp_path / "c", "alchemer", "5501234", {"2": "SL1a"}, "")
    tool = AlchemerApi()
    slot = datetime(2017, 2, 6, 12, tzinfo=UTC)
    with db.write() as uow:
        publish(uow, BackfillDue(slot=slot))
    work(db, tool)
    assert states(db)["recorded", None] == 1
    assert states(db)["quarantined", "unmapped_choice"] == 1
    assert poll(db, site.place).cursor == "2017-02-02 09:00:00"
    with db.read() as connection:
        every = (tables.polls, tables.submissions)
        stored = str([connection.execute(sa.select(table)).mappings().all() for table in every])
    assert TOKEN not in stored


@pytest.mark.parametrize("path", sorted((SAMPLES / "pages").glob("*.json")), ids=lambda path: path.stem)
def test_every_recorded_page_is_read_from_the_database_as_it_came(path: Path, db: Database, tmp_path: Path) -> None:
    """A page is stored with its form in a header: what the worker reads is what was asked for."""
    from services.intake.core.polling import form_of, polled
    from services.intake.core.submission import SubmissionKind
    from services.intake.core.vendor import ApiAnswer
    from shared.db import first_cause
    from shared.ids import SubmissionId

    content = json.loads(path.read_text())
    body = base64.b64decode(content["page_b64"]) if "page_b64" in content else json.dumps(content["page"]).encode()
    page = polled(content["form_id"], ApiAnswer(body))
    arrival = store.Arrival(
        SubmissionId("s"),
        COHORT,
        NAME,
        SubmissionKind.WEBHOOK,
        "k",
        page,
        page.sha256,
        datetime.now(UTC),
        first_cause(),
    )
    with db.write() as uow:
        store.add_submissions(uow, [arrival])
        kept = store.submission_locked(uow, SubmissionId("s"))
    assert kept is not None
    assert (form_of(kept.request), kept.request.body) == (content["form_id"], body)


def test_the_pilot_folder_is_what_these_tests_ask_about() -> None:
    lines = (PILOT / "programme" / "form_fields.csv").read_text(encoding="utf-8").splitlines()
    assert any(line.startswith(f"{NAME},typeform,{FORM},") for line in lines)
