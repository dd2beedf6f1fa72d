"""A pool record ends by itself: its timer is set with its entry, and moved or taken back with the next one."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.reporting.commands import decide
from services.reporting.core.pool import Decision
from services.reporting.store import pool_history, pool_of
from services.reporting.tables import pool_entries
from shared import clock
from shared.bus import timers
from shared.db import Database, database_now
from shared.events import PoolExpiryDue, TalentPoolUpdated
from shared.timers import fire
from tests.builders.reporting import COHORT, P1, a_scored
from tests.builders.reporting_bench import ReportingBench


@pytest.fixture
def bench(any_db: Database, tmp_path: Path) -> ReportingBench:
    """Reporting with a pool record of one participant."""
    bench = ReportingBench(any_db, tmp_path)
    bench.hears(a_scored())
    return bench


def decided(bench: ReportingBench, decision: Decision) -> None:
    with bench.db.write() as uow:
        decide(uow, P1, "local", decision, by="A. Chair", reason="Agreed by the board")


def expiry(bench: ReportingBench) -> datetime:
    """When the record's timer is due."""
    with bench.db.read() as connection:
        due: datetime = connection.execute(sa.select(timers.c.due_at)).scalar_one()
    return due


def years_pass(bench: ReportingBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The timer's moment has come."""
    later = clock.now() + timedelta(weeks=110)
    monkeypatch.setattr(clock, "now", lambda: later)
    with bench.db.write() as uow:
        uow.execute(sa.update(timers).values(due_at=database_now(timedelta(seconds=-1))))
    fire(bench.db)
    bench.work()


def statuses(bench: ReportingBench) -> list[str]:
    with bench.db.read() as connection:
        return [entry.status.value for entry in pool_history(connection, COHORT, P1)]


def test_a_record_that_nobody_renews_expires_at_the_end_of_its_day(
    bench: ReportingBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench.db.read() as connection:
        (record,) = pool_of(connection)
    assert expiry(bench).date() == record.expires_on
    years_pass(bench, monkeypatch)
    assert statuses(bench) == ["proposed", "expired"]
    with bench.db.read() as connection:
        (record,) = pool_of(connection)
        assert connection.execute(sa.select(timers)).all() == []
    assert record.reason.startswith("nobody has renewed it by 20")
    assert bench.published(TalentPoolUpdated) == 2


def test_a_decision_moves_the_expiry_and_an_early_bell_changes_nothing(
    bench: ReportingBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = expiry(bench)
    later = clock.now() + timedelta(weeks=20)
    monkeypatch.setattr(clock, "now", lambda: later)
    decided(bench, Decision.ADMIT)
    assert timedelta(weeks=20, hours=-2) < expiry(bench) - first < timedelta(weeks=20, hours=2)  # summer time
    bench.hears(PoolExpiryDue(cohort=COHORT, participant=P1, level="local"))
    assert statuses(bench) == ["proposed", "admitted"]


def test_an_expired_record_can_be_renewed_by_a_person_or_a_new_result(
    bench: ReportingBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    years_pass(bench, monkeypatch)
    decided(bench, Decision.ADMIT)
    years_pass(bench, monkeypatch)
    bench.hears(a_scored(version=2))
    assert statuses(bench) == ["proposed", "expired", "admitted", "expired", "proposed"]


def test_a_record_expires_once_however_often_the_bell_rings(
    bench: ReportingBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    years_pass(bench, monkeypatch)
    for _ in range(2):
        bench.hears(PoolExpiryDue(cohort=COHORT, participant=P1, level="local"))
    assert statuses(bench) == ["proposed", "expired"]
    with bench.db.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(pool_entries)).scalar_one() == 2
