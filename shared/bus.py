"""The bus's tables: events, and the deliveries that carry each event to each listening service."""

from typing import Any

import sqlalchemy as sa

from shared.tables import BigId, Json, Moment, metadata

events = sa.Table(
    "bus_events",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("payload", Json, nullable=False),
    sa.Column("cohort", sa.String(100), index=True, comment="whose event it is, for replay and erasure"),
    sa.Column("correlation", sa.String(36), nullable=False, index=True),
    sa.Column("causation", sa.String(36)),
    sa.Column("occurred_at", Moment, nullable=False),
)

deliveries = sa.Table(
    "bus_deliveries",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("event", sa.ForeignKey("bus_events.id"), nullable=False),
    sa.Column("service", sa.String(20), nullable=False),
    sa.Column("state", sa.String(10), nullable=False, comment="pending, running, done, parked"),
    sa.Column("due_at", Moment, nullable=False),
    sa.Column("lease_until", Moment),
    sa.Column(
        "fence", sa.Integer, nullable=False, server_default="0", comment="+1 at each claim; only its holder may finish"
    ),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column(
        "crashes",
        sa.Integer,
        nullable=False,
        server_default="0",
        comment="leases that ran out: the worker died or hung",
    ),
    sa.Column("last_error", sa.Text),
    sa.Column("reason", sa.String(20), comment="parked, discarded: the class of what is wrong"),
    sa.Column("done_at", Moment),
    sa.Column("lane", sa.String(200), comment="while it runs: what outside it uses, see bus_lanes"),
    sa.UniqueConstraint("event", "service"),
    sa.Index(
        "ix_bus_deliveries_open",
        "service",
        "due_at",
        sqlite_where=sa.text("state IN ('pending', 'running')"),
        postgresql_where=sa.text("state IN ('pending', 'running')"),
    ),
    sa.Index(
        "ix_bus_deliveries_fresh",
        "service",
        "due_at",
        sqlite_where=sa.text("state = 'pending' AND attempts = 0"),
        postgresql_where=sa.text("state = 'pending' AND attempts = 0"),
    ),
    sa.Index(
        "ix_bus_deliveries_parked",
        "service",
        sqlite_where=sa.text("state = 'parked'"),
        postgresql_where=sa.text("state = 'parked'"),
    ),
    sa.Index(
        "ix_bus_deliveries_lane",
        "lane",
        sqlite_where=sa.text("lane IS NOT NULL"),
        postgresql_where=sa.text("lane IS NOT NULL"),
    ),
)

lanes = sa.Table(
    "bus_lanes",
    metadata,
    sa.Column("name", sa.String(200), primary_key=True, comment="something outside that can be down: an API, a relay"),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0", comment="in a row"),
    sa.Column("shut_until", Moment, comment="nothing enters before; NULL: open"),
    sa.Column("reason", sa.Text, comment="of the last failure"),
    sa.Column("minute", Moment, comment="when the minute began in which uses are counted"),
    sa.Column("minute_uses", sa.Integer, nullable=False, server_default="0"),
    sa.Column("day", Moment, comment="when the day began, at midnight UTC, in which uses are counted"),
    sa.Column("day_uses", sa.Integer, nullable=False, server_default="0"),
)

timers = sa.Table(
    "bus_timers",
    metadata,
    sa.Column("name", sa.String(200), primary_key=True, comment="what it is for, with ids: setting it again moves it"),
    sa.Column("due_at", Moment, nullable=False, index=True),
    sa.Column("event", sa.String(100), nullable=False, comment="wire name of what is published when it is due"),
    sa.Column("payload", Json, nullable=False),
    sa.Column("correlation", sa.String(36), nullable=False),
    sa.Column("causation", sa.String(36)),
    sa.Column("set_at", Moment, nullable=False),
)

invariants = sa.Table(
    "bus_invariants",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("checked_at", Moment, comment="when it was last checked; NULL: it was mended before it was checked"),
    sa.Column("broken", sa.Integer, nullable=False, server_default="0", comment="how many rows break it"),
    sa.Column("sample", Json, comment="the first ids of them"),
    sa.Column("broken_since", Moment, comment="first check that found it broken; NULL: it holds"),
    sa.Column("mended", sa.Integer, nullable=False, server_default="0", comment="rows put right, ever"),
    sa.Column("mended_at", Moment),
    comment="what the last check of each invariant found",
)

job_slots = sa.Table(
    "bus_job_slots",
    metadata,
    sa.Column("job", sa.String(100), primary_key=True),
    sa.Column("slot", Moment, primary_key=True, comment="start of the time slot that this job was started for"),
)

audit = sa.Table(
    "bus_audit",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("actor", sa.String(200), nullable=False, comment="who did it: a named person, `api`, `cli`"),
    sa.Column("action", sa.String(100), nullable=False),
    sa.Column("subject", sa.String(200), nullable=False, comment="ids only"),
    sa.Column("detail", Json),
)


def in_state(*states: str) -> sa.ColumnElement[bool]:
    """Deliveries in one of these states, written as in the condition of an index: SQLite uses a partial index only for
    a query that says the very same, not one whose values come as parameters.
    """
    named = [_literal(state) for state in states]
    return deliveries.c.state.in_(named) if len(named) > 1 else deliveries.c.state == named[0]


def is_fresh() -> sa.ColumnElement[bool]:
    """Deliveries that wait and were never tried, written as in the condition of their index."""
    return sa.and_(in_state("pending"), deliveries.c.attempts == _literal(0))


def _literal(value: Any) -> sa.BindParameter[Any]:
    return sa.bindparam(None, value, literal_execute=True, unique=True)
