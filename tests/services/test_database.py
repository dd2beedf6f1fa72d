"""Units of work and snapshots on both databases."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from shared import db as module
from shared.bus import audit
from shared.clock import now
from shared.db import Database, DatabaseUnavailable
from shared.outbox import audited
from shared.people import Participant
from shared.tables import Moment


def note(db: Database, subject: str) -> None:
    with db.write() as uow:
        audited(uow, actor="test", action="noted", subject=subject)


def subjects(connection: sa.Connection) -> list[str]:
    return list(connection.execute(sa.select(audit.c.subject).order_by(audit.c.id)).scalars())


def test_a_reader_sees_one_moment_for_all_its_statements(any_db: Database) -> None:
    note(any_db, "before")
    with any_db.read() as connection:
        assert subjects(connection) == ["before"]
        note(any_db, "meanwhile")
        assert subjects(connection) == ["before"]
    with any_db.read() as connection:
        assert subjects(connection) == ["before", "meanwhile"]


def test_a_reader_keeps_nothing_that_it_writes(any_db: Database) -> None:
    note(any_db, "kept")
    with pytest.raises(sa.exc.SQLAlchemyError), any_db.read() as connection:
        connection.execute(sa.delete(audit))
        raise sa.exc.SQLAlchemyError
    with any_db.read() as connection:
        assert subjects(connection) == ["kept"]


def test_a_fact_is_inserted_once(any_db: Database) -> None:
    table = sa.Table("facts", sa.MetaData(), sa.Column("fact", sa.String(10), primary_key=True))
    table.create(any_db.engine)
    with any_db.write() as uow:
        assert uow.insert_once(table, {"fact": "a"})
        assert not uow.insert_once(table, {"fact": "a"})


def test_a_missing_table_is_a_mistake_and_no_outage(any_db: Database) -> None:
    table = sa.Table("nowhere", sa.MetaData(), sa.Column("a", sa.Integer))
    with pytest.raises(sa.exc.DBAPIError), any_db.read() as connection:
        connection.execute(sa.select(table))


def test_an_absent_server_is_an_outage() -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailable), away.write():
        pass


def test_a_folder_that_can_not_be_written_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnavailable), Database(f"sqlite:///{tmp_path}/file/x.db").write():
        pass


def test_a_file_that_could_not_be_written_for_a_while_is_written_again_without_a_restart(db: Database) -> None:
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")  # what SQLite makes of a file that it may only read
    with pytest.raises(DatabaseUnavailable):
        note(db, "refused")
    note(db, "kept")
    with db.read() as connection:
        assert subjects(connection) == ["kept"]


def test_a_unit_of_work_inside_another_is_told_at_once(db: Database) -> None:
    with pytest.raises(RuntimeError, match="inside another"), db.write():
        note(db, "never")


@contextmanager
def held(db: Database) -> Iterator[None]:
    """Another process's writer: a lock of its own on the same file."""
    lock = module._FileLock(Path(f"{db.url.database}.lock"))
    release = threading.Event()
    taken = threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            release.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    try:
        yield
    finally:
        release.set()
        thread.join()


def test_a_writer_waits_for_another_and_gives_up_in_time(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOCK_PATIENCE_S", 0.3)
    with held(db), pytest.raises(DatabaseUnavailable, match="writer lock"):
        note(db, "late")
    note(db, "now")
    with db.read() as connection:
        assert subjects(connection) == ["now"]


def test_a_writer_is_not_left_out_by_a_busier_process(db: Database) -> None:
    # Two locks on the same files are to each other as two processes are; one is taken again and again, by four threads.
    path = Path(f"{db.url.database}.lock")
    busy, mine = module._FileLock(path), module._FileLock(path)
    stop, taken = threading.Event(), []

    def hold_again_and_again() -> None:
        while not stop.is_set():
            with busy:
                taken.append(1)
                time.sleep(0.004)

    threads = [threading.Thread(target=hold_again_and_again) for _ in range(4)]
    for thread in threads:
        thread.start()
    waited = []
    for _ in range(30):
        before = len(taken)
        with mine:
            waited.append(len(taken) - before)
    stop.set()
    for thread in threads:
        thread.join()
    assert sum(waited) / len(waited) <= 3, waited


def test_times_come_back_aware_and_naive_ones_are_refused(any_db: Database) -> None:
    note(any_db, "when")
    with any_db.read() as connection:
        at = connection.execute(sa.select(audit.c.at)).scalar_one()
    assert abs((now() - at).total_seconds()) < 60
    with pytest.raises(ValueError, match="naive"):
        Moment().process_bind_param(datetime(2026, 1, 1), any_db.engine.dialect)  # noqa: DTZ001


def test_a_person_printed_in_passing_shows_no_personal_data() -> None:
    person = Participant("P-1", "Given", "Family", "p1@example.org", "ORG", None)  # type: ignore[arg-type]
    assert not [word for word in ("Given", "Family", "example") if word in repr(person)]
