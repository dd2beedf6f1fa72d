"""The tables of reporting.

Documents and messages are what was said to a person, names included: erasing a person means erasing their rows here
as well as in `people_*`.
"""

import sqlalchemy as sa

from shared.tables import BigId, Json, Moment, metadata


def _participant() -> tuple[sa.Column[str], sa.Column[str]]:
    """The two columns that name a participant, as the beginning of a primary key."""
    return (
        sa.Column("cohort", sa.String(100), primary_key=True),
        sa.Column("participant", sa.String(100), primary_key=True),
    )


cases = sa.Table(
    "reporting_cases",
    metadata,
    *_participant(),
    sa.Column("version", sa.Integer, nullable=False, server_default="0", comment="latest result known; 0: none yet"),
    comment="the row to lock before anything about a participant is decided",
)

plans = sa.Table(
    "reporting_plans",
    metadata,
    *_participant(),
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("result", sa.String(36), nullable=False),
    sa.Column("version", sa.Integer, nullable=False, comment="of the result"),
    sa.Column("state", sa.String(10), nullable=False, comment="draft, released, sent"),
    sa.Column("document", Json, nullable=False),
    sa.Column("shown", Json, nullable=False, comment="whose answers it shows averages of: [[[rater, evidence], …], …]"),
    sa.Column("drafted_at", Moment, nullable=False),
    sa.Column("released_at", Moment),
    sa.Column("released_by", sa.String(200), comment="a named person, or the run or policy that released it"),
    sa.Column("sent_at", Moment),
    sa.Index("ix_reporting_plans_state", "state", "cohort", "participant", "revision"),
)

messages = sa.Table(
    "reporting_messages",
    metadata,
    *_participant(),
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("message_id", sa.String(300), nullable=False, unique=True),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="the bytes that go over the wire, PDF attached"),
    sa.Column("state", sa.String(20), nullable=False, comment="see core.release.MessageState"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("hand_over", sa.String(36), comment="which hand-over has it: only that one may settle it"),
    sa.Column("channel", sa.String(20)),
    sa.Column("words", sa.Text, comment="what the other side said, or why it is uncertain; no address"),
    sa.Column("rendered_at", Moment, nullable=False),
    sa.Column("handed_over_at", Moment, comment="start of the latest attempt"),
    sa.Column("settled_at", Moment),
    sa.ForeignKeyConstraint(
        ["cohort", "participant", "revision"],
        ["reporting_plans.cohort", "reporting_plans.participant", "reporting_plans.revision"],
    ),
    sa.Index("ix_reporting_messages_state", "state"),
)

authorisations = sa.Table(
    "reporting_authorisations",
    metadata,
    *_participant(),
    sa.Column("run", sa.String(36), nullable=False),
    sa.Column("at", Moment, nullable=False),
    comment="a run has released the first plan; the plan itself may be drafted later, since events come in any order",
)

pool_entries = sa.Table(
    "reporting_pool_entries",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("cohort", sa.String(100), nullable=False),
    sa.Column("participant", sa.String(100), nullable=False),
    sa.Column("level", sa.String(50), nullable=False),
    sa.Column("readiness", sa.String(100), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("by", sa.String(200), nullable=False, comment="a named person, or the rule"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("review_on", sa.Date, nullable=False),
    sa.Column("expires_on", sa.Date, nullable=False),
    sa.Column("result", sa.String(36), comment="the result that it rests on; NULL for a person's decision"),
    sa.Column("at", Moment, nullable=False),
    sa.Index("ix_reporting_pool_entries_participant", "cohort", "participant", "level"),
    comment="append-only",
)

pool_records = sa.Table(
    "reporting_pool_records",
    metadata,
    *_participant(),
    sa.Column("level", sa.String(50), primary_key=True),
    sa.Column("entry", sa.ForeignKey("reporting_pool_entries.id"), nullable=False, comment="how the record stands"),
)

cohort_reports = sa.Table(
    "reporting_cohort_reports",
    metadata,
    sa.Column("run", sa.String(36), primary_key=True),
    sa.Column("cohort", sa.String(100), nullable=False, index=True),
    sa.Column("document", Json, nullable=False),
    sa.Column("pdf", sa.LargeBinary, nullable=False),
    sa.Column("at", Moment, nullable=False),
)
