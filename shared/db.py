"""The database: units of work that write, plain connections that read, and the few words both dialects need.

The only place outside `deploy` that knows SQLite from PostgreSQL. SQLite: WAL, `synchronous=FULL` (a commit survives
power loss), foreign keys on, BEGIN IMMEDIATE for units of work, one writer at a time by a lock on a file beside the
database (its own busy handler is unfair: writers waited past their lease). PostgreSQL: READ COMMITTED with row locks.
"""

import fcntl
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal

from shared.errors import TransientError
from shared.ids import CorrelationId, DeliveryId, EventId, new_id
from shared.observing import Published, tell
from shared.tables import Moment
from shared.words import Service

Ring = Callable[[Service, Sequence[DeliveryId]], None]
"""Tells a service's workers that deliveries are due. Best effort: it must never raise and never block for long."""


def silent(service: Service, due: Sequence[DeliveryId]) -> None:
    """Rings nobody; the sweepers find what is due."""


LOCK_PATIENCE_S = 20
"""How long a writer waits for another before it gives up and is tried again later."""


class DatabaseUnavailable(TransientError):
    """The database can't be reached, or gave up during the transaction. Nothing was promised; try again."""

    of_lane = False


@dataclass(frozen=True, slots=True)
class Cause:
    """What led to the present work: the chain's first cause, and the event right before (None at the start)."""

    correlation: CorrelationId
    causation: EventId | None = None


def first_cause() -> Cause:
    """A cause of its own: the start of a chain."""
    return Cause(CorrelationId(new_id()))


@dataclass(slots=True)
class UnitOfWork:
    """One write transaction. `connection` runs statements; after the commit what is in `due` is rung, and whoever
    watches hears what is in `published`.
    """

    connection: sa.Connection
    cause: Cause
    due: list[tuple[Service, DeliveryId]] = field(default_factory=list)
    published: list[Published] = field(default_factory=list)

    def under(self, cause: Cause) -> "UnitOfWork":
        """The same transaction on behalf of another cause: what is published through it belongs to that chain."""
        return UnitOfWork(self.connection, cause, self.due, self.published)

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        """Run a statement in this transaction."""
        return self.connection.execute(statement, parameters)

    def insert(self, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
        """An INSERT that can say `on_conflict_do_nothing` and `on_conflict_do_update` on this database."""
        return insert_for(self.connection, table)

    def insert_once(self, table: sa.Table, values: dict[str, Any]) -> bool:
        """Insert a row that stands for a fact. False if the fact was known already (a unique key says so)."""
        # Not by rowcount: with psycopg it is -1 where SQLAlchemy adds a RETURNING of its own.
        new = self.insert(table).values(values).on_conflict_do_nothing().returning(sa.literal(1))
        return self.execute(new).one_or_none() is not None


def insert_for(connection: sa.Connection, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
    """The dialect's own INSERT, for its ON CONFLICT clauses."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


class Database:
    """A pool of connections to one database.

    `url` is an SQLAlchemy URL; `ring` is called for each new delivery after the commit that made it.
    """

    def __init__(self, url: str, ring: Ring = silent, *, pool_size: int = 10) -> None:
        self.url = sa.make_url(url)
        self.ring = ring
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgres_engine(self.url, pool_size)
        self._write_lock = _FileLock(Path(f"{self.url.database}.lock")) if self.is_sqlite else None

    @contextmanager
    def write(self, cause: Cause | None = None) -> Iterator[UnitOfWork]:
        """A unit of work: commits at the end, rolls back on any exception, rings after the commit.

        Raises:
            DatabaseUnavailable: the database is away or busy; what the block did is not kept (when the connection was
                lost during the commit itself, it may be: hence every fact has a unique key).
        """
        with self._one_writer(), _translated(), self.engine.connect() as connection, self._transaction(connection):
            unit = UnitOfWork(connection, cause or first_cause())
            yield unit
        for fact in unit.published:
            tell(fact)
        self.ring_for(unit.due)

    def ring_for(self, due: Sequence[tuple[Service, DeliveryId]]) -> None:
        """Ring once for each service that has something due."""
        for service in dict.fromkeys(service for service, _ in due):
            self.ring(service, [delivery for other, delivery in due if other == service])

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection for looking: one snapshot for all its statements, and nothing that it writes is kept.

        Raises DatabaseUnavailable.
        """
        snapshot = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with _translated(), self.engine.connect().execution_options(**snapshot) as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                with suppress(sa.exc.DBAPIError, sa.exc.InvalidRequestError):
                    connection.exec_driver_sql("ROLLBACK") if self.is_sqlite else connection.rollback()

    def _transaction(self, connection: sa.Connection) -> AbstractContextManager[Any]:
        return _immediate(connection) if self.is_sqlite else connection.begin()

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        if self._write_lock is None:
            yield
        else:
            with self._write_lock:
                yield

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PROTOCOL,
    }
)
"""What SQLite says when the file is in use, full or away. Everything else is a mistake of ours."""
_SPOILT = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
"""After these a connection may stay as it is for ever: one that was opened on a read-only file never writes."""


@contextmanager
def _translated() -> Iterator[None]:
    """Turns what the drivers say of an absent or overloaded database into DatabaseUnavailable."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
        if code is not None and code & 0xFF not in _PASSING:
            raise  # such as a table that is not there: waiting does not make it
        raise DatabaseUnavailable(f"the database did not answer ({type(error).__name__})") from error
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseUnavailable("the connection to the database was lost") from error
        raise


@contextmanager
def _immediate(connection: sa.Connection) -> Iterator[None]:
    """A transaction that takes SQLite's write lock at once: a deferred one that reads first may fail in mid-way."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with suppress(sa.exc.DBAPIError, sa.exc.InvalidRequestError):  # rolled back already, or the connection is gone
            connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")


def _sqlite_engine(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(
        url,
        connect_args={"timeout": 20, "check_same_thread": False},
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=20000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine, "handle_error")
    def replace_spoilt(context: sa.engine.ExceptionContext) -> None:
        code = getattr(context.original_exception, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in _SPOILT:
            context.is_disconnect = True  # the pool opens new ones

    return engine


def _postgres_engine(url: sa.URL, pool_size: int) -> sa.Engine:
    # psycopg prepares what it runs often; a pooler that does not know of it (PgBouncer before 1.21) needs it off.
    never_prepared = {"prepare_threshold": None} if url.query.get("prepare_threshold") == "none" else {}
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg").difference_update_query(["prepare_threshold"]),
        pool_size=pool_size,
        max_overflow=5,
        pool_pre_ping=True,
        pool_timeout=10,
        isolation_level="READ COMMITTED",
        hide_parameters=True,  # an error's text may be logged; what was being stored may not
        connect_args={
            **never_prepared,
            "connect_timeout": 5,
            # A host that dies in mid-transaction must not hold its row locks until the system's own time-out.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "options": f"-c lock_timeout={LOCK_PATIENCE_S}s -c idle_in_transaction_session_timeout=1min",
        },
    )


class _FileLock:
    """One holder among all threads (a lock) and processes (flock) that use the same path.

    Two files: who holds `….turn` is the next to hold the lock itself. A holder that comes again at once must first wait
    for its turn, so that no process is left out by busier ones.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = threading.Lock()
        self._holder: int | None = None
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        if self._holder == threading.get_ident():
            raise RuntimeError("a unit of work was opened inside another one: it would wait for itself for ever")
        deadline = time.monotonic() + LOCK_PATIENCE_S
        if not self._threads.acquire(timeout=LOCK_PATIENCE_S):
            raise DatabaseUnavailable("another writer of this process holds the database")
        try:
            with _locked(self._path.with_name(f"{self._path.name}.turn"), deadline, longest_pause=0.005):
                self._file = _locked(self._path, deadline, longest_pause=0.0005)
        except BaseException:
            self._threads.release()
            raise
        self._holder = threading.get_ident()

    def __exit__(self, *_: object) -> None:
        self._holder = None
        if self._file is not None:
            self._file.close()
        self._threads.release()


def _locked(path: Path, deadline: float, *, longest_pause: float) -> IO[str]:
    """A file that this process holds until it is closed. Pauses, in seconds, grow while another one holds it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise DatabaseUnavailable(f"{path} can't be written ({error.strerror})") from error
    pause = 0.0002
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                file.close()
                raise DatabaseUnavailable("another process holds the database's writer lock") from None
            time.sleep(pause)
            pause = min(pause * 1.5, longest_pause)
        else:
            return file


class database_now(sa.sql.functions.FunctionElement[Any]):  # noqa: N801  (it is an SQL function)
    """The database's clock at the start of the statement, plus `ahead`. Leases and due times use it, so that workers'
    clocks don't matter. It stays the same within the statement, so that an index can be searched for it.
    """

    type = Moment()
    _traverse_internals = [  # noqa: RUF012
        *sa.sql.functions.FunctionElement._traverse_internals,  # noqa: SLF001  (there is no public name for it)
        ("ahead", InternalTraversal.dp_plain_obj),
    ]
    """What a statement with it is remembered by, so that it is not built anew each time."""
    inherit_cache = True

    def __init__(self, ahead: timedelta = timedelta()) -> None:
        super().__init__()
        self.ahead = ahead


@compiles(database_now, "sqlite")
def _now_in_sqlite(element: database_now, _compiler: SQLCompiler, **_: Any) -> str:
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', '{element.ahead.total_seconds():+.3f} seconds') || '000')"


@compiles(database_now, "postgresql")
def _now_in_postgresql(element: database_now, _compiler: SQLCompiler, **_: Any) -> str:
    return f"(statement_timestamp() + interval '{element.ahead.total_seconds():.3f} seconds')"
