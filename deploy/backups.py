"""Backups of the database, made while everything runs, and going on from one.

SQLite: SQLite's own online backup, into one file that is checked and carries the note of the restore in itself.
PostgreSQL: pg_dump and pg_restore, which belong to PostgreSQL's client programs; docs/backup.md has the other ways.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa

from shared import migrations, restores
from shared.db import Database
from shared.errors import PermanentError

BY = "talentline backup"
SQLITE_PAGE = 4096
"""Bytes; SQLite's own default, and ours."""
"""Who notes the restore in an SQLite backup, since nobody knows yet who will restore it."""


class NoBackup(PermanentError):
    """No backup could be made, or none be restored; the database is as it was."""


def backup(url: str, file: Path) -> int:
    """Write a backup of the database at `url` to a new file; its size in bytes. Raises NoBackup."""
    if file.exists():
        raise NoBackup(f"{file} exists already; name another file")
    place = sa.make_url(url)
    with _appearing(file) as made:
        if place.get_backend_name() == "sqlite":
            _copied(Path(str(place.database)), made)
            _noted(made)
        else:
            _client(place, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={made}")
    return file.stat().st_size


def restore(url: str, file: Path, by: str) -> None:
    """Fill the database at `url`, which must be empty, from a backup, and note that it goes on from one.

    Raises NoBackup. Tables that are older than this release are brought up to date.
    """
    if not file.is_file():
        raise NoBackup(f"there is no file {file}")
    if not _is_empty(url):
        raise NoBackup("the database holds something already: restore into an empty one, and change over to it")
    place = sa.make_url(url)
    if place.get_backend_name() == "sqlite":
        if file.stat().st_size % SQLITE_PAGE:
            raise NoBackup(f"{file} is damaged: it ends in the middle of a page; was it copied to its end?")
        with _appearing(Path(str(place.database))) as made:
            _copied(file, made)
    else:
        single = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
        _client(place, "pg_restore", *single, f"--dbname={place.database}", str(file))
    migrations.migrate(url)
    with closing(Database(url)) as db, db.write() as uow:
        restores.note(uow, by)


@contextmanager
def _appearing(file: Path) -> Iterator[Path]:
    """A place to write at; what was written appears as `file` when it is whole and on the disk, or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    made = file.with_name(f".{file.name}.part")
    made.unlink(missing_ok=True)
    try:
        yield made
        _flushed(made)
        made.rename(file)
        _flushed(file.parent)
    finally:
        for rest in (made, Path(f"{made}.lock"), Path(f"{made}.lock.turn")):
            rest.unlink(missing_ok=True)


def _copied(source: Path, target: Path) -> None:
    """A copy of an SQLite database at one moment, whoever writes meanwhile; whole, or NoBackup."""
    if not source.is_file():
        raise NoBackup(f"there is no database {source}")
    with (
        closing(sqlite3.connect(f"file:{source}?mode=rw", uri=True)) as reading,
        closing(sqlite3.connect(target)) as copy,
    ):
        try:
            reading.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, complete in itself
            (verdict,) = copy.execute("PRAGMA integrity_check").fetchone()
        except sqlite3.Error as error:
            raise NoBackup(f"{source} can't be copied: {error}") from error
    if verdict != "ok":
        raise NoBackup(f"the copy of {source} is damaged: {verdict}")


def _noted(copy: Path) -> None:
    """Note in a copy that whoever goes on from it goes on from a backup, however it gets to its place."""
    with closing(Database(f"sqlite:///{copy}")) as db, db.write() as uow:
        if sa.inspect(uow.connection).has_table(restores.restores.name):  # else `migrate` comes first, or `restore`
            restores.note(uow, BY)


def _client(url: sa.URL, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's client programs on a database; the password goes by the environment."""
    found = shutil.which(program)
    if found is None:
        raise NoBackup(f"{program} is not installed here; docs/backup.md says how to run it where PostgreSQL runs")
    query = {name: value for name, value in url.query.items() if isinstance(value, str)}
    address = {
        "PGHOST": url.host or query.get("host"),
        "PGPORT": str(url.port) if url.port else query.get("port"),
        "PGUSER": url.username,
        "PGPASSWORD": str(url.password) if url.password else None,
        "PGDATABASE": url.database,
        "PGSSLMODE": query.get("sslmode"),
        "PGSSLROOTCERT": query.get("sslrootcert"),
    }
    environment = {**os.environ, **{name: value for name, value in address.items() if value}}
    command = [found, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  (ours)
    if done.returncode != 0:
        raise NoBackup(f"{program} failed: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}")


def _is_empty(url: str) -> bool:
    place = sa.make_url(url)
    if place.get_backend_name() == "sqlite":
        return not Path(str(place.database)).exists()
    with closing(Database(url)) as db, db.read() as connection:
        return not sa.inspect(connection).get_table_names()


def _flushed(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
