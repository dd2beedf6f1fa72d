"""Survey tools through the door's command and the handlers, on a database: settings, fetching, and all instruments."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import httpx
import pytest
import sqlalchemy as sa

from services.intake import commands, tables
from services.intake.commands import Taken, TurnedAway
from services.intake.core.submission import RawRequest
from services.intake.handlers.fetching import NotReadableYet
from services.intake.settings import IntakeSettings
from shared.db import Database
from shared.http_client import HttpClient
from tests.builders.described_folder import described
from tests.builders.intake import handle_all, open_pilot, recorded_evidence

SECRET = "a-secret-for-tests"
ENV = "TEST_SECRET_TOOL"
Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV, SECRET)
    monkeypatch.setenv(f"{ENV}_TOKEN", "api-token-hush")


class Site:
    """An open cohort with the connection `tool`, and the vendor's API as a transport."""

    def __init__(
        self, db: Database, folder: Path, vendor: str, *, instrument: str, fields: dict[str, str], settings: str = ""
    ) -> None:
        described(folder)
        with (folder / "cohort.toml").open("a", encoding="utf-8") as file:
            file.write(f'\n[connections.tool]\nvendor = "{vendor}"\ninstrument = "{instrument}"\n')
            file.write(f'secret_env = "{ENV}"\n{settings}\n')
        with (folder / "programme" / "form_fields.csv").open("a", encoding="utf-8") as file:
            file.writelines(f"tool,{vendor},form1,{ref},{maps_to}\n" for ref, maps_to in fields.items())
        open_pilot(db, folder)
        self.db = db
        self.asked: list[httpx.Request] = []

    def deliver(self, request: RawRequest) -> Taken | TurnedAway | object:
        with self.db.write() as uow:
            return commands.accept_webhook(uow, IntakeSettings(), "tool", request)

    def handle(self, answer: Answer | None = None) -> None:
        def api(request: httpx.Request) -> httpx.Response:
            self.asked.append(request)
            assert answer is not None
            return answer(request)

        client = HttpClient(timeout=timedelta(seconds=5), max_bytes=10_000, transport=httpx.MockTransport(api))
        handle_all(self.db, client=client)

    @property
    def states(self) -> list[tuple[str, str | None]]:
        s = tables.submissions.c
        with self.db.read() as connection:
            rows = connection.execute(sa.select(s.state, s.reason).order_by(s.id)).all()
        return [(row.state, row.reason) for row in rows]

    @property
    def pieces(self) -> list[tuple[str, str, dict[str, float | None]]]:
        events = recorded_evidence(self.db)
        return [(each.element, each.by, dict(each.ratings)) for event in events for each in event.pieces]


def flow(response_id: str, **answers: str) -> RawRequest:
    """A delivery of a Power Automate flow."""
    details = {"submitDate": f"3/1{response_id}/2017 9:00:00 AM", **answers}
    body = {"template": "msforms.v1", "form_id": "form1", "response_id": response_id, "response": details}
    return RawRequest(json.dumps(body).encode(), (("X-Intake-Token", SECRET),))


def test_an_assessors_ratings_come_by_form_with_identity_in_questions(db: Database, tmp_path: Path) -> None:
    fields = {"r1": "EX1:SL1", "r2": "EX1:SL2", "r3": "identity:participant", "r4": "identity:assessor"}
    site = Site(db, tmp_path / "c", "msforms_powerautomate", instrument="development_day", fields=fields)
    site.deliver(flow("1", r1="4 - Often", r2="", r3="P-0001", r4="A-01"))
    site.handle()
    assert site.states == [("recorded", None)]
    assert site.pieces == [("EX1", "A-01", {"SL1": 4.0})]


def test_a_markers_marks_come_by_form(db: Database, tmp_path: Path) -> None:
    fields = {"r1": "W1", "r2": "W2", "r3": "identity:participant", "r4": "identity:marker"}
    site = Site(db, tmp_path / "c", "msforms_powerautomate", instrument="written_assessment", fields=fields)
    site.deliver(flow("1", r1="7", r2="6.5", r3="P-0001", r4="M-01"))
    site.deliver(flow("2", r1="11", r2="6.5", r3="P-0001", r4="M-01"))
    site.handle()
    assert site.states == [("recorded", None), ("quarantined", "off_scale")]
    assert sorted(site.pieces) == [("W1", "M-01", {"W1": 7.0}), ("W2", "M-01", {"W2": 6.5})]


def test_the_secret_of_a_header_is_not_kept(db: Database, tmp_path: Path) -> None:
    fields = {"r1": "W1", "r3": "identity:participant", "r4": "identity:marker"}
    site = Site(db, tmp_path / "c", "msforms_powerautomate", instrument="written_assessment", fields=fields)
    assert isinstance(site.deliver(flow("1", r1="7", r3="P-0001", r4="M-01")), Taken)
    with db.read() as connection:
        assert SECRET not in str(connection.execute(sa.select(tables.submissions)).mappings().one())


def test_of_two_states_of_a_response_the_later_revision_counts_whichever_comes_last(
    db: Database, tmp_path: Path
) -> None:
    fields = {"10": "SL1a"}
    site = Site(db, tmp_path / "c", "smartsurvey", instrument="appraisal_360", fields=fields)
    site.deliver(smartsurvey("3 - Sometimes", modified="2017-03-02T10:00:00Z"))
    site.handle()
    site.deliver(smartsurvey("4 - Often", modified="2017-03-01T09:00:00Z"))
    site.handle()
    with db.read() as connection:
        latest = connection.execute(sa.select(tables.latest.c.evidence)).scalar_one()
    counting = {piece.evidence: dict(piece.ratings) for each in recorded_evidence(db) for piece in each.pieces}
    assert counting[latest] == {"SL1a": 3.0}
    assert len(counting) == 2


def smartsurvey(label: str, modified: str) -> RawRequest:
    body = json.dumps(
        [
            {
                "id": 1,
                "survey_id": "form1",
                "status": "completed",
                "date_ended": "2017-03-01T09:00:00Z",
                "date_modified": modified,
                "entry_url": "https://example.org/?participant=P-0001&rater=R-P-0001-LI1&relationship=line_manager",
                "pages": [{"questions": [{"id": 10, "answers": [{"choice_title": label}]}]}],
            }
        ]
    ).encode()
    signature = hmac.digest(SECRET.encode(), body, "sha256").hex()
    return RawRequest(body, (("X-SmartSurvey-Signature", signature),))


def redcap(**changes: str) -> RawRequest:
    sent = {"project_id": "form1", "instrument": "feedback", "record": "7", "feedback_complete": "2"} | changes
    return RawRequest(urlencode(sent).encode(), (("Content-Type", "application/x-www-form-urlencoded"),), path=SECRET)


def test_every_save_of_a_record_is_fetched_though_its_bytes_are_the_same(db: Database, tmp_path: Path) -> None:
    settings = 'settings = { api_url = "https://redcap.example.org/api/" }'
    site = Site(db, tmp_path / "c", "redcap_det", instrument="appraisal_360", fields={}, settings=settings)
    add_fields(site, tmp_path, {"c01": "SL1a"})
    ratings = iter(["3", "4"])

    def answer(request: httpx.Request) -> httpx.Response:
        form = parse_qs(request.content.decode())
        assert (form["token"], form["records[0]"]) == (["api-token-hush"], ["7"])
        person = {"participant": "P-0001", "rater": "R-P-0001-LI1"}
        return httpx.Response(200, json=[{"c01": next(ratings), "feedback_complete": "2", **person}])

    for _ in range(2):
        taken = site.deliver(redcap(project_id="22"))
        assert isinstance(taken, Taken)
        assert taken.new
        site.handle(answer)
    assert [ratings for _, _, ratings in site.pieces] == [{"SL1a": 3.0}, {"SL1a": 4.0}]


def add_fields(site: Site, tmp_path: Path, fields: dict[str, str]) -> None:
    """Map fields of REDCap's project 22, whose id is a number."""
    with (tmp_path / "c" / "programme" / "form_fields.csv").open("a", encoding="utf-8") as file:
        file.writelines(f"tool,redcap_det,22,{ref},{maps_to}\n" for ref, maps_to in fields.items())
    open_pilot(site.db, tmp_path / "c")


def test_a_save_that_names_another_server_is_not_fetched(db: Database, tmp_path: Path) -> None:
    settings = 'settings = { api_url = "https://redcap.example.org/api/" }'
    site = Site(db, tmp_path / "c", "redcap_det", instrument="appraisal_360", fields={}, settings=settings)
    add_fields(site, tmp_path, {"c01": "SL1a"})
    site.deliver(redcap(project_id="22", redcap_url="https://169.254.169.254/"))
    site.handle()
    assert site.states == [("quarantined", "not_confirmed")]
    assert site.asked == []


def qualtrics(survey: str = "form1") -> RawRequest:
    message = json.dumps({"SurveyID": survey, "ResponseID": "R_1"})
    signature = hmac.digest(SECRET.encode(), message.encode(), "sha512").hex()
    return RawRequest(urlencode({"Topic": "x", "MSG": message, "HMAC": signature}).encode())


QUALTRICS = 'settings = { api_host = "lhr1.qualtrics.com" }'


def test_a_response_that_is_not_readable_yet_is_asked_for_again(db: Database, tmp_path: Path) -> None:
    fields = {"QID1": "SL1a"}
    site = Site(db, tmp_path / "c", "qualtrics", instrument="appraisal_360", fields=fields, settings=QUALTRICS)
    site.deliver(qualtrics())
    with pytest.raises(NotReadableYet):
        site.handle(lambda _: httpx.Response(404))
    assert site.states == [("received", None)]
    values: dict[str, Any] = {"finished": 1, "QID1": 4, "participant": "P-0001", "rater": "R-P-0001-LI1"}
    site.handle(lambda _: httpx.Response(200, json={"result": {"responseId": "R_1", "values": values}}))
    assert site.states == [("recorded", None)]
    assert {request.url.host for request in site.asked} == {"lhr1.qualtrics.com"}
    assert {request.headers["x-api-token"] for request in site.asked} == {"api-token-hush"}


def test_responses_of_a_form_that_is_not_mapped_are_not_asked_for(db: Database, tmp_path: Path) -> None:
    fields = {"QID1": "SL1a"}
    site = Site(db, tmp_path / "c", "qualtrics", instrument="appraisal_360", fields=fields, settings=QUALTRICS)
    site.deliver(qualtrics("SV_other"))
    site.handle()
    assert site.states == [("quarantined", "unknown_form")]
    with db.read() as connection:
        detail = connection.execute(sa.select(tables.submissions.c.detail)).scalar_one()
    assert detail == {"form": "SV_other", "response": "R_1"}


def test_a_submission_that_its_vendors_api_does_not_confirm_is_quarantined(db: Database, tmp_path: Path) -> None:
    site = Site(db, tmp_path / "c", "jotform", instrument="appraisal_360", fields={})
    with (tmp_path / "c" / "programme" / "form_fields.csv").open("a", encoding="utf-8") as file:
        file.write("tool,jotform,77,q1_a,SL1a\n")
    open_pilot(db, tmp_path / "c")
    body = urlencode({"formID": "77", "submissionID": "600", "rawRequest": "{}"}).encode()
    site.deliver(RawRequest(body, path=SECRET))
    site.handle(lambda _: httpx.Response(404))
    assert site.states == [("quarantined", "api_refused")]
    assert [str(request.url) for request in site.asked] == ["https://api.jotform.com/submission/600"]


def test_a_connections_client_id_is_part_of_its_key(db: Database, tmp_path: Path) -> None:
    settings = 'settings = { client_id = "app1" }'
    fields = {"10": "SL1a"}
    site = Site(db, tmp_path / "c", "surveymonkey", instrument="appraisal_360", fields=fields, settings=settings)
    body = (
        b'{"event_id": "1", "event_type": "response_completed", "object_id": "2", "resources": {"survey_id": "form1"}}'
    )

    def signed(key: str) -> RawRequest:
        signature = base64.b64encode(hmac.digest(key.encode(), body, "sha1")).decode()
        return RawRequest(body, (("Sm-Signature", signature), ("Sm-Apikey", "app1")))

    assert isinstance(site.deliver(signed(f"app1&{SECRET}")), Taken)
    for key in (SECRET, f"&{SECRET}", f"app2&{SECRET}"):
        assert site.deliver(signed(key)) == TurnedAway("signature_mismatch", counted_under="tool")
