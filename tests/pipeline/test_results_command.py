"""`talentline result verify | explain | system | list` as they are typed, on the pilot after its first run."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from deploy.cli.main import app
from services.scoring.tables import results
from shared.db import Database
from shared.errors import TalentlineError
from shared.ids import CohortId
from tests.builders.bench import PILOT, Bench

COHORT = CohortId("pilot-p")
Type = Callable[..., str]


@pytest.fixture
def type_(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types commands; the pilot's first run has scored five of seven."""
    monkeypatch.setenv("TALENTLINE_DATABASE_URL", db.url.render_as_string(hide_password=False))
    bench = Bench(db, tmp_path / "data", monkeypatch)
    bench.open(PILOT)
    bench.feed(PILOT, COHORT)
    bench.run(COHORT)

    def typed(*words: str, status: int = 0) -> str:
        done = CliRunner().invoke(app, list(words))
        if isinstance(done.exception, TalentlineError):
            assert status == 1
            return str(done.exception)
        assert done.exit_code == status, done.output
        return done.output

    return typed


def test_results_are_verified_explained_and_listed(type_: Type, db: Database) -> None:
    assert "5 of 5 came out as recorded." in type_("result", "verify", COHORT)
    explained = json.loads(type_("result", "explain", "P-0001", "--domain", "IK", "--json"))
    (domain,) = explained["domains"]
    assert (domain["domain"], explained["version"]) == ("IK", 1)
    assert {item["instrument"] for item in domain["items"]} == set(explained_sources(domain))
    said = type_("result", "explain", "P-0001", "--domain", "improvement know-how")
    assert "not adjusted" in said
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
