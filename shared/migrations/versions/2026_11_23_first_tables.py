"""The first tables of every service and of what they share."""

import sqlalchemy as sa
from alembic import op

from shared.tables import BigId, Json, Moment

revision = "2026_11_23_first_tables"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _bus()
    _cohort()
    _people()
    _intake()
    _scoring()
    _reporting()


def _bus() -> None:
    """Events, their deliveries, timed jobs, who did what."""
    op.create_table(
        "bus_audit",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("at", Moment, nullable=False),
        sa.Column("actor", sa.String(200), nullable=False, comment="who did it: a named person, `api`, `cli`"),
        sa.Column("action", sa.String(100), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False, comment="ids only"),
        sa.Column("detail", Json),
    )
    op.create_table(
        "bus_events",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("cohort", sa.String(100), index=True, comment="whose event it is, for replay and erasure"),
        sa.Column("correlation", sa.String(36), nullable=False, index=True),
        sa.Column("causation", sa.String(36)),
        sa.Column("occurred_at", Moment, nullable=False),
    )
    op.create_table(
        "bus_job_slots",
        sa.Column("job", sa.String(100), primary_key=True),
        sa.Column("slot", Moment, primary_key=True, comment="start of the time slot that this job was started for"),
    )
    op.create_table(
        "bus_deliveries",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("event", sa.String(36), sa.ForeignKey("bus_events.id"), nullable=False),
        sa.Column("service", sa.String(20), nullable=False),
        sa.Column("state", sa.String(10), nullable=False, comment="pending, running, done, parked"),
        sa.Column("due_at", Moment, nullable=False),
        sa.Column("lease_until", Moment),
        sa.Column(
            "fence",
            sa.Integer,
            nullable=False,
            server_default="0",
            comment="+1 at each claim; only its holder may finish",
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
        sa.Column("done_at", Moment),
        sa.UniqueConstraint("event", "service"),
    )
    op.create_index(
        "ix_bus_deliveries_open",
        "bus_deliveries",
        ["service", "due_at"],
        sqlite_where=sa.text("state IN ('pending', 'running')"),
        postgresql_where=sa.text("state IN ('pending', 'running')"),
    )


def _cohort() -> None:
    """Cohorts and their definitions."""
    op.create_table(
        "cohort_cohorts",
        sa.Column("cohort", sa.String(100), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, comment="of the definition in force"),
        sa.Column("opened_at", Moment, nullable=False),
    )
    op.create_table(
        "cohort_definitions",
        sa.Column("cohort", sa.String(100), primary_key=True),
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("since", Moment, nullable=False),
    )
    op.create_table(
        "cohort_connections",
        sa.Column(
            "connection",
            sa.String(100),
            primary_key=True,
            comment="unique in an installation: it is in the webhook's address",
        ),
        sa.Column("cohort", sa.String(100), sa.ForeignKey("cohort_cohorts.cohort"), nullable=False),
    )


def _people() -> None:
    """Personal data."""
    op.create_table(
        "people_assessors",
        sa.Column("cohort", sa.String(100), primary_key=True),
        sa.Column("assessor", sa.String(100), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
    )
    op.create_table(
        "people_comments",
        sa.Column("cohort", sa.String(100), primary_key=True),
        sa.Column("participant", sa.String(100), primary_key=True),
        sa.Column("rater", sa.String(100), primary_key=True),
        sa.Column("kind", sa.String(50), primary_key=True, comment="strengths, development, …: what the form asked"),
        sa.Column("evidence", sa.String(64), nullable=False, comment="the piece of evidence that it came with"),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "people_participants",
        sa.Column("cohort", sa.String(100), primary_key=True),
        sa.Column("participant", sa.String(100), primary_key=True),
        sa.Column("given_name", sa.Text, nullable=False),
        sa.Column("family_name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("organisation", sa.String(100), nullable=False),
        sa.Column("pool_consent", sa.String(50), comment="the pool level that was agreed; NULL: none"),
    )
    op.create_table(
        "people_raters",
        sa.Column("cohort", sa.String(100), primary_key=True),
        sa.Column("rater", sa.String(100), primary_key=True),
        sa.Column("participant", sa.String(100), nullable=False),
        sa.Column("relationship", sa.String(20), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
    )


def _intake() -> None:
    """What arrived and what it said."""
    op.create_table(
        "intake_latest",
        sa.Column("cohort", sa.String(100), primary_key=True),
        sa.Column("participant", sa.String(100), primary_key=True),
        sa.Column("instrument", sa.String(20), primary_key=True),
        sa.Column("given_by", sa.String(100), primary_key=True),
        sa.Column("element", sa.String(100), primary_key=True),
        sa.Column("evidence", sa.String(64), comment="the piece that counts"),
        comment="one row a key of evidence; it is locked while a piece of its key is added",
    )
    op.create_table(
        "intake_refusals",
        sa.Column("connection", sa.String(100), primary_key=True, comment="`*` stands for every unknown connection"),
        sa.Column("reason", sa.String(50), primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("last_at", Moment, nullable=False),
        comment="requests turned away at the door: counted, not kept",
    )
    op.create_table(
        "intake_submissions",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("cohort", sa.String(100), nullable=False),
        sa.Column(
            "connection", sa.String(100), nullable=False, comment="the webhook's connection; `upload` for a file"
        ),
        sa.Column("kind", sa.String(20), nullable=False, comment="webhook, score_sheet, marks"),
        sa.Column("name", sa.Text, comment="an uploaded file's name"),
        sa.Column(
            "delivery_key", sa.String(200), nullable=False, comment="the sender's id of it, else the body's SHA-256"
        ),
        sa.Column("sha256", sa.String(64), nullable=False, comment="of the body"),
        sa.Column("headers", Json, nullable=False, comment="[name, value] pairs, without secrets"),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("answers", Json, comment="what the vendor's API answered, for a thin webhook; base64 bodies"),
        sa.Column("received_at", Moment, nullable=False),
        sa.Column("state", sa.String(20), nullable=False, comment="received, recorded, quarantined, set_aside"),
        sa.Column("settled_at", Moment, comment="when the state last changed"),
        sa.Column("reason", sa.String(50), comment="why it is quarantined or set aside: a code"),
        sa.Column("reason_words", sa.Text, comment="the same for a coordinator; may quote what was sent"),
        sa.Column("detail", Json, comment="form, participant and rater as sent, for whoever looks into it"),
        sa.Column("duplicates", sa.Integer, nullable=False, server_default="0", comment="how often it came again"),
        sa.Column("last_duplicate_at", Moment),
        sa.Column(
            "conflict",
            sa.Boolean,
            nullable=False,
            server_default=sa.false(),
            comment="another submission has the same delivery key and other content",
        ),
        sa.UniqueConstraint("cohort", "connection", "delivery_key", "sha256", name="uq_intake_submissions_once"),
    )
    op.create_index("ix_intake_submissions_state", "intake_submissions", ["state", "cohort"])
    op.create_table(
        "intake_evidence",
        sa.Column("evidence", sa.String(64), primary_key=True),
        sa.Column("cohort", sa.String(100), nullable=False),
        sa.Column("submission", sa.String(36), sa.ForeignKey("intake_submissions.id"), nullable=False, index=True),
        sa.Column("recorded_at", Moment, nullable=False),
        comment="each piece of evidence that was published, once",
    )
    op.create_table(
        "intake_pieces",
        sa.Column("submission", sa.String(36), sa.ForeignKey("intake_submissions.id"), primary_key=True),
        sa.Column("participant", sa.String(100), primary_key=True),
        sa.Column("instrument", sa.String(20), primary_key=True),
        sa.Column("given_by", sa.String(100), primary_key=True, comment="rater, assessor or marker"),
        sa.Column(
            "element", sa.String(100), primary_key=True, comment="exercise or criterion; empty for the 360 appraisal"
        ),
        sa.Column("as_of", Moment, primary_key=True, comment="when submitted; for what is undated, when it arrived"),
        sa.Column("cohort", sa.String(100), nullable=False),
        sa.Column("document", Json, nullable=False, comment="the canonical form that the evidence id is a hash of"),
        comment="what each submission said, the same again included",
    )
    op.create_index(
        "ix_intake_pieces_key", "intake_pieces", ["cohort", "participant", "instrument", "given_by", "element"]
    )


def _scoring() -> None:
    """Evidence, results, runs and their gaps."""
    op.create_table(
        "scoring_cases",
        sa.Column("cohort", sa.String(100), primary_key=True),
        sa.Column("participant", sa.String(100), primary_key=True),
        sa.Column("changed_at", Moment, nullable=False, comment="when evidence last came; a result must not be older"),
        comment="a participant's evidence in scoring: the row that is locked while evidence is added or scored",
    )
    op.create_table(
        "scoring_runs",
        sa.Column("run", sa.String(36), primary_key=True),
        sa.Column("cohort", sa.String(100), primary_key=True),
        sa.Column("at", Moment, nullable=False),
    )
    op.create_index("ix_scoring_runs_latest", "scoring_runs", ["cohort", "at"])
    op.create_table(
        "scoring_evidence",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("cohort", sa.String(100), nullable=False),
        sa.Column("participant", sa.String(100), nullable=False),
        sa.Column("instrument", sa.String(30), nullable=False),
        sa.Column(
            "element", sa.String(100), nullable=False, comment="exercise or criterion; empty for the 360 appraisal"
        ),
        sa.Column("by", sa.String(100), nullable=False, comment="rater, assessor or marker"),
        sa.Column("evidence", sa.String(64), nullable=False),
        sa.Column(
            "as_of", Moment, nullable=False, comment="of pieces with one key, the greatest (as_of, evidence) counts"
        ),
        sa.Column("relationship", sa.String(20)),
        sa.Column("ratings", Json, nullable=False, comment="code to rating or mark; null is not observed"),
        sa.Column("moderating", sa.Boolean, nullable=False),
        sa.Column("late", sa.Boolean, nullable=False),
        sa.Column("submission", sa.String(36), nullable=False),
        sa.Column("recorded_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["cohort", "participant"], ["scoring_cases.cohort", "scoring_cases.participant"]),
        sa.UniqueConstraint(
            "cohort",
            "participant",
            "instrument",
            "element",
            "by",
            "evidence",
            "as_of",
            name="uq_scoring_evidence_piece",
        ),
        comment="one row a piece of evidence, superseded ones included",
    )
    op.create_table(
        "scoring_gaps",
        sa.Column("run", sa.String(36), primary_key=True),
        sa.Column("cohort", sa.String(100), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, comment="0, 1, …: weakest first"),
        sa.Column("domain", sa.String(100), nullable=False),
        sa.Column("facet", sa.String(10), nullable=False),
        sa.Column("organisation", sa.String(100), comment="NULL: the cohort as a whole"),
        sa.Column("n", sa.Integer, nullable=False, comment="participants"),
        sa.Column("estimate", sa.Double, nullable=False),
        sa.Column("low", sa.Double, nullable=False),
        sa.Column("high", sa.Double, nullable=False),
        sa.ForeignKeyConstraint(["run", "cohort"], ["scoring_runs.run", "scoring_runs.cohort"]),
    )
    op.create_table(
        "scoring_results",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("cohort", sa.String(100), nullable=False),
        sa.Column("participant", sa.String(100), nullable=False),
        sa.Column("version", sa.Integer, nullable=False, comment="1, 2, …: a later one supersedes"),
        sa.Column("model", sa.String(100), nullable=False),
        sa.Column("framework", sa.String(200), nullable=False),
        sa.Column("definition", sa.String(64), nullable=False, comment="digest of the cohort definition in force"),
        sa.Column("rules", sa.String(64), nullable=False, comment="digest of the parts of it that a result depends on"),
        sa.Column("evidence_state", sa.String(64), nullable=False, comment="digest of the pieces that counted"),
        sa.Column("document", sa.Text, nullable=False, comment="canonical JSON"),
        sa.Column("hash", sa.String(64), nullable=False, comment="SHA-256 of the document"),
        sa.Column("late", sa.Integer, nullable=False, comment="pieces submitted after the cohort closed"),
        sa.Column("scored_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["cohort", "participant"], ["scoring_cases.cohort", "scoring_cases.participant"]),
        sa.UniqueConstraint("cohort", "participant", "version"),
    )


def _reporting() -> None:
    """Plans, messages, the talent pool, reports."""
    op.create_table(
        "reporting_authorisations",
        sa.Column("cohort", sa.String(100), primary_key=True),
        sa.Column("participant", sa.String(100), primary_key=True),
        sa.Column("run", sa.String(36), nullable=False),
        sa.Column("at", Moment, nullable=False),
        comment="a run has released the first plan; the plan itself may be drafted later, since events come in any order",
    )
    op.create_table(
        "reporting_cases",
        sa.Column("cohort", sa.String(100), primary_key=True),
        sa.Column("participant", sa.String(100), primary_key=True),
        sa.Column(
            "version", sa.Integer, nullable=False, server_default="0", comment="latest result known; 0: none yet"
        ),
        comment="the row to lock before anything about a participant is decided",
    )
    op.create_table(
        "reporting_cohort_reports",
        sa.Column("run", sa.String(36), primary_key=True),
        sa.Column("cohort", sa.String(100), nullable=False, index=True),
        sa.Column("document", Json, nullable=False),
        sa.Column("pdf", sa.LargeBinary, nullable=False),
        sa.Column("at", Moment, nullable=False),
    )
    op.create_table(
        "reporting_plans",
        sa.Column("cohort", sa.String(100), primary_key=True),
        sa.Column("participant", sa.String(100), primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("result", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer, nullable=False, comment="of the result"),
        sa.Column("state", sa.String(10), nullable=False, comment="draft, released, sent"),
        sa.Column("document", Json, nullable=False),
        sa.Column(
            "shown", Json, nullable=False, comment="whose answers it shows averages of: [[[rater, evidence], …], …]"
        ),
        sa.Column("drafted_at", Moment, nullable=False),
        sa.Column("released_at", Moment),
        sa.Column("released_by", sa.String(200), comment="a named person, or the run or policy that released it"),
        sa.Column("sent_at", Moment),
    )
    op.create_table(
        "reporting_pool_entries",
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
        comment="append-only",
    )
    op.create_index(
        "ix_reporting_pool_entries_participant", "reporting_pool_entries", ["cohort", "participant", "level"]
    )
    op.create_table(
        "reporting_messages",
        sa.Column("cohort", sa.String(100), primary_key=True),
        sa.Column("participant", sa.String(100), primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("message_id", sa.String(300), nullable=False, unique=True),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False, comment="the bytes that go over the wire, PDF attached"),
        sa.Column(
            "state", sa.String(20), nullable=False, comment="pending, handing_over, sent, undeliverable, uncertain"
        ),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("channel", sa.String(20)),
        sa.Column("words", sa.Text, comment="what the other side said, or why it is uncertain; no address"),
        sa.Column("rendered_at", Moment, nullable=False),
        sa.Column("handed_over_at", Moment, comment="start of the latest attempt"),
        sa.Column("settled_at", Moment),
        sa.ForeignKeyConstraint(
            ["cohort", "participant", "revision"],
            ["reporting_plans.cohort", "reporting_plans.participant", "reporting_plans.revision"],
        ),
    )
    op.create_table(
        "reporting_pool_records",
        sa.Column("cohort", sa.String(100), primary_key=True),
        sa.Column("participant", sa.String(100), primary_key=True),
        sa.Column("level", sa.String(50), primary_key=True),
        sa.Column(
            "entry", BigId, sa.ForeignKey("reporting_pool_entries.id"), nullable=False, comment="how the record stands"
        ),
    )
