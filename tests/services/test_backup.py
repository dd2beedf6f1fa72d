"""The drill: a backup in the middle of a cohort, restored into a fresh place. On SQLite and on PostgreSQL."""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from deploy import backups, checks
from services.intake.tables import submissions
from services.reporting.core.channel import Proof
from services.reporting.handlers import handlers
from services.reporting.settings import ReportingSettings
from services.reporting.tables import messages
from shared import restores
from shared.bus import audit
from shared.db import Database
from shared.leases import Leases
from shared.sweeper import Sweeper
from shared.timers import fire
from shared.words import ReleasePolicy, Service
from tests.builders.bench import Bench
from tests.builders.cohort_folder import WrittenCohort, write_cohort
from tests.builders.reporting import a_definition, a_scored
from tests.builders.reporting_bench import QUICK, Outside, ReportingBench
from tests.servers.postgres import PostgresServer

COHORT = "drill"
SECRET = "a-secret-for-the-drill"


class World(Outside):
    """The mail server outside, which no restore takes back. It can tell what it took if it has an archive."""

    def __init__(self, *, has_archive: bool = True) -> None:
        super().__init__(knows=(lambda: Proof.UNKNOWN) if has_archive else None)

    def proof(self, key: str, since: object) -> Proof:
        return Proof.ARRIVED if key in self.counts else Proof.ABSENT

    @property
    def counts(self) -> Counter[str]:
        """How often it took each message."""
        return Counter(message.key for message in self.taken)


class Site:
    """An installation that mails to the world."""

    def __init__(self, db: Database, folder: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bench = Bench(db, folder, monkeypatch)
        settings = ReportingSettings(
            data_dir=folder, mail_url="smtp://localhost", mail_proof_after_seconds=0, mail_absent_after_seconds=0.001
        )
        self.handlers = {
            **self.bench.installation.handlers([Service.INTAKE, Service.SCORING]),
            Service.REPORTING: handlers(settings, world, QUICK),
        }

    def work(self) -> None:
        """All that is due, doubts looked into, until nothing happens any more."""
        sweeper = Sweeper(self.bench.db, self.handlers, Leases(self.bench.db), grace=timedelta())
        while sweeper.sweep() or fire(self.bench.db):
            pass

    def feed(self, written: WrittenCohort, below: str = "") -> None:
        """Everything that comes in time, or what lies `late/`."""
        self.bench.deliver(written.files(f"{below}deliveries/*.json"))
        sheets = written.files(f"{below}development_day/*") + written.files(f"{below}written/*")
        self.bench.upload(COHORT, sheets)

    def stored(self) -> set[str]:
        with self.bench.db.read() as connection:
            return set(connection.execute(sa.select(submissions.c.id)).scalars())

    def mails(self) -> Counter[str]:
        with self.bench.db.read() as connection:
            return Counter(connection.execute(sa.select(messages.c.state)).scalars())


@pytest.fixture
def postgres_programs(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_dump and pg_restore of the server's own release."""
    monkeypatch.setenv("PATH", f"{postgres.programs}{os.pathsep}{os.environ['PATH']}")


@contextmanager
def elsewhere(db: Database, tmp_path: Path, postgres: PostgresServer) -> Iterator[str]:
    """The address of an empty database of the same kind."""
    if db.is_sqlite:
        yield f"sqlite:///{tmp_path / 'fresh' / 'restored.db'}"
    else:
        with postgres.database() as url:
            yield url


def address(db: Database) -> str:
    return db.url.render_as_string(hide_password=False)


def test_a_cohort_goes_on_from_a_backup_that_was_made_under_load_and_nobody_gets_a_second_plan(
    any_db: Database,
    tmp_path: Path,
    postgres: PostgresServer,
    postgres_programs: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TALENTLINE_SECRET_DRILL", SECRET)
    world = World()
    written = write_cohort(
        tmp_path / "cohort", cohort=COHORT, participants=5, organisations=2, seed=3, secret=SECRET, incomplete=True
    )
    first = Site(any_db, tmp_path, world, monkeypatch)
    first.bench.open(written.folder)
    calls = written.files("deliveries/*.json")
    first.bench.deliver(calls[: len(calls) // 2])
    accepted = first.stored()
    rest = threading.Thread(target=first.feed, args=(written,))
    rest.start()
    backups.backup(address(any_db), tmp_path / "backup")
    rest.join()
    # The gap: plans go out that the backup knows nothing of. Then the database is gone.
    first.work()
    first.bench.sender.run(COHORT)
    first.work()
    in_gap = world.counts
    assert set(in_gap.values()) == {1}
    assert len(in_gap) == len(written.complete) > 1

    with elsewhere(any_db, tmp_path, postgres) as url:
        backups.restore(url, tmp_path / "backup", "A. Operator")
        restored = Database(url)
        second = Site(restored, tmp_path, world, monkeypatch)
        assert accepted
        assert accepted <= second.stored()
        assert not checks._restore(second.bench.installation).fine
        second.work()
        # The survey tool and the coordinator send everything again, and what came late.
        second.feed(written)
        second.feed(written, "late/")
        second.work()
        second.bench.sender.run(COHORT)
        second.work()
        with restored.write() as uow:
            restores.settle(uow, "A. Operator")
        assert checks._restore(second.bench.installation).fine
        assert second.mails() == Counter(sent=len(written.participants))
        assert world.counts == Counter(dict.fromkeys(world.counts, 1))
        assert len(world.counts) == len(written.participants)
        restored.close()


def test_without_a_proof_a_restored_installation_holds_mail_for_a_person(any_db: Database, tmp_path: Path) -> None:
    world = World(has_archive=False)
    bench = ReportingBench(any_db, tmp_path, a_definition(policy=ReleasePolicy.AUTOMATIC), channel=world)
    with any_db.write() as uow:
        restores.note(uow, "A. Operator")
    bench.hears(a_scored())
    m = messages.c
    with any_db.read() as connection:
        (row,) = connection.execute(sa.select(m.state, m.words))
        noted = set(connection.execute(sa.select(audit.c.action)).scalars())
    assert row.state == "held"
    assert "goes on from a backup" in row.words
    assert "restore.noted" in noted
    assert world.taken == []


def test_once_the_gap_is_settled_mail_goes_out_as_ever(any_db: Database, tmp_path: Path) -> None:
    world = World(has_archive=False)
    bench = ReportingBench(any_db, tmp_path, a_definition(policy=ReleasePolicy.AUTOMATIC), channel=world)
    with any_db.write() as uow:
        restores.note(uow, "A. Operator")
        assert restores.settle(uow, "A. Operator") == 1
        assert restores.settle(uow, "A. Operator") == 0
    bench.hears(a_scored())
    assert len(world.taken) == 1


def test_a_folder_that_was_not_lost_needs_no_looking_up(any_db: Database, tmp_path: Path) -> None:
    bench = ReportingBench(any_db, tmp_path, a_definition(policy=ReleasePolicy.AUTOMATIC))
    with any_db.write() as uow:
        restores.note(uow, "A. Operator")
    bench.hears(a_scored())
    assert len(bench.mails()) == 1


def test_a_copied_sqlite_backup_knows_by_itself_that_it_is_one(db: Database, tmp_path: Path) -> None:
    backups.backup(address(db), tmp_path / "backup.db")
    assert sorted(path.name for path in tmp_path.glob("*backup*")) == ["backup.db"]
    copy = Database(f"sqlite:///{tmp_path / 'backup.db'}")
    with copy.read() as connection, db.read() as original:
        assert restores.is_open(connection)
        assert not restores.is_open(original)
    copy.close()


def test_a_backup_never_replaces_a_file_and_a_restore_never_a_database(
    any_db: Database, tmp_path: Path, postgres_programs: None
) -> None:
    file = tmp_path / "backup"
    assert backups.backup(address(any_db), file) > 0
    content = file.read_bytes()
    with pytest.raises(backups.NoBackup, match="exists already"):
        backups.backup(address(any_db), file)
    with pytest.raises(backups.NoBackup, match="holds something already"):
        backups.restore(address(any_db), file, "A. Operator")
    assert file.read_bytes() == content


def test_a_broken_backup_is_not_restored(
    any_db: Database, tmp_path: Path, postgres: PostgresServer, postgres_programs: None
) -> None:
    file = tmp_path / "backup"
    backups.backup(address(any_db), file)
    file.write_bytes(file.read_bytes()[:-4000] if any_db.is_sqlite else b"PGDMP no dump")
    with elsewhere(any_db, tmp_path, postgres) as url, pytest.raises(backups.NoBackup, match=r"damaged|can't|failed"):
        backups.restore(url, file, "A. Operator")


def test_no_password_is_told_to_other_programs_or_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "bin" / "pg_dump"
    told.parent.mkdir()
    told.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\necho "$PGPASSWORD" > {tmp_path}/password\nexit 1\n')
    told.chmod(0o755)
    monkeypatch.setenv("PATH", f"{told.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(backups.NoBackup, match="pg_dump failed") as error:
        backups.backup("postgresql://ann:s3cret@db.example.org/talentline", tmp_path / "backup")
    assert "s3cret" not in str(error.value) + (tmp_path / "arguments").read_text()
    assert (tmp_path / "password").read_text().strip() == "s3cret"
