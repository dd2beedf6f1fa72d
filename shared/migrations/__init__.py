"""Schema changes: one file each in `versions/`, applied in the order of their names, each exactly once.

Run from code, without an alembic.ini: `talentline migrate` and the embedded start call `migrate`. Several processes may
do so at once: one works, the others wait and then find nothing to do. A run applies all that is pending or nothing.

A migration adds and takes nothing away, so that workers of this release and of the one before run side by side. One that
takes away is named `…_post_…` and says `POST_DEPLOY = True`: it is applied when no older worker runs any more. How to
write either is in docs/evolution.md.
"""

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared import clock
from shared.db import Database
from shared.errors import PermanentError

if TYPE_CHECKING:
    from alembic.config import Config

PLACE = Path(__file__).parent
ADVISORY_LOCK = 0x7461_6C65_6E74
"""Any number that nobody else takes: "talent" in ASCII."""
PATIENCE = "60s"
LONGEST_NAME = 32
"""Letters of a revision, so of a file's name without its ending: what alembic's own table holds."""


class NewerDatabase(PermanentError):
    """The database was migrated by a newer release."""

    def __init__(self, revision: str) -> None:
        super().__init__(f"the database is at {revision}, which this release does not know; install the newer release")
        self.revision = revision


class BrokenReferences(PermanentError):
    """A migration left rows that refer to nothing; it was rolled back."""


def revisions() -> tuple[str, ...]:
    """Every migration of this release, first to last. A revision is named like its file."""
    return tuple(sorted(path.stem for path in (PLACE / "versions").glob("[0-9]*.py")))


def current(url: str) -> str | None:
    """The last migration that was applied to the database, None for an empty one. Raises DatabaseUnavailable."""
    database = Database(url)
    if database.is_sqlite and not Path(database.url.database or "").exists():
        return None  # looking must not make the file
    with closing(database), database.read() as connection:
        return _current(connection)


def is_post_deploy(revision: str) -> bool:
    """Whether a migration has to wait until no worker of an older release runs any more: its name says so.

    >>> is_post_deploy("2027_03_01_0900_post_drop_notes"), is_post_deploy("2027_03_01_0900_postcodes")
    (True, False)
    """
    return re.match(r"[\d_]+_post_", revision) is not None


def pending(url: str) -> tuple[str, ...]:
    """The migrations that the database still needs before this release can run on it. None too for a database that is
    newer than this release: a release runs on the next one's tables, so that both can run side by side.

    Raises:
        DatabaseUnavailable: the database did not answer.
    """
    try:
        return _needed(_after(current(url)))
    except NewerDatabase:
        return ()


def postponed(url: str) -> tuple[str, ...]:
    """The migrations that wait until no worker of an older release runs any more. Raises DatabaseUnavailable."""
    try:
        todo = _after(current(url))
    except NewerDatabase:
        return ()
    return todo[len(_needed(todo)) :]


def migrate(url: str, *, post_deploy: bool = True) -> tuple[str, ...]:
    """Apply what is pending, without what is to be `postponed` unless `post_deploy`; the names of the migrations that
    this call applied.

    Raises:
        DatabaseUnavailable: the database did not answer, or somebody held a lock for a minute. Nothing was changed.
        NewerDatabase: it was migrated by a newer release.
        BrokenReferences: a migration left rows that refer to nothing. Nothing was changed.
    """
    if not _wanted(current(url), post_deploy):
        return ()  # without waiting for whoever writes at the moment
    database = Database(url)
    if database.is_sqlite:
        sa.event.listen(database.engine, "connect", _without_foreign_keys)
    with closing(database), database.write() as uow:
        if not database.is_sqlite:
            uow.execute(sa.text(f"SET LOCAL lock_timeout = '{PATIENCE}'"))
            uow.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
        if todo := _wanted(_current(uow.connection), post_deploy):
            _upgrade(uow.connection, todo[-1])
        if database.is_sqlite and (broken := uow.connection.exec_driver_sql("PRAGMA foreign_key_check").all()):
            raise BrokenReferences(f"{len(broken)} rows of table {broken[0][0]} refer to nothing; nothing was changed")
    return todo


def write(words: str, url: str, metadata: sa.MetaData) -> Path:
    """Write a new migration: what leads from the database at `url`, migrated to the last one, to `metadata`.

    For developers. `words` say what changes; the file is named by the minute and them. It is a draft: read it, complete it.

    Raises:
        ValueError: the name would be too long, or would not sort after the last one's.
    """
    from alembic import command  # noqa: PLC0415  (see _upgrade)

    revision = f"{clock.now():%Y_%m_%d_%H%M}_{re.sub(r'[^a-z0-9]+', '_', words.lower()).strip('_')}"
    if len(revision) > LONGEST_NAME:
        raise ValueError(f"{revision} is longer than {LONGEST_NAME} letters: use fewer words")
    if revision <= max(revisions(), default=""):
        raise ValueError(f"{revision} does not come after {max(revisions())} in the order of names: use other words")
    with closing(Database(url)) as database, database.read() as connection:
        command.revision(_config(connection, metadata), message=words, autogenerate=True, rev_id=revision)
    return PLACE / "versions" / f"{revision}.py"


def _current(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _after(revision: str | None) -> tuple[str, ...]:
    """What comes after a revision. Raises NewerDatabase for one that this release doesn't know."""
    known = revisions()
    if revision is None:
        return known
    if revision not in known:
        raise NewerDatabase(revision)
    return known[known.index(revision) + 1 :]


def _needed(todo: tuple[str, ...]) -> tuple[str, ...]:
    """Without the last ones that wait for the rollout. One that an additive one follows belongs to an earlier rollout."""
    end = len(todo)
    while end and is_post_deploy(todo[end - 1]):
        end -= 1
    return todo[:end]


def _wanted(revision: str | None, post_deploy: bool) -> tuple[str, ...]:
    return _after(revision) if post_deploy else _needed(_after(revision))


def _upgrade(connection: sa.Connection, revision: str) -> None:
    from alembic import command  # noqa: PLC0415  (slow to import, and most calls find nothing to do)

    command.upgrade(_config(connection), revision)


def _config(connection: sa.Connection, metadata: sa.MetaData | None = None) -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection, "metadata": metadata})
    config.set_main_option("script_location", str(PLACE).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s")
    return config


def _without_foreign_keys(connection: "sa.engine.interfaces.DBAPIConnection", _record: object) -> None:
    """SQLite changes a table by making it anew, which enforced references forbid; they are checked at the end."""
    execute: Callable[[str], object] = connection.cursor().execute
    execute("PRAGMA foreign_keys=OFF")
