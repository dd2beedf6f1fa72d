"""`talentline result verify | explain | system | list` as they are typed, on the pilot after its first run."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.scoring.tables import results
from shared.db import Database
from shared.ids import CohortId
from tests.builders.bench import PILOT, Bench
from tests.builders.typed import Said, said_by, typist

COHORT = CohortId("pilot-p")


@pytest.fixture
def type_(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Said:
    """Types commands; the pilot's first run has scored five of seven."""
    bench = Bench(db, tmp_path / "data", monkeypatch)
    bench.open(PILOT)
    bench.feed(PILOT, COHORT)
    bench.run(COHORT)
    return said_by(typist(db, tmp_path / "data", monkeypatch))


def test_results_are_verified_explained_and_listed(type_: Said, db: Database) -> None:
    assert "5 of 5 came out as recorded." in type_("result", "verify", COHORT)
    explained = json.loads(type_("result", "explain", "P-0001", "--domain", "IK", "--json"))
    (domain,) = explained["domains"]
    assert (domain["domain"], explained["version"]) == ("IK", 1)
    assert {item["instrument"] for item in domain["items"]} == set(explained_sources(domain))
    said = type_("result", "explain", "P-0001", "--domain", "improvement know-how")
    assert "not adjusted" in said
    assert (explained["thresholds"], "by the thresholds usual/1" in said) == ("usual/1", True)
    assert "R-P-0001" not in said + json.dumps(explained)
    assert "known are" not in type_("result", "explain", "P-0001", "--domain", "XX", status=1)

    rows = json.loads(type_("result", "list", COHORT, "--json"))["results"]
    whole = [row for row in rows if row["facet"] is None]
    assert all(row["result"]["estimate"] == row["estimate"] for row in whole)
    assert all(row["result"] is None for row in rows if row["facet"] is not None)
    system = json.loads(type_("result", "system", "--json"))["system"]
    assert {mean["n"] for figure in system[0]["figures"] for mean in figure["cohorts"]} == {5}
    public = json.loads(type_("result", "system", "--public", "--json"))["system"]
    assert {mean["raw"] for figure in public[0]["figures"] for mean in figure["cohorts"]} == {None}

    with db.write() as uow:
        uow.execute(sa.update(results).where(results.c.participant == "P-0001").values(hash="0" * 64))
    said = type_("result", "verify", COHORT, "--json", status=1)
    assert json.loads(said)["different"] == 1
    assert "no cohort" in type_("result", "verify", "P-9999", status=1)


def explained_sources(domain: dict[str, list[dict[str, str]]]) -> list[str]:
    """The instruments that carry a domain."""
    return [source["instrument"] for source in domain["sources"]]
