"""Another cohort, run with `talentline up` and the commands as a coordinator types them: no code knows it."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.demo.sending import Sender
from tests.builders.bench import TOKEN
from tests.builders.cohort_folder import WrittenCohort, write_cohort
from tests.builders.shell import SECRET, Shell

COHORT = "northern-leaders"
STOP_S = 30


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> WrittenCohort:
    """A cohort of 24 of four organisations; a few wait for something at first, and some deliveries are odd."""
    folder = tmp_path_factory.mktemp("cohort") / COHORT
    return write_cohort(folder, cohort=COHORT, participants=24, organisations=4, seed=3, secret=SECRET)


@pytest.fixture(scope="module")
def shell(written: WrittenCohort, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """`talentline up`, until the tests are over; then SIGTERM must end it cleanly in time."""
    shell = Shell(tmp_path_factory.mktemp("data"), written.secret_env)
    command = [sys.executable, "-m", "deploy", "up"]
    with subprocess.Popen(command, env=shell.environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = ""
        while "Ctrl-C ends it" not in said:
            line = process.stdout.readline()
            assert line, f"`talentline up` ended: {said}"
            said += line
        assert f"http://127.0.0.1:{shell.port}" in said
        yield shell
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=STOP_S + 5) == 0
        assert time.monotonic() - started < STOP_S


def test_a_cohort_from_folder_to_plans(shell: Shell, written: WrittenCohort) -> None:
    folder = str(written.folder)
    assert "created" in shell.type("cohort", "open", folder)
    assert "unchanged" in shell.type("cohort", "open", folder)
    with httpx.Client(base_url=f"http://127.0.0.1:{shell.port}", timeout=30, trust_env=False) as client:
        sender = Sender(client, TOKEN)
        answers = list(sender.deliveries(sorted((written.folder / "deliveries").glob("*.json"))))
        assert [answer for answer in answers if not answer.as_expected] == []
        sheets = sorted(str(file) for file in (written.folder / "development_day").iterdir())
        shell.type("submit", COHORT, *sheets, str(written.folder / "written" / "marks.csv"))
        shell.type("cohort", "run", COHORT)

        status = shell.json("cohort", "status", COHORT)
        assert status["cohort"] == COHORT
        assert {row["participant"] for row in status["participants"] if row["complete"]} == set(written.complete)
        waiting = [row for row in status["participants"] if not row["complete"]]
        assert {row["participant"] for row in waiting} == set(written.waiting)
        assert status["quarantined"] == written.quarantined == 4
        assert all(row["missing"] and not row["scored"] for row in waiting)

        list(sender.deliveries(sorted((written.folder / "late" / "deliveries").glob("*.json"))))
    late_files = [
        str(file) for file in sorted((written.folder / "late").rglob("*")) if file.suffix in {".csv", ".xlsx"}
    ]
    if late_files:
        shell.type("submit", COHORT, *late_files)
    shell.type("cohort", "run", COHORT)

    plans = shell.json("plan", "list", COHORT)["plans"]
    assert len(plans) == 24
    assert all(plan["sent"] and plan["message_id"] and Path(plan["pdf"]).read_bytes()[:5] == b"%PDF-" for plan in plans)
    mails = list(Path(shell.environment["TALENTLINE_DATA_DIR"], "mail").glob("*.eml"))
    assert len(mails) == 24


def documented() -> dict[str, Any]:
    """Command → the JSON that docs/command.md shows for it."""
    text = (Path(__file__).parent.parent.parent / "docs" / "command.md").read_text(encoding="utf-8")
    listing = r"\n\n`([a-z]+(?: list| status| report)?)(?: COHORT)?`.*?```json\n(.*?)\n```"
    shown = re.findall(listing, text, re.DOTALL)
    return {command: json.loads(document) for command, document in shown}


@pytest.mark.parametrize("command", sorted(documented()))
def test_a_listing_has_the_keys_that_its_documentation_shows(shell: Shell, command: str) -> None:
    words = command.split()
    if words[-1] in {"status", "report"} or words[0] in {"result", "plan"}:
        words.append(COHORT)
    expected, found = documented()[command], shell.json(*words)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        if isinstance(value, list) and found[key]:
            assert all(row.keys() == value[0].keys() for row in found[key])
    assert command == "deliveries list" or any(found[key] for key, value in expected.items() if isinstance(value, list))


def test_listings_say_what_they_promise(shell: Shell) -> None:
    gaps = shell.json("cohort", "report", COHORT)["gaps"]
    assert [gap["estimate"] for gap in gaps] == sorted(gap["estimate"] for gap in gaps)
    results = shell.json("result", "list", COHORT)["results"]
    assert {row["facet"] for row in results} == {None, "know", "apply"}
    assert all(row["low"] <= row["estimate"] <= row["high"] for row in results)
    assert {row["competency"] for row in results} == {None}
    assert len(shell.json("result", "list", COHORT, "--competencies")["results"]) > len(results)
    assert {record["level"] for record in shell.json("pool", "list", "--level", "local")["records"]} == {"local"}
    assert shell.json("deliveries", "list", "--parked") == {"deliveries": []}


def test_a_named_person_decides_and_the_pool_says_so(shell: Shell) -> None:
    record = shell.json("pool", "list")["records"][0]
    words = ("pool", "decide", record["participant"], record["level"], "admit", "--by", "Chair", "--reason", "Ready.")
    shell.type(*words)
    now = {r["participant"]: r["status"] for r in shell.json("pool", "list")["records"]}
    assert now[record["participant"]] == "admitted"


def test_mail_says_how_far_each_has_come_and_sends_nothing_twice(shell: Shell) -> None:
    mails = shell.json("mail", "list", COHORT)["mails"]
    assert {mail["state"] for mail in mails} == {"sent"}
    assert len({mail["message_id"] for mail in mails}) == len(mails) == 24
    assert shell.json("mail", "held") == {"mails": []}
    one = mails[0]["participant"]
    shown = shell.json("mail", "show", COHORT, one)
    assert shown.pop("history") == []
    assert shown == mails[0]
    assert "nobody doubts it" in shell.type(
        "mail", "mark-sent", COHORT, one, "--by", "A. Coordinator", "--reason", "it is there", status=1
    )
    assert "not sent again" in shell.type("mail", "send-again", COHORT, one, status=1)
    assert "talentline mail list" in shell.type("mail", "show", COHORT, "nobody", status=1)


def test_a_sheet_with_mistakes_is_refused_whole_with_every_mistake(shell: Shell, tmp_path: Path) -> None:
    before = shell.json("quarantine", "list")
    sheet = tmp_path / "marks.csv"
    sheet.write_text("participant,marker,criterion,mark,max_mark\nNOBODY,M-01,W1,6,10\n,M-01,W1,x,10\n")
    said = shell.type("submit", COHORT, str(sheet), status=1)
    assert "NOBODY" in said
    assert re.search(r"row 3", said)
    assert shell.json("quarantine", "list") == before


def test_check_finds_everything_in_order(shell: Shell) -> None:
    findings = shell.json("check")["findings"]
    assert [finding for finding in findings if not finding["fine"]] == []
    assert {"database", "mail", "uploads"} <= {finding["what"] for finding in findings}


def test_commands_on_an_unknown_cohort_say_what_to_do(shell: Shell) -> None:
    for words in (("cohort", "status"), ("cohort", "run"), ("result", "list"), ("plan", "list"), ("cohort", "report")):
        assert "talentline cohort list" in shell.type(*words, "nowhere", status=1)


def test_plans_are_exported_as_pdf(shell: Shell, tmp_path: Path) -> None:
    shell.type("plan", "export", COHORT, "--to", str(tmp_path / "plans"))
    assert len(list((tmp_path / "plans").glob("*.pdf"))) == 24
