"""The pilot in real processes, watched: one trace from webhook to mail, figures that add up, nothing personal."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.demo.sending import Sender
from deploy.jobs import JOBS
from deploy.waiting import follow
from shared.clock import now
from shared.db import Database
from tests.builders.bench import PILOT, PILOT_SECRET, TOKEN
from tests.builders.privacy import RedisWatch, leaks, personal
from tests.servers.otlp import OtlpReceiver, Span

COHORT = "pilot-p"
PATIENCE = timedelta(seconds=180)
PAGES = 3
"""The door's page, and one for each of two workers."""


@dataclass(frozen=True)
class Run:
    """What was to be seen of a run of the pilot."""

    db: Database
    log: str
    pages: list[str]
    spans: list[Span]
    traces: bytes
    queue: str
    status: dict[str, Any]
    status_words: str
    answers: Counter[int]


@pytest.fixture(scope="module")
def run(valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The pilot with plans that go out when scored, so that a chain leads from a webhook to a mail."""
    place = tmp_path_factory.mktemp("watched")
    with OtlpReceiver() as receiver, RedisWatch(valkey) as queue:
        environment = environment_of(place, valkey, receiver.url)
        folder = automatic_pilot(place)
        log = place / "up.log"
        command = [sys.executable, "-m", "deploy", "up", "--workers", str(PAGES - 1)]
        with (
            log.open("wb") as lines,
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=lines, text=True) as up,
        ):
            try:
                answers, pages, status, words = played(up, environment, folder)
            finally:
                up.send_signal(signal.SIGTERM)
                up.wait(60)
        database = Database(f"sqlite:///{place / 'talentline.db'}")
    traces = b"".join(receiver.bodies)
    yield Run(database, log.read_text(), pages, receiver.spans, traces, queue.text, status, words, answers)
    database.close()


def environment_of(place: Path, redis_url: str, receiver: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TALENTLINE_", "OTEL_"))}
    return {
        **kept,
        "TALENTLINE_DATA_DIR": str(place),
        "TALENTLINE_REDIS_URL": redis_url,
        "TALENTLINE_HTTP_PORT": str(free_ports(1)),
        "TALENTLINE_METRICS_PORT": str(free_ports(PAGES)),
        "TALENTLINE_API_TOKEN": TOKEN,
        "TALENTLINE_SECRET_APPRAISAL_360": PILOT_SECRET,
        "TALENTLINE_LOG_LEVEL": "DEBUG",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver,
        "OTEL_BSP_SCHEDULE_DELAY": "300",
        "NO_PROXY": "*",
    }


def free_ports(count: int) -> int:
    """The first of so many ports in a row that nobody has."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = int(probe.getsockname()[1])
        try:
            for port in range(first, first + count):
                with socket.socket() as each:
                    each.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first


def automatic_pilot(place: Path) -> Path:
    folder = place / "cohort"
    shutil.copytree(PILOT, folder)
    rules = folder / "cohort.toml"
    rules.write_text(rules.read_text().replace('policy = "at_run"', 'policy = "automatic"', 1))
    return folder


def played(
    up: "subprocess.Popen[str]", environment: dict[str, str], folder: Path
) -> tuple[Counter[int], list[str], dict[str, Any], str]:
    """Open the cohort, let everything arrive, and look at every page and the status when all of it is done."""
    assert up.stdout is not None
    while "Ctrl-C ends it" not in (line := up.stdout.readline()):
        assert line, "`talentline up` ended"
    typed(environment, "cohort", "open", str(folder))
    with httpx.Client(base_url=f"http://127.0.0.1:{environment['TALENTLINE_HTTP_PORT']}", timeout=60) as client:
        sender = Sender(client, TOKEN)
        files = [*sorted((folder / "development_day").iterdir()), *sorted((folder / "written").glob("*.csv"))]
        list(sender.uploads(COHORT, [*files, *sorted((folder / "late" / "written").glob("*"))]))
        recordings = [*sorted((folder / "deliveries").glob("*.json")), *sorted((folder / "late").rglob("*.json"))]
        answers = Counter(answer.status for answer in sender.deliveries(recordings))
    database = Database(f"sqlite:///{environment['TALENTLINE_DATA_DIR']}/talentline.db")
    assert follow(database, None, PATIENCE).settled
    database.close()
    first = int(environment["TALENTLINE_METRICS_PORT"])
    pages = [page(port) for port in range(first, first + PAGES)]
    return (
        answers,
        pages,
        json.loads(at_rest(environment, '"waiting": 0', "--json")),
        at_rest(environment, "Nothing waits"),
    )


def at_rest(environment: dict[str, str], words: str, *options: str) -> str:
    """What `talentline status` says when no timed job happens to be under way."""
    for _ in range(20):
        said = typed(environment, "status", *options)
        if words in said:
            break
    return said


def typed(environment: dict[str, str], *words: str) -> str:
    command = [sys.executable, "-m", "deploy", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def page(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        assert answer.status == 200
        return str(answer.read().decode())


def total(run: Run, name: str, **labels: str) -> float:
    """The sum of a series over all pages."""
    return sum(
        sample.value
        for text in run.pages
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def test_one_trace_leads_from_a_webhook_to_the_mail(run: Run) -> None:
    traces = defaultdict(list)
    for span in run.spans:
        traces[span.trace].append(span)
    whole = [spans for spans in traces.values() if {"webhook", "reporting.plan_sent.v1"} <= {s.name for s in spans}]
    assert whole, "no trace leads from a webhook to PlanSent"
    for spans in whole:
        way = path(spans, "reporting.plan_sent.v1")
        assert way == [
            "webhook",
            "intake.submission_received.v1",
            "intake intake.submission_received.v1",
            "intake.evidence_recorded.v1",
            "scoring intake.evidence_recorded.v1",
            "scoring.participant_scored.v1",
            "reporting scoring.participant_scored.v1",
            "reporting.plan_released.v1",
            "reporting reporting.plan_released.v1",
            "reporting.plan_sent.v1",
        ]
        assert "mail by folder" in {span.name for span in spans}
        assert {span.service for span in spans} == {
            f"talentline.{part}" for part in ("door", "intake", "scoring", "reporting")
        }
    assert any(len({span.process for span in spans}) > 1 for spans in whole)


def path(spans: list[Span], name: str) -> list[str]:
    """The names from the root of a trace to the span of this name."""
    by_id = {span.id: span for span in spans}
    assert len(by_id) == len(spans), "two spans have one id"
    span = next(span for span in spans if span.name == name)
    way = [span.name]
    while span.parent:
        span = by_id[span.parent]
        way.insert(0, span.name)
    return way


def test_every_trace_is_one_tree_from_a_request_or_a_timed_job(run: Run) -> None:
    known = {(span.trace, span.id) for span in run.spans}
    assert len(run.spans) > 500
    assert not [span for span in run.spans if span.parent and (span.trace, span.parent) not in known]
    roots = Counter(span.trace for span in run.spans if not span.parent)
    assert {span.trace for span in run.spans} == set(roots)
    assert set(roots.values()) == {1}
    jobs = {job.event(now()).name for job in JOBS.values()}
    assert {span.name for span in run.spans if not span.parent} - jobs == {"webhook", "upload"}


def test_figures_add_up(run: Run) -> None:
    answered = {
        answer: total(run, "talentline_webhooks_total", answer=answer)
        for answer in ("accepted", "duplicate", "refused")
    }
    assert sum(answered.values()) == sum(run.answers.values())
    assert answered["refused"] == run.answers[401]
    assert answered["accepted"] == len([span for span in run.spans if span.name == "webhook"])
    done = total(run, "talentline_attempts_total", outcome="done")
    assert done >= answered["accepted"] * 2
    assert total(run, "talentline_handling_seconds_count") == total(run, "talentline_attempts_total")
    assert total(run, "talentline_mail_messages", state="sent") == 7
    assert total(run, "talentline_mails_total", channel="folder", outcome="sent") == 7
    assert total(run, "talentline_invariant_broken") == total(run, "talentline_mended_total") == 0
    assert total(run, "talentline_deliveries") == total(run, "talentline_deliveries", state="later")


def test_labels_are_words_of_ours(run: Run) -> None:
    values = {
        value
        for text in run.pages
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        for name, value in sample.labels.items()
        if sample.name.startswith("talentline_") and name != "le"
    }
    assert len(values) > 20
    assert not {value for value in values if not re.fullmatch(r"[a-z_.0-9]+", value)}
    assert not {value for value in values if re.search(r"\d{3}|@", value)}


def test_status_says_how_it_stands(run: Run) -> None:
    assert run.status["waiting"] == 0
    assert {each["service"] for each in run.status["services"]} == {"intake", "scoring", "reporting"}
    assert {each["state"]: each["count"] for each in run.status["mails"]} == {"sent": 7}
    assert [(each["cohort"], each["participants"], each["scored"]) for each in run.status["cohorts"]] == [
        (COHORT, 7, 7)
    ]
    assert "Nothing waits." in run.status_words


def test_nothing_personal_stands_in_logs_metrics_traces_or_the_queue(run: Run) -> None:
    secrets = personal(run.db)
    assert len(secrets) > 200
    assert any(what.startswith("comment") for what in secrets.values())
    places: dict[str, str | bytes] = {
        "log": run.log,
        "metrics": "\n".join(run.pages),
        "traces": run.traces,
        "queue": run.queue,
        "status": run.status_words,
    }
    assert all(places.values())
    assert run.log.count("\n") > 500
    assert "enqueue" in run.queue or "EVALSHA" in run.queue
    assert leaks(secrets, places) == []


def test_what_is_looked_for_is_found_where_it_stands(run: Run) -> None:
    secrets = personal(run.db)
    kinds = {what.split(" ")[0] for what in leaks(secrets, {"all": "\n".join(secrets)})}
    assert kinds == {"all:"}
    assert len(leaks(secrets, {"all": json.dumps(list(secrets))})) == len(secrets)
