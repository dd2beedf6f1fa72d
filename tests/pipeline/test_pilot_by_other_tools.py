"""The pilot collected half by Microsoft Forms and half by SurveyMonkey gives what it gives by Typeform, to the byte."""

import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from services.intake.store import quarantined, refusals
from services.reporting.store import latest_report, plans_of
from services.scoring.store import results_of
from shared.db import Database
from shared.ids import CohortId
from tests.builders.bench import PILOT, Bench
from tests.builders.other_tools import (
    FORMS,
    FORMS_ENV,
    FORMS_SECRET,
    MONKEY,
    MONKEY_ENV,
    MONKEY_SECRET,
    SURVEY,
    OtherTools,
)
from tests.servers.survey_tools import TOKEN, SurveyTools
from tests.servers.tool_apis import Documents

COHORT = CohortId("pilot-p")
PATIENCE = timedelta(seconds=60)
"""A vendor's API is asked by a few at a time; who finds no place comes again a moment later."""


@pytest.fixture
def monkey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Documents]:
    monkeypatch.setenv(FORMS_ENV, FORMS_SECRET)
    monkeypatch.setenv(MONKEY_ENV, MONKEY_SECRET)
    monkeypatch.setenv(f"{MONKEY_ENV}_TOKEN", TOKEN)
    monkey = Documents("api.surveymonkey.com")
    with SurveyTools([monkey], tmp_path).running() as tools:
        for name, value in tools.environment.items():
            monkeypatch.setenv(name, value)
        yield monkey


@pytest.fixture
def by_typeform(sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    shutil.copy(sqlite_template, tmp_path / "typeform.db")
    database = Database(f"sqlite:///{tmp_path / 'typeform.db'}")
    yield Bench(database, tmp_path / "typeform", monkeypatch)
    database.close()


def by_others(bench: Bench, monkey: Documents, folder: Path) -> Counter[str]:
    """The whole pilot by the other tools, late ones too; gives how many requests each connection was sent."""
    tools = OtherTools(folder)
    bench.open(tools.describe())
    sent: Counter[str] = Counter()
    for late in (PILOT, PILOT / "late"):
        for each in tools.deliveries(list((late / "deliveries").glob("*.json"))):
            monkey.documents = {f"/v3{path}": document for path, document in tools.documents.items()}
            answer = bench.client.post(each.path, headers=dict(each.headers), content=each.body)
            assert answer.status_code == each.expected, each.path
            sent[each.path.rsplit("/", 1)[-1]] += 1
        bench.upload(COHORT, [*(late / "development_day").glob("*"), *(late / "written").glob("*.csv")])
        bench.work(PATIENCE)
    bench.run(COHORT)
    return sent


def test_results_plans_and_gaps_are_the_same_by_other_tools(
    any_db: Database, by_typeform: Bench, monkey: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_typeform.open(PILOT)
    for late in (PILOT, PILOT / "late"):
        by_typeform.feed(late, COHORT)
    by_typeform.run(COHORT)

    bench = Bench(any_db, tmp_path / "others", monkeypatch)
    sent = by_others(bench, monkey, tmp_path / "folder")
    assert sent.total() == 94
    assert abs(sent[FORMS] - sent[MONKEY]) <= 12
    assert f"/v3/surveys/{SURVEY}/details" in {each.path for each in monkey.asked}

    with by_typeform.db.read() as one, any_db.read() as other:
        expected = {row.participant: row for row in results_of(one, COHORT)}
        found = {row.participant: row for row in results_of(other, COHORT)}
        assert {name: row.hash for name, row in found.items()} == {name: row.hash for name, row in expected.items()}
        assert expected
        assert sorted(each.code for each in quarantined(other, COHORT)) == sorted(
            each.code for each in quarantined(one, COHORT)
        )
        assert sum(each.count for each in refusals(other, COHORT)) == 1
        assert [(each.participant, each.revision, each.sent) for each in plans_of(other, COHORT)] == [
            (each.participant, each.revision, each.sent) for each in plans_of(one, COHORT)
        ]
        gaps = latest_report(one, COHORT), latest_report(other, COHORT)
    assert gaps[0] is not None
    assert gaps[1] is not None
    assert gaps[0].document.gaps == gaps[1].document.gaps
    assert len(bench.mails()) == 7
    assert plans_in(bench) == plans_in(by_typeform)


def plans_in(bench: Bench) -> dict[str, bytes]:
    """The plan that each participant was sent, by the address that it went to."""
    mails = [message_from_bytes(mail.read_bytes(), policy=default) for mail in bench.mails()]
    return {str(mail["To"]): next(iter(mail.iter_attachments())).get_content() for mail in mails}
