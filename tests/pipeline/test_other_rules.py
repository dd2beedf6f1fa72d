"""A cohort whose rules differ from the pilot's in everything: scale, sources, minimum, release, pool."""

from pathlib import Path

import pytest

from services.reporting import commands
from services.reporting.store import plans_of, pool_of
from services.scoring.store import results_of
from shared.db import Database
from shared.ids import CohortId
from tests.builders.bench import Bench
from tests.builders.cohort_folder import OTHER_RULES, write_cohort

COHORT = CohortId("other-rules")
SECRET = "a-secret-of-another-cohort"


def released(bench: Bench) -> int:
    """`plan release` for everybody; gives how many plans went on their way."""
    with bench.db.write() as uow:
        outcomes = commands.release(uow, COHORT, None, "test")
    bench.work()
    return sum(outcome.released for outcome in outcomes)


def test_plans_wait_for_the_debrief_and_pool_records_for_nobody(
    any_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = write_cohort(
        tmp_path / "folder",
        cohort=COHORT,
        participants=6,
        organisations=2,
        seed=5,
        secret=SECRET,
        rules=OTHER_RULES,
        incomplete=False,
    )
    monkeypatch.setenv(written.secret_env, SECRET)
    bench = Bench(any_db, tmp_path / "data", monkeypatch)
    opened, _ = bench.open(written.folder)
    bench.feed(written.folder, COHORT)
    bench.run(COHORT)
    assert all(status.scored for status in bench.status(opened).values())
    assert bench.mails() == []
    assert released(bench) == 6
    assert len(bench.mails()) == 6
    assert released(bench) == 0
    assert len(bench.mails()) == 6
    scale = opened.definition.framework.scale
    with bench.db.read() as connection:
        results = results_of(connection, COHORT)
        assert all(scale.minimum <= row.low <= row.estimate <= row.high <= scale.maximum for row in results)
        assert {source["instrument"] for row in results for source in row.sources} == {
            "appraisal_360",
            "development_day",
        }
        assert all(plan.sent for plan in plans_of(connection, COHORT))
        assert {record.status for record in pool_of(connection, cohort=COHORT)} == {"admitted"}
