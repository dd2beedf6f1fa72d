"""`talentline webhook explain` as a coordinator types it: over recorded files, and of what is stored."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.intake.commands import Taken, accept_webhook, explained
from services.intake.core.explaining.recorded import SOURCE
from services.intake.core.submission import RawRequest
from services.intake.settings import IntakeSettings
from services.intake.store import keep_answers
from services.intake.vendors import VENDORS
from shared.bus import deliveries
from shared.cohort.definition import Connection
from shared.cohort.folder import read_folder
from shared.cohort.opening import open_cohort
from shared.db import Database
from shared.words import Instrument
from tests.builders import intake
from tests.builders.shell import environment_of, typed_here
from tests.builders.vendor_samples import every

SAMPLES = Path(__file__).parents[1] / "samples"


class Terminal:
    """A coordinator's terminal on an installation whose database is `place/talentline.db`."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def type(self, *words: str, status: int = 0) -> tuple[list[Any], str]:
        """Run `talentline webhook explain`: the objects that it printed, and what it complained of."""
        done = typed_here(environment_of(self.place), "webhook", "explain", *words)
        assert done.status == status, done.out + done.err
        return [json.loads(line) for line in done.out.splitlines()], done.err


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


def test_every_recorded_file_is_explained_on_a_line_of_its_own_and_nothing_is_stored(terminal: Terminal) -> None:
    files = [str(path) for path in sorted(SAMPLES.glob("*/*.json")) if path.parent.name in VENDORS]
    found, complaints = terminal.type(*files)
    assert complaints == ""
    assert [each["file"] for each in found] == files
    expected = {sample.recorded.id: sample.expected for sample in every()}
    assert {each["id"]: each["action"] for each in found} == {name: said["action"] for name, said in expected.items()}
    assert list(terminal.place.iterdir()) == []


def test_what_came_before_is_found_beside_the_file_by_its_id(terminal: Terminal) -> None:
    ((said,), _) = terminal.type(str(SAMPLES / "typeform" / "05-duplicate.json"))
    assert said["action"] == "duplicate"
    alone = terminal.place / "alone.json"
    alone.write_text((SAMPLES / "typeform" / "05-duplicate.json").read_text())
    (terminal.place / "broken.json").write_text("{")
    ((said,), _) = terminal.type(str(alone))
    assert said["action"] == "store"


def test_a_file_that_is_no_recording_is_named_and_the_others_are_explained(terminal: Terminal) -> None:
    good = str(SAMPLES / "tally" / "01-positive.json")
    wrong = {"no.json": "{", "list.json": "[]", "other.json": '{"vendor": "x"}', "bytes.json": "\udcff"}
    for name, text in wrong.items():
        (terminal.place / name).write_text(text, errors="surrogateescape")
    found, complaints = terminal.type(good, *(str(terminal.place / name) for name in wrong), status=1)
    assert [each["file"] for each in found] == [good]
    for name in wrong:
        assert f"{name}: not a recorded delivery" in complaints


def test_either_files_or_a_stored_delivery_is_asked_for(terminal: Terminal) -> None:
    for words in ((), (str(SAMPLES / "tally" / "01-positive.json"), "--delivery", "x")):
        assert "Say which" in terminal.type(*words, status=2)[1]


def test_what_is_stored_is_explained_by_our_id_by_the_senders_and_by_that_of_a_step(
    terminal: Terminal, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(sqlite_template, terminal.place / "talentline.db")
    db = Database(f"sqlite:///{terminal.place / 'talentline.db'}")
    intake.open_pilot(db)
    monkeypatch.setenv(intake.PILOT_SECRET_ENV, intake.PILOT_SECRET)
    requests = intake.recorded_requests()
    (response, *_) = [each for each in requests if each["kind"] == "response"]
    (stranger,) = [each for each in requests if each["kind"] == "unknown_form"]
    taken = [accepted(db, each) for each in (response, stranger)]
    intake.handle_all(db)
    with db.read() as connection:
        step = connection.execute(sa.select(sa.func.min(deliveries.c.id))).scalar_one()
    event = json.loads(response["request"]["body"])["event_id"]
    answers = [terminal.type("--delivery", name)[0] for name in (taken[0].submission, event, str(step))]
    assert answers[0] == answers[1] == answers[2]
    ((said,), ((other,), _)) = answers[0], terminal.type("--delivery", taken[1].submission)
    assert (said["verified"], said["action"], said["state"], said["http_status"]) == (True, "store", "recorded", 200)
    assert said["delivery_id"] == event
    assert said["identity"]["participant_id"].startswith("P-0")
    assert set(said["items"].values()) <= {1, 2, 3, 4, 5, None}
    assert (other["action"], other["quarantined_as"], other["state"]) == ("quarantine", "unknown_form", "quarantined")
    assert "No stored webhook" in terminal.type("--delivery", "nobody", status=1)[1]
    db.close()


def accepted(db: Database, recording: Mapping[str, Any]) -> Taken:
    """Take a recorded request of the pilot."""
    sent = recording["request"]
    request = RawRequest(sent["body"].encode(), tuple(sent["headers"].items()))
    with db.write() as uow:
        taken = accept_webhook(uow, IntakeSettings(), sent["path"].rsplit("/", 1)[-1], request)
    assert isinstance(taken, Taken)
    return taken


def test_a_stored_thin_webhook_is_explained_from_the_answers_that_are_kept(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = next(each for each in every() if each.vendor == "surveymonkey" and each.kind == "positive")
    link = Connection(
        vendor="surveymonkey",
        instrument=Instrument.APPRAISAL_360,
        secret_env="TEST_SECRET_THIN",
        settings={"client_id": sample.recorded.settings["client_id"]},
    )
    definition = sample.recorded.definition.model_copy(update={"connections": {SOURCE.connection: link}})
    folder = replace(read_folder(intake.PILOT, vendors=VENDORS), definition=definition)
    folder = replace(folder, participants=(), raters=(), assessors=())
    with db.write() as uow:
        open_cohort(uow, folder, update=False, actor="test", has_evidence=False)
    monkeypatch.setenv("TEST_SECRET_THIN", sample.secret)
    with db.write() as uow:
        taken = accept_webhook(uow, IntakeSettings(), SOURCE.connection, sample.request)
        assert isinstance(taken, Taken)
        keep_answers(uow, taken.submission, sample.answers)
    (said,) = explained(db, taken.submission)
    assert said["answers"] == sample.expected["answers"]
    assert said["submitted_at"] == sample.expected["submitted_at"]
    assert "is not in roster.csv" in said["words"]
