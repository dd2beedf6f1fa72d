"""The web door: what a survey tool sees, what a coordinator sees, and what is stored."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from services.intake import store, tables
from services.intake.core.vendor import Reply
from services.intake.http import app
from services.intake.settings import IntakeSettings
from services.intake.vendors.typeform import Typeform
from shared import bus
from shared.db import Database
from shared.events import CohortRunRequested, SubmissionReceived
from shared.ids import CohortId, SubmissionId
from tests.builders.intake import (
    PILOT,
    PILOT_SECRET,
    PILOT_SECRET_ENV,
    handle_all,
    open_pilot,
    recorded_requests,
    typeform_body,
    typeform_signature,
    workbook,
)

TOKEN = "a-token-for-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
HOOK = "/webhooks/appraisal-360"
UPLOAD = "/cohorts/pilot-p/submissions"
BODY = typeform_body(participant="P-0001", rater="R-P-0001-PE1", form="wNe360aT", labels={})


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> IntakeSettings:
    monkeypatch.setenv(PILOT_SECRET_ENV, PILOT_SECRET)
    return IntakeSettings(api_token=TOKEN, webhook_max_bytes=100_000, upload_max_bytes=100_000)


@pytest.fixture
def door(db: Database, settings: IntakeSettings) -> Iterator[TestClient]:
    open_pilot(db)
    with TestClient(app(db, settings)) as client:
        yield client


def signed(body: bytes = BODY, secret: str = PILOT_SECRET) -> dict[str, str]:
    return {"Typeform-Signature": typeform_signature(body, secret)}


def rows(db: Database, table: sa.Table = tables.submissions) -> list[Any]:
    with db.read() as connection:
        return list(connection.execute(sa.select(table)).mappings())


def counted(db: Database, times: int) -> list[Any]:
    """The refusals, once so many are counted: that is done beside the senders' path."""
    deadline = time.monotonic() + 30
    while True:
        found = rows(db, tables.refusals)
        if sum(row["count"] for row in found) == times:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def told(db: Database, name: str = SubmissionReceived.name) -> int:
    with db.read() as connection:
        query = sa.select(sa.func.count()).select_from(bus.events).where(bus.events.c.name == name)
        return connection.execute(query).scalar_one()


def test_every_recorded_delivery_of_the_pilot_is_answered_as_its_sender_must_see_it(
    door: TestClient, db: Database
) -> None:
    for recorded in recorded_requests():
        request = recorded["request"]
        answer = door.post(request["path"], content=request["body"].encode(), headers=request["headers"])
        expected = recorded.get("expect_status", "2xx")
        assert str(answer.status_code)[0] == expected[0], recorded["file"]
    assert len(rows(db)) == 91 - 3 - 1
    assert told(db) == 91 - 3 - 1
    with db.read() as connection:
        assert store.duplicates(connection, CohortId("pilot-p")) == 3
    counted(db, 1)
    with db.read() as connection:
        assert [(each.reason, each.count) for each in store.refusals(connection, CohortId("pilot-p"))] == [
            ("signature_mismatch", 1)
        ]


def test_a_submission_is_stored_raw_with_headers_time_and_outcome_and_without_secrets(
    door: TestClient, db: Database
) -> None:
    body = b'{"event_id": "e1",  "not": "what is expected"}'
    headers = signed(body) | {"Cookie": "session=hush", "Authorization": "Bearer hush", "X-Extra": "kept"}
    answer = door.post(HOOK, content=body, headers=headers)
    assert answer.status_code == 200
    (row,) = rows(db)
    assert answer.json() == {"status": "accepted", "submission": row["id"]}
    assert (row["body"], row["delivery_key"], row["state"], row["connection"]) == (
        body,
        "e1",
        "received",
        "appraisal-360",
    )
    assert abs((datetime.now(UTC) - row["received_at"]).total_seconds()) < 60
    kept = dict(row["headers"])
    assert kept["x-extra"] == "kept"
    assert kept["typeform-signature"].startswith("sha256=")
    assert "hush" not in str(row["headers"])


def test_the_same_again_is_counted_and_told_once(door: TestClient, db: Database) -> None:
    first, second, third = (door.post(HOOK, content=BODY, headers=signed()) for _ in range(3))
    assert [each.json()["status"] for each in (first, second, third)] == ["accepted", "duplicate", "duplicate"]
    assert second.json()["submission"] == first.json()["submission"]
    (row,) = rows(db)
    assert row["duplicates"] == 2
    assert row["last_duplicate_at"] is not None
    assert told(db) == 1


def test_the_same_delivery_id_with_other_content_is_kept_and_flagged(door: TestClient, db: Database) -> None:
    other = BODY + b" "
    door.post(HOOK, content=BODY, headers=signed())
    assert door.post(HOOK, content=other, headers=signed(other)).status_code == 200
    assert [row["conflict"] for row in rows(db)] == [False, True]
    assert told(db) == 2


def test_without_a_delivery_id_the_bodys_hash_is_the_key(door: TestClient, db: Database) -> None:
    for body in (b"no json", b"no json", b"other"):
        assert door.post(HOOK, content=body, headers=signed(body)).status_code == 200
    assert [row["duplicates"] for row in rows(db)] == [1, 0]


@pytest.mark.parametrize("event", ["\x00", "\ud800", "x" * 300, " ", "two\nlines"])
def test_an_odd_delivery_id_does_no_harm(door: TestClient, db: Database, event: str) -> None:
    body = typeform_body(event=event)
    for _ in range(2):
        assert door.post(HOOK, content=body, headers=signed(body)).status_code == 200
    (row,) = rows(db)
    assert row["delivery_key"] in {row["sha256"], "\ufffd"}
    assert row["duplicates"] == 1


def test_a_forged_request_is_refused_and_counted_in_one_row_a_day(door: TestClient, db: Database) -> None:
    for _ in range(3):
        assert door.post(HOOK, content=BODY, headers=signed(secret="wrong")).status_code == 401
    assert door.post(HOOK, content=BODY).status_code == 401
    assert rows(db) == []
    by_reason = {row["reason"]: row["count"] for row in counted(db, 4)}
    assert by_reason == {"missing_signature": 1, "signature_mismatch": 3}


def test_unknown_connections_are_refused_and_counted_in_one_row(door: TestClient, db: Database) -> None:
    for name in ("nobody", "no body", "a/b", "%00", "ü", "x" * 500):
        answer = door.post(f"/webhooks/{name}", content=BODY, headers=signed())
        assert answer.status_code == 401
        assert set(answer.json()) == {"detail"}
    (row,) = counted(db, 6)
    assert (row["connection"], row["reason"], row["count"]) == ("*", "unknown_connection", 6)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "POST"])
def test_nobody_under_webhooks_sees_404_or_410(door: TestClient, method: str) -> None:
    for path in ("", "/", "/appraisal-360", "/appraisal-360/", "/appraisal-360/x/y", "/zz", "//"):
        answer = door.request(method, f"/webhooks{path}")
        assert answer.status_code in {401, 405}
        assert answer.status_code == 401 or "POST" in answer.headers["allow"]


def test_a_question_of_a_vendor_whether_anybody_is_there_is_answered(db: Database, settings: IntakeSettings) -> None:
    class Asking(Typeform):
        def handshake(self, request: Any, secrets: Any) -> Reply | None:
            return Reply(200, (("X-Hook", "yes"),), b"here") if request.method == "HEAD" else None

    open_pilot(db)
    client = TestClient(app(db, settings, {"typeform": Asking()}))
    answer = client.head(HOOK)
    assert (answer.status_code, answer.headers["x-hook"]) == (200, "yes")
    assert client.post(HOOK, content=BODY, headers=signed()).status_code == 200


def test_a_body_above_the_limit_is_refused_without_reading_it_all(door: TestClient, db: Database) -> None:
    read: list[int] = []

    def endless() -> Iterator[bytes]:
        for each in range(100):
            read.append(each)
            yield b"x" * 10_000

    assert door.post(HOOK, content=endless(), headers=signed()).status_code == 413
    too_much = b"x" * 100_001
    assert door.post(HOOK, content=too_much, headers=signed(too_much)).status_code == 413
    just = b"x" * 100_000
    assert door.post(HOOK, content=just, headers=signed(just)).status_code == 200
    assert len(rows(db)) == 1


def test_without_a_secret_the_sender_is_asked_to_come_again(
    door: TestClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in (None, "", " , "):
        monkeypatch.delenv(PILOT_SECRET_ENV, raising=False)
        if value is not None:
            monkeypatch.setenv(PILOT_SECRET_ENV, value)
        answer = door.post(HOOK, content=BODY, headers=signed())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert [(row["reason"], row["count"]) for row in counted(db, 3)] == [("secret_not_set", 3)]


def test_during_a_rotation_both_secrets_are_taken(door: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PILOT_SECRET_ENV, f"new-secret,{PILOT_SECRET}")
    other = BODY + b" "
    assert door.post(HOOK, content=BODY, headers=signed()).status_code == 200
    assert door.post(HOOK, content=other, headers=signed(other, "new-secret")).status_code == 200


@pytest.fixture
def stranded(tmp_path: Any, settings: IntakeSettings) -> TestClient:
    """A door whose database is away."""
    (tmp_path / "folder.db").mkdir()
    return TestClient(app(Database(f"sqlite:///{tmp_path / 'folder.db'}"), settings))


def test_with_the_database_away_everybody_is_asked_to_come_again(stranded: TestClient) -> None:
    answers = [
        stranded.post(HOOK, content=BODY, headers=signed()),
        stranded.post("/cohorts/pilot-p/runs", headers=BEARER),
        stranded.post(UPLOAD, headers=BEARER, files={"file": ("m.csv", b"x")}),
        stranded.get("/readyz"),
        stranded.get(HOOK),
    ]
    for answer in answers:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
        assert "database" in answer.json()["detail"]
    assert stranded.get("/healthz").json() == {"status": "ok"}


def test_nothing_is_stored_if_it_can_not_be_told(door: TestClient, db: Database) -> None:
    with db.write() as uow:
        trigger = "CREATE TRIGGER broken BEFORE INSERT ON bus_events BEGIN SELECT RAISE(ABORT, 'no room'); END"
        uow.connection.exec_driver_sql(trigger)
    quiet = TestClient(door.app, raise_server_exceptions=False)
    answer = quiet.post(HOOK, content=BODY, headers=signed())
    assert (answer.status_code, set(answer.json())) == (500, {"detail"})
    assert "no room" not in answer.text
    assert rows(db) == []


def test_a_supervisor_is_answered(door: TestClient) -> None:
    assert door.get("/healthz").json() == {"status": "ok"}
    assert door.get("/readyz").json() == {"status": "ready"}
    assert door.get("/nowhere").json() == {"detail": "Not Found"}
    assert door.get("/openapi.json").json()["openapi"] == "3.1.0"
    assert door.get("/docs").status_code == 404


def send(door: TestClient, content: bytes, name: str = "file.xlsx", headers: dict[str, str] | None = None) -> Any:
    return door.post(UPLOAD, files={"file": (name, content)}, headers=BEARER if headers is None else headers)


SHEET = (PILOT / "development_day" / "A-01.xlsx").read_bytes()


def test_a_file_is_taken_once_and_audited(door: TestClient, db: Database) -> None:
    answer = send(door, SHEET)
    assert answer.status_code == 202
    (row,) = rows(db)
    assert answer.json() == {
        "submission": row["id"],
        "kind": "score_sheet",
        "new": True,
        "summary": "score sheet: 14 rows about 7 participants by 1 assessor",
    }
    again = send(door, SHEET, "another name.xlsx")
    assert (again.status_code, again.json()["new"], again.json()["submission"]) == (200, False, row["id"])
    assert (len(rows(db)), told(db)) == (1, 1)
    assert [(each["actor"], each["action"], each["subject"]) for each in rows(db, bus.audit)[1:]] == [
        ("api", "file.submitted", row["id"])
    ] * 2


def test_what_a_file_is_its_content_says(door: TestClient) -> None:
    marks = (PILOT / "written" / "marks.csv").read_bytes()
    assert send(door, marks, "sheet.xlsx").json()["kind"] == "marks"


def test_a_file_with_mistakes_is_refused_whole_with_each_of_them(door: TestClient, db: Database) -> None:
    answer = send(door, (PILOT / "rejected" / "A-01-with-errors.xlsx").read_bytes())
    assert answer.status_code == 422
    said = answer.json()
    assert said["detail"] == "the file has 6 mistakes; correct it and send it again"
    assert {
        "sheet": "EX1",
        "row": 2,
        "column": "SL2",
        "value": "4/5",
        "reason": "is not a number; write one number, or leave the cell blank",
    } in said["mistakes"]
    assert len(said["mistakes"]) == 6
    assert (rows(db), told(db)) == ([], 0)


def test_a_file_that_is_no_table_is_refused_in_the_same_shape(door: TestClient) -> None:
    answer = send(door, b"%PDF-1.7")
    assert answer.status_code == 422
    (mistake,) = answer.json()["mistakes"]
    assert (mistake["sheet"], mistake["row"]) == ("", None)


def test_without_the_token_nothing_is_taken(door: TestClient, db: Database) -> None:
    good = f"Bearer {TOKEN}"
    for bad in ("", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"{good}x", good[:-1], "Bearer é"):
        headers = {"Authorization": bad.encode("latin-1")}
        for answer in (
            door.post(UPLOAD, files={"file": ("a.xlsx", SHEET)}, headers=headers),
            door.post("/cohorts/pilot-p/runs", headers=headers),
        ):
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert (rows(db), told(db, CohortRunRequested.name)) == ([], 0)


def test_without_a_token_in_the_settings_the_door_says_how_to_open_it(db: Database) -> None:
    client = TestClient(app(db, IntakeSettings(api_token=None)))
    for token in ("", "None", TOKEN):
        answer = client.post(UPLOAD, files={"file": ("a", b"x")}, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 503
        assert "TALENTLINE_API_TOKEN" in answer.json()["detail"]


def test_an_upload_that_is_no_single_file_is_refused(door: TestClient) -> None:
    assert door.post(UPLOAD, content=SHEET, headers=BEARER).status_code == 415
    assert door.post(UPLOAD, data={"file": "x"}, headers=BEARER).status_code == 415
    two = {"a": ("a.csv", b"x"), "b": ("b.csv", b"x")}
    assert door.post(UPLOAD, files=two, headers=BEARER).status_code == 400
    multipart = BEARER | {"Content-Type": "multipart/form-data"}
    assert door.post(UPLOAD, content=b"x", headers=multipart).status_code == 400
    multipart = BEARER | {"Content-Type": "multipart/form-data; boundary=b"}
    assert door.post(UPLOAD, content=b"--b--", headers=multipart).status_code == 400


def test_a_file_above_the_limit_is_refused(door: TestClient) -> None:
    assert send(door, b"x" * 100_001).status_code == 413
    assert send(door, b"x" * 1_000_001).status_code == 413


def test_an_unknown_cohort_is_named(door: TestClient) -> None:
    for path in ("/cohorts/nobody/submissions", "/cohorts/nobody/runs"):
        answer = door.post(path, files={"file": ("a.csv", b"x")}, headers=BEARER)
        assert answer.status_code == 404
        assert "cohort nobody is not open here" in answer.json()["detail"]


def test_addresses_that_no_database_can_look_up_are_unknown(postgres_db: Database, settings: IntakeSettings) -> None:
    client = TestClient(app(postgres_db, settings))
    for odd in ("a%00b", "%ed%a0%80", "x" * 5000):
        assert client.post(f"/webhooks/{odd}", content=BODY, headers=signed()).status_code == 401
        assert client.post(f"/cohorts/{odd}/runs", headers=BEARER).status_code == 404
    for row in counted(postgres_db, 3):
        assert row["connection"] == "*"


def test_a_run_is_asked_for_under_its_own_correlation(door: TestClient, db: Database) -> None:
    answer = door.post("/cohorts/pilot-p/runs", headers=BEARER)
    assert answer.status_code == 202
    run = answer.json()["run"]
    (event,) = (row for row in rows(db, bus.events) if row["name"] == CohortRunRequested.name)
    assert event["payload"] == {"run": run, "cohort": "pilot-p"}
    assert event["correlation"] == run
    assert rows(db, bus.audit)[-1]["action"] == "cohort.run_requested"


def test_a_refused_file_is_no_quarantined_submission(door: TestClient, db: Database) -> None:
    send(door, workbook({"EX1": [["participant", "SL1"], ["P-0001", 9]]}))
    handle_all(db)
    with db.read() as connection:
        assert store.quarantined(connection) == []
        assert store.quarantined_one(connection, SubmissionId("none")) is None
