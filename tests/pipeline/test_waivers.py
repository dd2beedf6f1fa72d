"""`talentline cohort waive | waivers | unwaive` as they are typed, and everything that then says "reduced evidence"."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.reporting.store import plan_document, pool_of
from shared.db import Database
from shared.ids import CohortId, ParticipantId
from tests.builders.bench import PILOT, Bench
from tests.builders.typed import Said, said_by, typist

PEOPLE = CohortId("pilot-p")
REPORTS = "360 appraisal: direct reports"
WHY = ("--by", "A. Chair", "--reason", "A new team: no direct reports yet.", "--no-wait")


@pytest.fixture
def bench(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The pilot after its first run: P-0003 waits for a third mark, P-0007 for direct reports."""
    bench = Bench(db, tmp_path / "data", monkeypatch)
    bench.open(PILOT)
    bench.feed(PILOT, PEOPLE)
    bench.run(PEOPLE)
    return bench


@pytest.fixture
def type_(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Said:
    return said_by(typist(bench.db, tmp_path / "data", monkeypatch))


def listed(type_: Said, *words: str) -> Any:
    return json.loads(type_(*words, "--json"))


def test_everything_that_shows_a_result_says_that_it_rests_on_reduced_evidence(bench: Bench, type_: Said) -> None:
    refused = type_("cohort", "waive", PEOPLE, "P-0007", "direct reports", *WHY, status=1)
    assert f"{REPORTS}: 1 of 3" in refused
    assert "Waived for P-0007" in type_("cohort", "waive", PEOPLE, "P-0007", REPORTS, *WHY)
    bench.work()
    bench.run(PEOPLE)

    rows = listed(type_, "result", "list", PEOPLE)["results"]
    assert {row["participant"]: row["waived"] for row in rows}["P-0007"] == [REPORTS]
    assert sum(bool(row["waived"]) for row in rows) == sum(row["participant"] == "P-0007" for row in rows)
    assert "reduced evidence: P-0007, version 1" in type_("result", "list", PEOPLE)

    status = {row["participant"]: row for row in listed(type_, "cohort", "status", PEOPLE)["participants"]}["P-0007"]
    assert (status["complete"], status["scored"], status["waived"]) == (True, True, [f"{REPORTS}: 1 of 3"])
    assert "yes, reduced" in type_("cohort", "status", PEOPLE)
    assert "6 of 7 scored (1 on reduced evidence)" in type_("status")
    assert listed(type_, "status")["cohorts"][0]["reduced"] == 1

    report = listed(type_, "cohort", "report", PEOPLE)
    assert report["reduced"] == [{"participant": "P-0007", "waived": [REPORTS]}]
    assert "1 of these on reduced evidence" in " ".join(type_("cohort", "report", PEOPLE).split())

    said = {"participant": "P-0007", "version": 1, "waived": [REPORTS]}
    again = ("result", "change", PEOPLE, PEOPLE, "--after-months", "0")
    for words in (("result", "self-others", PEOPLE), again):
        assert listed(type_, *words)["reduced"] == [said]
        assert f"† reduced evidence: P-0007, version 1, does without {REPORTS}." in type_(*words)
        assert "P-0007 †" in type_(*words)
        assert "P-0001 †" not in type_(*words)
    assert "† reduced evidence then: P-0007" in type_(*again)

    with bench.db.read() as connection:
        plan = plan_document(connection, PEOPLE, ParticipantId("P-0007"))
        basis = {str(each.participant): each.basis for each in pool_of(connection, cohort=PEOPLE)}
    assert "reduced evidence: the programme asks for more (answers of direct reports in the 360" in plan.opening
    assert any("answers of direct reports in the 360 appraisal" in paragraph for paragraph in plan.made)
    assert "1 of 3" not in " ".join([plan.opening, *plan.made])
    assert "reduced evidence" in basis["P-0007"]
    assert "reduced evidence" not in basis["P-0001"]
    assert "Chair" not in plan.opening + " ".join(plan.made)
    assert "6 of 6 came out as recorded" in type_("result", "verify", PEOPLE)


def test_waivers_are_listed_withdrawn_and_kept(bench: Bench, type_: Said) -> None:
    assert "Nothing is waived" in type_("cohort", "waivers", PEOPLE)
    type_("cohort", "waive", PEOPLE, "P-0007", REPORTS, *WHY)
    assert [w["state"] for w in listed(type_, "cohort", "waivers", PEOPLE)["waivers"]] == ["not heard of yet"]
    bench.work()
    (found,) = listed(type_, "cohort", "waivers", PEOPLE, "P-0007")["waivers"]
    assert (found["requirement"], found["state"], found["by"]) == (REPORTS, "in use", "A. Chair")
    bench.deliver((PILOT / "late" / "deliveries").glob("*.json"))
    bench.work()
    assert [w["state"] for w in listed(type_, "cohort", "waivers", PEOPLE)["waivers"]] == ["not needed"]
    rows = listed(type_, "result", "list", PEOPLE)["results"]
    assert not any(row["waived"] for row in rows)
    assert min(row["version"] for row in rows if row["participant"] == "P-0007") > 1
    assert "Withdrawn for P-0007" in type_("cohort", "unwaive", PEOPLE, "P-0007", REPORTS.upper(), *WHY)
    assert listed(type_, "cohort", "waivers", PEOPLE)["waivers"] == []
    (kept,) = listed(type_, "cohort", "waivers", PEOPLE, "--all")["waivers"]
    assert (kept["state"], kept["withdrawn_by"]) == ("withdrawn", "A. Chair")


def test_a_name_and_a_reason_are_asked_for(type_: Said) -> None:
    assert "--by" in type_("cohort", "waive", PEOPLE, "P-0007", REPORTS, "--reason", "x", status=2)
    assert "--reason" in type_("cohort", "waive", PEOPLE, "P-0007", REPORTS, "--by", "x", status=2)
