"""Pruning lets go of what the bus did long ago, and of nothing else. On SQLite and on PostgreSQL."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from deploy.invariants import INVARIANTS
from services.intake.tables import submissions
from services.scoring.tables import results
from shared import retention
from shared.bus import deliveries, events, job_slots
from shared.db import Database
from shared.retention import LEAST, Pruned, prune
from shared.tables import metadata
from tests.builders.bench import Bench
from tests.builders.cohort_folder import write_cohort

OF_THE_BUS = {"bus_events", "bus_deliveries", "bus_job_slots"}


class Fed:
    """A small cohort that was fed and scored; its plans wait for a run."""

    def __init__(self, db: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TALENTLINE_SECRET_AUTUMN_19", "a-secret-of-a-generated-cohort")
        self.db = db
        self.written = write_cohort(folder / "cohort", participants=2, organisations=1, incomplete=False)
        self.bench = Bench(db, folder, monkeypatch)
        self.bench.open(self.written.folder)
        self.feed()

    def feed(self) -> None:
        """Everything, once more."""
        self.bench.feed(self.written.folder, self.written.cohort)


@pytest.fixture
def fed_sqlite(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fed:
    """For what does not depend on the database."""
    return Fed(db, tmp_path, monkeypatch)


@pytest.fixture
def fed(any_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fed:
    return Fed(any_db, tmp_path, monkeypatch)


def age(db: Database, by: timedelta, *only: sa.ColumnElement[bool]) -> None:
    """Let everything on the bus, or some events, have happened so much earlier."""
    then = datetime.now(UTC) - by
    with db.write() as uow:
        ids = list(uow.execute(sa.select(events.c.id).where(*only)).scalars())
        uow.execute(sa.update(events).where(events.c.id.in_(ids)).values(occurred_at=then))
        done = sa.and_(deliveries.c.event.in_(ids), deliveries.c.state == "done")
        uow.execute(sa.update(deliveries).where(done).values(done_at=then))
        uow.execute(sa.insert(job_slots).values(job="a.job", slot=then))


def counts(db: Database) -> dict[str, int]:
    with db.read() as connection:
        return {
            table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }


def broken(db: Database) -> dict[str, list[str]]:
    with db.read() as connection:
        return {name: found for name, rule in INVARIANTS.items() if (found := rule.broken(connection))}


def test_what_was_done_long_ago_goes_and_every_fact_stays(fed: Fed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 50)  # several transactions
    db = fed.db
    age(db, LEAST + timedelta(days=1))
    before = counts(db)
    gone = prune(db, LEAST)
    after = counts(db)
    assert gone == Pruned(before["bus_deliveries"], before["bus_events"])
    assert {name for name in before if after[name] != before[name]} == OF_THE_BUS
    assert {after[name] for name in OF_THE_BUS} == {0}
    assert broken(db) == {}


def test_after_pruning_the_same_deliveries_are_still_known(fed_sqlite: Fed) -> None:
    db = fed_sqlite.db
    age(db, LEAST + timedelta(days=1))
    prune(db, LEAST)
    kept = counts(db)
    fed_sqlite.feed()
    again = counts(db)
    assert {name: again[name] for name in (submissions.name, results.name)} == {
        name: kept[name] for name in (submissions.name, results.name)
    }


def test_what_is_recent_stays(fed_sqlite: Fed) -> None:
    before = counts(fed_sqlite.db)
    assert prune(fed_sqlite.db, LEAST) == Pruned(0, 0)
    assert counts(fed_sqlite.db) == before


def test_a_chain_stays_whole_as_long_as_one_of_its_deliveries_is_not_done(fed: Fed) -> None:
    db = fed.db
    age(db, LEAST + timedelta(days=1))
    with db.write() as uow:
        last = uow.execute(sa.select(deliveries.c.event).order_by(deliveries.c.id.desc()).limit(1)).scalar_one()
        correlation = uow.execute(sa.select(events.c.correlation).where(events.c.id == last)).scalar_one()
        chain = uow.execute(sa.select(events.c.id).where(events.c.correlation == correlation)).scalars().all()
        uow.execute(sa.update(deliveries).where(deliveries.c.event == last).values(state="parked", last_error="x"))
    assert len(chain) > 1
    assert prune(db, LEAST).events > 0
    with db.read() as connection:
        assert set(connection.execute(sa.select(events.c.id)).scalars()) == set(chain)


def test_a_chain_stays_whole_as_long_as_some_of_it_is_recent(fed_sqlite: Fed) -> None:
    db = fed_sqlite.db
    with db.read() as connection:
        chain = connection.execute(
            sa.select(events.c.correlation).group_by(events.c.correlation).having(sa.func.count() > 1)
        )
        correlation = chain.scalars().first()
        first = connection.execute(
            sa.select(sa.func.min(events.c.id)).where(events.c.correlation == correlation)
        ).scalar_one()
    age(db, LEAST + timedelta(days=1), events.c.id == first)
    assert prune(db, LEAST) == Pruned(0, 0)


def test_nothing_recent_can_be_asked_for(db: Database) -> None:
    with pytest.raises(ValueError, match="30 days"):
        prune(db, timedelta(days=29))
