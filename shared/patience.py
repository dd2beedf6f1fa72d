"""A limit on how long one look at the database may take: for looks that nothing waits for, such as a metrics page."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import sqlalchemy as sa

STEPS = 10_000
"""Of SQLite's virtual machine, between two looks at the clock: about a millisecond."""


@contextmanager
def within(connection: sa.Connection, limit: timedelta) -> Iterator[None]:
    """Break statements off that run beyond the limit: it counts for each statement on PostgreSQL, for all of the block
    on SQLite. What is broken off raises an error of the driver's, as an outage does.
    """
    raw = connection.connection.dbapi_connection
    if not isinstance(raw, sqlite3.Connection):
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(limit.total_seconds() * 1000)}")
        yield
        return
    end = time.monotonic() + limit.total_seconds()
    raw.set_progress_handler(lambda: time.monotonic() > end, STEPS)
    try:
        yield
    finally:
        raw.set_progress_handler(None, 0)
