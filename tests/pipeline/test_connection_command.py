"""`talentline connection …` as a coordinator types it, with `talentline up` and stand-ins for survey tools' APIs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.intake.vendors import VENDORS
from shared.cohort.folder import read_folder
from tests.builders.intake import PILOT, recorded_requests
from tests.builders.shell import Here, Shell
from tests.servers.survey_tools import TOKEN, SurveyTools
from tests.servers.tool_apis import SurveyMonkeyApi, TypeformApi

FORM = "wNe360aT"
ENV = "TALENTLINE_SECRET_APPRAISAL_360"
SURVEY = {
    "id": "401",
    "pages": [{"questions": [{"id": "q1", "answers": {"choices": [{"id": "c4", "text": "4 - Often"}]}}]}],
}


class Site:
    """An installation, and the tools around it."""

    def __init__(self, folder: Path, shell: Shell, typeform: TypeformApi, monkey: SurveyMonkeyApi) -> None:
        self.folder, self.shell, self.typeform, self.monkey = folder, shell, typeform, monkey

    def row(self, connection: str) -> dict[str, Any]:
        (found,) = [each for each in self.listed() if each["connection"] == connection]
        return found

    def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.shell.json("connection", "list")["connections"]
        return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The pilot as a cohort of this month; its responses lie at the tool, and no webhook has brought any."""
    place = tmp_path_factory.mktemp("connections")
    folder = place / "pilot"
    shutil.copytree(PILOT, folder)
    today = datetime.now(UTC).date()
    toml = (folder / "cohort.toml").read_text(encoding="utf-8")
    toml = toml.replace("opens = 2017-01-23", f"opens = {today - timedelta(days=20)}")
    toml = toml.replace("closes = 2017-03-31", f"closes = {today + timedelta(days=20)}")
    (folder / "cohort.toml").write_text(toml, encoding="utf-8")
    typeform, monkey = TypeformApi(FORM), SurveyMonkeyApi(SURVEY)
    typeform.page_size = 10
    typeform.responses = responses(today)
    with SurveyTools([typeform, monkey], place).running() as tools:
        shell = Here(place / "var", ENV)
        shell.environment |= tools.environment | {f"{ENV}_TOKEN": TOKEN, "TALENTLINE_METRICS_PORT": "0"}
        shell.environment |= {"TALENTLINE_SECRET_MONKEY": "s", "TALENTLINE_SECRET_MONKEY_TOKEN": TOKEN}
        shell.type("cohort", "open", str(folder))
        with up(shell):
            yield Site(folder, shell, typeform, monkey)


def responses(today: Any) -> list[dict[str, Any]]:
    bodies = [json.loads(each["request"]["body"]) for each in recorded_requests() if each["kind"] == "response"]
    found = []
    for number, body in enumerate(each["form_response"] for each in bodies):
        at = f"{today - timedelta(days=1 + number % 15)}T09:00:{number % 60:02}Z"
        kept = {key: body[key] for key in ("token", "hidden", "answers")}
        found.append(kept | {"submitted_at": at, "response_type": "completed"})
    return found


class up:  # noqa: N801  (read as a sentence)
    """`talentline up`, until the end."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell

    def __enter__(self) -> None:
        command = [sys.executable, "-m", "deploy", "up", "--workers", "1"]
        self.process = subprocess.Popen(
            command, env=self.shell.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"http://127.0.0.1:{self.shell.port}/healthz", trust_env=False).status_code < 500:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
        raise TimeoutError("the door does not open")

    def __exit__(self, *_: object) -> None:
        os.kill(self.process.pid, signal.SIGTERM)
        self.process.wait(30)


def test_a_back_fill_brings_every_response_once(site: Site) -> None:
    said = site.shell.type("connection", "backfill", "pilot-p", "appraisal-360")
    assert "page(s)" in said
    said = site.shell.type("connection", "backfill", "pilot-p", "appraisal-360", "--since", "2017-01-01")
    assert said.strip().endswith("0 response(s) that were not known")
    row = site.row("appraisal-360")
    assert row["submissions"] == {"recorded": -(-len(site.typeform.responses) // 10)}
    assert [each["form"] for each in row["backfill"]] == [FORM]
    assert row["backfill"][0]["failing"] is None
    assert row["silent"].startswith("nothing yet, 20 days")
    status = site.shell.json("cohort", "status", "pilot-p")
    missing = [each for person in status["participants"] for each in person["missing"] if each.startswith("360")]
    assert missing == ["360 appraisal: direct reports: 1 of 3"]  # these come late in the pilot


def test_a_probe_goes_the_whole_way_and_counts_nowhere(site: Site) -> None:
    before = site.row("appraisal-360")
    said = site.shell.type("connection", "test", "pilot-p", "appraisal-360")
    assert "answered 200: stored as submission" in said
    assert "a worker has read the probe and set it aside" in said
    assert "api.typeform.com lets us ask for wNe360aT" in said
    after = site.row("appraisal-360")
    assert {key: after[key] for key in after if "age" not in key} == {k: before[k] for k in before if "age" not in k}
    assert site.shell.json("quarantine", "list")["quarantined"] == []


def test_a_probe_with_another_secret_says_which_variable_differs(site: Site) -> None:
    site.shell.environment[ENV], right = "wrong", site.shell.environment[ENV]
    try:
        said = site.shell.type("connection", "test", "pilot-p", "appraisal-360", status=1)
    finally:
        site.shell.environment[ENV] = right
    assert f"answered 401: the door has another secret in {ENV}" in said
    refused = site.row("appraisal-360")["refused"]
    assert [each["reason"] for each in refused] == ["signature_mismatch"]


def test_a_webhook_is_made_once_and_left_alone_afterwards(site: Site) -> None:
    words = ("connection", "register", "pilot-p", "appraisal-360")
    said = site.shell.type(*words, status=1)
    assert "set TALENTLINE_BASE_URL to the door's https address" in said
    assert site.typeform.hooks == {}
    site.shell.environment["TALENTLINE_BASE_URL"] = "https://talent.example.org"
    try:
        assert "webhook made" in site.shell.type(*words)
        hook = dict(site.typeform.hooks["appraisal-360"])
        assert (hook["url"], hook["enabled"]) == ("https://talent.example.org/webhooks/appraisal-360", True)
        assert hook["secret"] == site.shell.environment[ENV]
        assert "left alone" in site.shell.type(*words)
        assert "brought into line" in site.shell.type(*words, "--again")
        said = site.shell.type(*words, "--form", "other", status=1)
    finally:
        del site.shell.environment["TALENTLINE_BASE_URL"]
    assert "form other: api.typeform.com answered 404" in said
    assert site.typeform.hooks == {"appraisal-360": hook}


def test_a_connection_is_added_opened_registered_and_back_filled(site: Site) -> None:
    before = (site.folder / "cohort.toml").read_text(encoding="utf-8")
    there = ("--folder", str(site.folder))
    add = ("connection", "add", "pilot-p", "monkey", *there, "--vendor", "surveymonkey")
    said = site.shell.type(*add, status=1)
    assert "connections.monkey.settings.client_id: is missing" in said
    assert (site.folder / "cohort.toml").read_text(encoding="utf-8") == before
    said = site.shell.type(*add, "--setting", "client_id=app")
    assert "Set TALENTLINE_SECRET_MONKEY_TOKEN" in said
    after = (site.folder / "cohort.toml").read_text(encoding="utf-8")
    assert [line for line in after.splitlines() if line not in before.splitlines()] == [
        "[connections.monkey]",
        'vendor = "surveymonkey"',
        'secret_env = "TALENTLINE_SECRET_MONKEY"',
        'settings = {client_id = "app"}',
    ]
    assert set(before.splitlines()) <= set(after.splitlines())
    assert "has a connection monkey already" in site.shell.type(*add, "--setting", "client_id=app", status=1)
    with (site.folder / "programme" / "form_fields.csv").open("a", encoding="utf-8") as file:
        file.write("monkey,surveymonkey,401,q1,SL1a\n")
    site.shell.type("cohort", "open", str(site.folder), "--update")
    site.shell.environment["TALENTLINE_BASE_URL"] = "https://talent.example.org"
    assert "webhook made" in site.shell.type("connection", "register", "pilot-p", "monkey")
    assert "left alone" in site.shell.type("connection", "register", "pilot-p", "monkey")
    del site.shell.environment["TALENTLINE_BASE_URL"]
    (hook,) = site.monkey.hooks.values()
    assert hook["object_ids"] == ["401"]
    assert site.row("monkey")["token_set"]


def test_a_mapping_is_drafted_from_the_tools_api_before_anything_arrived(site: Site) -> None:
    site.typeform.fields = [
        {"id": "f1", "ref": "q1", "type": "multiple_choice", "title": statement("SL1a"), "properties": SCALE},
        {"id": "f2", "ref": "q2", "type": "long_text", "title": "What should this person do more of?"},
    ]
    there = ("--folder", str(site.folder))
    site.shell.type("connection", "add", "pilot-p", "second", *there, "--vendor", "typeform")
    site.shell.type("cohort", "open", str(site.folder), "--update")
    site.shell.environment["TALENTLINE_SECRET_SECOND_TOKEN"] = TOKEN
    draft = site.folder.parent / "draft.csv"
    said = site.shell.type("mapping", "draft", "pilot-p", "second", "--form", FORM, "--to", str(draft))
    assert "Fields, from the tool's API" in said
    rows = [line.split(",")[3:5] for line in draft.read_text(encoding="utf-8-sig").splitlines()[1:]]
    assert ["q1", "SL1a"] in rows
    assert ["participant", "identity:participant"] in rows
    labels = draft.with_name("draft-choices.csv").read_text(encoding="utf-8-sig").splitlines()
    assert [line.split(",")[:2] for line in labels[1:]] == [["4 - Often", "4"], ["Not observed", ""]]


SCALE = {"choices": [{"label": "4 - Often"}, {"label": "Not observed"}]}


def statement(item: str) -> str:
    """The statement of an item of the pilot's framework."""
    definition = read_folder(PILOT, vendors=VENDORS).definition
    return next(each.statement for each in definition.framework.items if each.code == item)


def test_what_is_not_there_is_said_with_what_is(site: Site) -> None:
    said = site.shell.type("connection", "test", "pilot-p", "nothing", status=1)
    assert "cohort pilot-p has no connection nothing (appraisal-360" in said
    assert "is not open here" in site.shell.type("connection", "list", "nobody", status=1)
    said = site.shell.type("connection", "add", "pilot-p", "x", "--vendor", "tally", status=1)
    assert "pilot-p/cohort.toml can't be read (FileNotFoundError); say with --folder where it is" in said
    there = ("--folder", str(site.folder))
    said = site.shell.type("connection", "add", "other", "x", *there, "--vendor", "tally", status=1)
    assert "describes cohort pilot-p, not other" in said
    said = site.shell.type("connection", "add", "pilot-p", "x", *there, "--vendor", "talli", status=1)
    assert "not known here" in said
    site.shell.type("connection", "add", "pilot-p", "x", *there, "--vendor", "tally", "--setting", "a", status=2)
    site.shell.type("connection", "backfill", "pilot-p", "appraisal-360", "--since", "yesterday", status=2)
