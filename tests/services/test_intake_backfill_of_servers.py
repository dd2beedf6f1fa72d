"""Back-fill of the survey servers that institutions run themselves, LimeSurvey and REDCap, which are asked by POST."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa

from services.intake import commands, store, tables
from services.intake.core.polling import stamped
from services.intake.core.submission import RawRequest
from services.intake.handlers import handlers
from services.intake.settings import IntakeSettings
from services.intake.vendors import VENDORS, limesurvey_plugin
from shared import clock
from shared.bus import timers
from shared.cohort.store import definition_of
from shared.db import Database, database_now
from shared.http_client import HttpClient
from shared.ids import CohortId
from shared.leases import Leases
from shared.sweeper import Sweeper
from shared.words import Service
from tests.builders.described_folder import described
from tests.builders.intake import open_pilot, recorded_evidence
from tests.servers.survey_tools import TOKEN, Tool
from tests.servers.tool_apis import LimeSurveyApi, RedcapApi

ENV, SECRET = "TEST_SECRET_SERVER", "a-secret-for-tests"
COHORT = CohortId("pilot-p")
RATERS = ["R-P-0001-PE1", "R-P-0001-PE2", "R-P-0001-PE3"]
SURVEY = "552233"
QUESTIONS = [
    {"qid": 400, "parent_qid": 0, "sid": SURVEY, "gid": 12, "type": "F", "title": "C", "question": "Rate"},
    {"qid": 401, "parent_qid": 400, "sid": SURVEY, "gid": 12, "type": "F", "title": "SQ001", "question": "One"},
    {"qid": 470, "parent_qid": 0, "sid": SURVEY, "gid": 14, "type": "S", "title": "who", "question": "Who"},
    {"qid": 471, "parent_qid": 0, "sid": SURVEY, "gid": 14, "type": "S", "title": "by", "question": "By"},
]
LIME = f"{SURVEY}X12X400SQ001", f"{SURVEY}X14X470", f"{SURVEY}X14X471"
TARGETS = ("SL1a", "identity:participant", "identity:rater")


class Site:
    """The pilot's cohort with a connection to a server, and the server."""

    def __init__(
        self, db: Database, folder: Path, tool: Tool, vendor: str, settings: str, form: str, fields: tuple[str, ...]
    ) -> None:
        described(folder)
        with (folder / "cohort.toml").open("a", encoding="utf-8") as file:
            file.write(f'\n[connections.server]\nvendor = "{vendor}"\ninstrument = "appraisal_360"\n')
            file.write(f'secret_env = "{ENV}"\nsettings = {{ {settings} }}\n')
        with (folder / "programme" / "form_fields.csv").open("a", encoding="utf-8") as file:
            file.writelines(
                f"server,{vendor},{form},{ref},{target}\n" for ref, target in zip(fields, TARGETS, strict=True)
            )
        open_pilot(db, folder)
        self.db, self.tool = db, tool
        self.client = HttpClient(timeout=timedelta(seconds=5), max_bytes=100_000, transport=tool.transport)

    def deliver(self, request: RawRequest) -> None:
        with self.db.write() as uow:
            assert isinstance(commands.accept_webhook(uow, IntakeSettings(), "server", request), commands.Taken)

    def work(self) -> None:
        sweeper = Sweeper(
            self.db,
            {Service.INTAKE: handlers(IntakeSettings(), VENDORS, self.client)},
            Leases(self.db),
            grace=timedelta(),
        )
        while sweeper.sweep():
            with self.db.write() as uow:
                uow.execute(sa.update(timers).values(due_at=database_now(timedelta(seconds=-1))))

    def backfill(self) -> store.Poll:
        with self.db.write() as uow:
            there = commands.connected(IntakeSettings(), definition_of(uow.connection, COHORT), "server")
            commands.backfill(uow, there, since=None, actor="test")
        self.work()
        with self.db.read() as connection:
            (poll,) = store.polls_of(connection, COHORT, "server")
        return poll

    def said(self) -> dict[str, Any]:
        """Who rated, and how."""
        return {piece.by: piece.ratings["SL1a"] for each in recorded_evidence(self.db) for piece in each.pieces}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV, SECRET)
    monkeypatch.setenv(f"{ENV}_TOKEN", TOKEN)


@pytest.fixture
def lime(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Three responses of which the second is not finished; two make a page."""
    monkeypatch.setattr(limesurvey_plugin, "PAGE", 2)
    tool = LimeSurveyApi(QUESTIONS)
    for number, rater in enumerate(RATERS, start=1):
        at = None if number == 2 else f"2017-03-0{number} 09:30:00"
        tool.responses.append(by_code(number, rater, at))
    settings = 'api_url = "https://survey.example.org/index.php/admin/remotecontrol", username = "talentline"'
    return Site(db, tmp_path / "folder", tool, "limesurvey_plugin", settings, SURVEY, LIME)


def by_code(number: int, rater: str, at: str | None) -> dict[str, Any]:
    return {"id": str(number), "submitdate": at, "C[SQ001]": str(number), "who": "P-0001", "by": rater}


def plugins(number: int, rater: str, at: str) -> RawRequest:
    """The same response as the plugin delivers it."""
    columns = dict(zip(LIME, (str(number), "P-0001", rater), strict=True))
    body = {"api_token": SECRET, "survey": SURVEY, "event": "afterSurveyComplete", "respondId": number}
    return RawRequest(json.dumps(body | {"response": columns, "submitDate": at}).encode())


def test_limesurveys_responses_are_exported_page_by_page_and_unfinished_ones_do_not_count(lime: Site) -> None:
    poll = lime.backfill()
    assert (poll.reason, poll.pages) == (None, 2)
    assert lime.said() == {RATERS[0]: 1, RATERS[2]: 3}
    lime.tool.responses[1]["submitdate"] = "2017-03-09 10:00:00"  # type: ignore[attr-defined]  # it is a LimeSurveyApi
    assert lime.backfill().news == 1
    assert lime.said() == {RATERS[0]: 1, RATERS[1]: 2, RATERS[2]: 3}
    assert lime.backfill().news == 0


def test_what_limesurveys_plugin_brought_is_not_taken_in_again(lime: Site) -> None:
    lime.deliver(plugins(1, RATERS[0], "2017-03-01 09:30:00"))
    lime.work()
    lime.backfill()
    assert lime.said() == {RATERS[0]: 1, RATERS[2]: 3}
    assert len(recorded_evidence(lime.db)) == 2


def test_neither_password_nor_session_of_limesurvey_is_kept_anywhere(lime: Site) -> None:
    lime.backfill()
    assert {LimeSurveyApi.session in each.body.decode() for each in lime.tool.asked} == {True, False}
    with lime.db.read() as connection:
        stored = [
            str(connection.execute(sa.select(table)).all()) for table in tables.submissions.metadata.sorted_tables
        ]
    assert [each for each in stored if TOKEN in each or LimeSurveyApi.session in each] == []


def test_a_password_that_limesurvey_refuses_is_said_and_one_with_quotes_is_sent_as_it_is(
    lime: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{ENV}_TOKEN", 'it\'s "hush" \\')
    poll = lime.backfill()
    assert poll.reason == (
        "LimeSurvey answered “Invalid user name or password”; check the setting `username` and the API token, which is"
        " the password"
    )
    lime.tool.password = 'it\'s "hush" \\'  # type: ignore[attr-defined]  # it is a LimeSurveyApi
    lime.backfill()
    assert lime.said() == {RATERS[0]: 1, RATERS[2]: 3}


@pytest.fixture
def redcap(db: Database, tmp_path: Path) -> Site:
    """Three records, of which the second is not complete."""
    tool = RedcapApi()
    for number, rater in enumerate(RATERS, start=1):
        complete = "0" if number == 2 else "2"
        tool.records.append(record(number, rater, complete))
        tool.changed[str(number)] = f"2017-03-0{number} 09:30:00"
    settings = 'api_url = "https://redcap.example.ac.uk/api/"'
    return Site(db, tmp_path / "folder", tool, "redcap_det", settings, "2207", ("c01", "who", "by"))


def record(number: int, rater: str, complete: str) -> dict[str, str]:
    at = f"2017-03-0{number} 09:30:00" if complete == "2" else ""
    answers = {"record_id": str(number), "c01": str(number), "who": "P-0001", "by": rater}
    return answers | {"feedback_timestamp": at, "feedback_complete": complete}


def saved(number: int) -> RawRequest:
    form: Mapping[str, str] = {"project_id": "2207", "instrument": "feedback", "record": str(number)}
    return RawRequest(urlencode(form).encode(), path=SECRET)


def test_redcaps_records_are_exported_and_asked_for_again_only_since_the_newest(redcap: Site) -> None:
    poll = redcap.backfill()
    assert (poll.reason, poll.pages, poll.news) == (None, 1, 3)
    assert poll.cursor == "2017-03-02T09:30:00Z"
    assert redcap.said() == {RATERS[0]: 1, RATERS[2]: 3}
    tool = redcap.tool
    assert isinstance(tool, RedcapApi)
    tool.records[1] |= record(2, RATERS[1], "2")
    tool.changed["2"] = "2017-03-04 11:00:00"
    assert redcap.backfill().news == 1
    assert redcap.said() == {RATERS[0]: 1, RATERS[1]: 2, RATERS[2]: 3}
    assert "dateRangeBegin=2017-03-02+09%3A30%3A00" in tool.asked[-1].body.decode()


def test_a_record_that_is_dated_in_the_future_does_not_hide_those_to_come(redcap: Site) -> None:
    tool = redcap.tool
    assert isinstance(tool, RedcapApi)
    tool.records[0]["feedback_timestamp"] = "2917-03-01 09:30:00"
    before = stamped(clock.now())
    cursor = redcap.backfill().cursor
    assert cursor is not None
    assert before <= cursor <= stamped(clock.now())


def test_what_redcaps_trigger_led_to_is_not_taken_in_again(redcap: Site) -> None:
    redcap.deliver(saved(1))
    redcap.work()
    assert redcap.said() == {RATERS[0]: 1}
    assert redcap.backfill().news == 2
    assert redcap.said() == {RATERS[0]: 1, RATERS[2]: 3}


def test_of_a_redcap_project_with_several_instruments_one_must_be_named(redcap: Site) -> None:
    tool = redcap.tool
    assert isinstance(tool, RedcapApi)
    for each in tool.records:
        each["consent_complete"] = "2"
    redcap.backfill()
    assert redcap.said() == {}
    with redcap.db.read() as connection:
        (words,) = connection.execute(sa.select(tables.submissions.c.reason_words)).scalars()
    assert "name the one that counts in the setting `instrument`" in words
