"""What the cohort builder writes is what survey tools, assessors and markers would really send."""

import base64
import csv
import hashlib
import hmac
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.builders.cohort_folder import OTHER_RULES, CohortRules, WrittenCohort, write_cohort
from tests.builders.described_folder import PILOT


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> WrittenCohort:
    return write_cohort(tmp_path_factory.mktemp("cohort"), cohort="north", participants=6)


def deliveries(written: WrittenCohort, folder: str = "deliveries") -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in written.files(f"{folder}/*.json")]


def body(delivery: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(delivery["request"]["body"])
    return found


def test_the_same_arguments_give_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_cohort(tmp_path / name, participants=4, seed=seed)
    a, b, c = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in "abc"
    )
    assert a == b
    assert a != c


def test_only_the_forgery_has_a_wrong_signature(written: WrittenCohort) -> None:
    wrong = []
    for delivery in deliveries(written):
        request = delivery["request"]
        digest = hmac.new(written.secret.encode(), request["body"].encode(), hashlib.sha256).digest()
        if request["headers"]["Typeform-Signature"] != f"sha256={base64.b64encode(digest).decode()}":
            wrong.append(delivery)
    assert [(delivery["kind"], delivery["expect_status"]) for delivery in wrong] == [("forged_signature", "401")]


def test_a_recording_has_the_shape_of_the_pilots(written: WrittenCohort) -> None:
    pilot = json.loads((PILOT / "deliveries" / "0001-response.json").read_text(encoding="utf-8"))
    ours = next(delivery for delivery in deliveries(written) if delivery["kind"] == "response")
    assert ours.keys() == pilot.keys()
    assert ours["request"].keys() == pilot["request"].keys()
    assert ours["request"]["headers"].keys() == pilot["request"]["headers"].keys()
    for part in ("answers", "hidden", "submitted_at", "token", "form_id", "definition"):
        assert part in body(ours)["form_response"]
    assert body(ours).keys() == body(pilot).keys()


def test_every_kind_of_delivery_occurs(written: WrittenCohort) -> None:
    kinds = Counter(delivery["kind"] for delivery in deliveries(written))
    assert kinds.keys() == {path.stem.split("-")[1] for path in (PILOT / "deliveries").iterdir()}
    assert kinds["duplicate"] == 3


def test_those_who_wait_lack_one_kind_of_evidence_each(written: WrittenCohort) -> None:
    assert sorted(written.waiting.values()) == ["assessor", "direct_report", "moderation"]
    who = {kind: participant for participant, kind in written.waiting.items()}
    given = defaultdict(set)
    for delivery in deliveries(written):
        if delivery["kind"] == "response":
            hidden = body(delivery)["form_response"]["hidden"]
            given[hidden["participant"], hidden["relationship"]].add(hidden["rater"])
    short = {key for key, raters in given.items() if len(raters) < written.rules.responses[key[1]]}
    assert short == {(who["direct_report"], "direct_report")}
    assert len(deliveries(written, "late/deliveries")) == 2
    with (written.folder / "written/marks.csv").open(encoding="utf-8", newline="") as file:
        marks = list(csv.DictReader(file))
    by_criterion = defaultdict(list)
    for mark in marks:
        assert 0 <= int(mark["mark"]) <= int(mark["max_mark"])
        by_criterion[mark["participant"], mark["criterion"]].append(int(mark["mark"]))
    apart = {key for key, given in by_criterion.items() if max(given) - min(given) > written.rules.moderate_above}
    assert apart == {(who["moderation"], "K1")}


def test_each_participant_is_observed_by_as_many_assessors_as_needed_unless_one_is_late(written: WrittenCohort) -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for path in written.files("development_day/*.xlsx"):
        book = openpyxl.load_workbook(path)
        assert book["About"]["B1"].value == path.stem
        for exercise in book.sheetnames[1:]:
            header, *rows = book[exercise].iter_rows(values_only=True)
            assert header[1:] == tuple(written.rules.grid()[exercise])
            seen.update((str(row[0]), exercise) for row in rows)
    late = next(participant for participant, kind in written.waiting.items() if kind == "assessor")
    assert {key for key, count in seen.items() if count < 2} == {(late, "X1")}
    assert len(seen) == 6 * 4
    assert written.files("late/development_day/*.xlsx")


def test_a_cohort_without_day_and_written_assessment_has_none_of_their_files(tmp_path: Path) -> None:
    written = write_cohort(tmp_path, participants=3, rules=CohortRules(assessors=0, markers=0))
    assert (
        not written.files("development_day/*") + written.files("written/*") + written.files("programme/exercises.csv")
    )
    assert list(written.waiting.values()) == ["direct_report"]


def test_other_rules_ask_for_four_of_each_group_on_a_scale_of_six(tmp_path: Path) -> None:
    written = write_cohort(tmp_path, participants=3, rules=OTHER_RULES, incomplete=False, oddities=False)
    assert (written.waiting, written.quarantined, written.forged) == ({}, 0, 0)
    labels = {
        answer["choice"]["label"]
        for delivery in deliveries(written)
        for answer in body(delivery)["form_response"]["answers"]
        if answer["type"] == "choice"
    }
    assert labels <= written.rules.choices().keys()
    assert "Always" in written.rules.choices()
