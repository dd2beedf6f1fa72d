"""`talentline result change` and `talentline norms …` as they are typed."""

import json
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.scoring.tables import results
from shared.db import Database
from tests.builders.documented import documented, same_keys
from tests.builders.scored_cohort import Person, people, scored_cohort
from tests.builders.scoring_case import a_definition
from tests.builders.typed import Type, typist


@pytest.fixture
def type_(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    return typist(db, tmp_path / "data", monkeypatch)


def two_years(db: Database) -> None:
    """P-1 rises, P-2 stays; P-3's address changed, and P-4 is new with an old number."""
    first = [Person("P-1", 2.0), Person("P-2", 3.0), Person("P-3", 3.0), Person("P-4", 3.0, email="gone@example.org")]
    scored_cohort(db, first, definition=a_definition(opens=date(2024, 1, 5), closes=date(2024, 3, 31)))
    then = [
        Person("N-1", 4.5, email="P-1@EXAMPLE.org "),
        Person("N-2", 3.0, email="p-2@example.org"),
        Person("N-3", 3.0, email="new-address@example.org"),
        Person("P-4", 3.0, email="somebody@example.org"),
    ]
    later = a_definition(cohort="later", opens=date(2026, 1, 5), closes=date(2026, 3, 31))
    scored_cohort(db, then, definition=later, seed=2)


def test_people_are_known_by_their_address_and_change_is_named_beyond_error(db: Database, type_: Type) -> None:
    two_years(db)
    status, said = type_("result", "change", "later", "small", "--json")
    assert status == 0
    found = json.loads(said)
    same_keys(documented("`result change COHORT EARLIER`:"), found)
    assert (found["months"], found["not_in_earlier"]) == (24.0, 2)
    whole = {(row["participant"], row["domain"]): row for row in found["changes"] if row["facet"] is None}
    assert {who for who, _ in whole} == {"N-1", "N-2"}
    assert whole["N-1", "A"]["earlier_participant"] == "P-1"
    assert whole["N-1", "A"]["verdict"] == "higher"
    assert whole["N-2", "A"]["verdict"] == "no_change"
    assert all(group["mean"]["withheld"] for group in found["groups"])
    shown = type_("result", "change", "later", "small")[1]
    assert "no change beyond error" in shown
    assert "2 participant(s) were not found in the earlier cohort" in shown


def test_a_file_names_those_whose_address_changed(db: Database, type_: Type, tmp_path: Path) -> None:
    two_years(db)
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("participant,earlier\nN-3,P-3\n", encoding="utf-8")
    found = json.loads(type_("result", "change", "later", "small", "--pairs", str(pairs), "--json")[1])
    assert {row["participant"] for row in found["changes"]} == {"N-1", "N-2", "N-3"}
    pairs.write_text("participant,earlier\nN-3,P-9\n", encoding="utf-8")
    assert "no participant of that cohort" in type_("result", "change", "later", "small", "--pairs", str(pairs))[1]


def test_within_a_year_and_backwards_nothing_is_told(db: Database, type_: Type) -> None:
    two_years(db)
    status, said = type_("result", "change", "small", "later")
    assert status == 1
    assert "-24.0 months apart" in said
    assert type_("result", "change", "later", "nowhere")[0] == 1
    assert "24.0 months apart" in type_("result", "change", "later", "small", "--after-months", "36")[1]


def test_a_norm_group_is_made_listed_shown_and_used(db: Database, type_: Type) -> None:
    scored_cohort(db, people(110))
    words = ("norms", "make", "pilot-2026", "small", "--by", "A. Analyst", "--description", "Invented leaders")
    status, said = type_(*words)
    assert (status, "110 people (provisional below 400)" in said) == (0, True)
    assert "never changed, choose another name" in type_(*words)[1]
    (listed,) = json.loads(type_("norms", "list", "--json")[1])["norms"]
    assert (listed["norms"], listed["people"], listed["framework"]) == ("pilot-2026", 110, "small/1")
    group = json.loads(type_("norms", "show", "pilot-2026", "--json")[1])
    same_keys(documented("Of `norms show NAME`"), group)
    figures = group["figures"]
    median = next(q for q in figures[0]["quantiles"] if q["share"] == 0.5)
    assert median["low"] < median["value"] < median["high"]
    assert "Invented leaders" in type_("norms", "show", "pilot-2026")[1]
    places = json.loads(type_("norms", "place", "pilot-2026", "small", "--json")[1])["places"]
    same_keys(documented("Of `norms place NAME COHORT`")["places"], places)
    assert len(places) == 110 * 6
    for row in places:
        assert row["provisional"]
        assert row["low"] <= row["percentile"] <= row["high"]
    shown = type_("norms", "place", "pilot-2026", "small")[1]
    assert "provisional" in shown
    assert "†" not in shown


def test_percentiles_of_reduced_evidence_say_so(db: Database, type_: Type) -> None:
    scored_cohort(db, people(110))
    type_("norms", "make", "pilot-2026", "small", "--by", "A. Analyst", "--description", "Invented leaders")
    first = min(row["participant"] for row in json.loads(type_("result", "list", "small", "--json")[1])["results"])
    with db.write() as uow:
        uow.execute(sa.update(results).where(results.c.participant == first).values(waived=["development day: X1"]))
    told = json.loads(type_("norms", "place", "pilot-2026", "small", "--json")[1])["reduced"]
    assert told == [{"participant": first, "version": 1, "waived": ["development day: X1"]}]
    shown = type_("norms", "place", "pilot-2026", "small")[1]
    assert f"{first} †" in shown
    assert f"† reduced evidence: {first}, version 1, does without development day: X1." in shown


def test_norms_that_cannot_be_are_refused_in_words(db: Database, type_: Type) -> None:
    scored_cohort(db, people(12))
    rest = ("--by", "A. Analyst", "--description", "x")
    assert "12 people are scored in these cohorts; norms need 100" in type_("norms", "make", "n", "small", *rest)[1]
    assert "named twice" in type_("norms", "make", "n", "small", "small", *rest)[1]
    assert "letters, digits" in type_("norms", "make", "../n", "small", *rest)[1]
    assert "talentline cohort list" in type_("norms", "make", "n", "nowhere", *rest)[1]
    assert "talentline norms list" in type_("norms", "place", "n", "small")[1]
    assert "needs 100 scored people" in type_("norms", "list")[1]
