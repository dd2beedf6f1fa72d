"""The tables of intake: what arrived, what it said, and what was refused at the door."""

import sqlalchemy as sa

from shared.tables import Json, Moment, metadata

submissions = sa.Table(
    "intake_submissions",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("cohort", sa.String(100), nullable=False),
    sa.Column("connection", sa.String(100), nullable=False, comment="the webhook's connection; `upload` for a file"),
    sa.Column("kind", sa.String(20), nullable=False, comment="webhook, score_sheet, marks"),
    sa.Column("name", sa.Text, comment="an uploaded file's name"),
    sa.Column("delivery_key", sa.String(200), nullable=False, comment="the sender's id of it, else the body's SHA-256"),
    sa.Column("sha256", sa.String(64), nullable=False, comment="of the body"),
    sa.Column("headers", Json, nullable=False, comment="[name, value] pairs, without secrets"),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("encoding", sa.String(10), comment="how the body is kept: zstd; none: as it came"),
    sa.Column("size", sa.Integer, comment="bytes of the body as it came"),
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
    sa.Index("ix_intake_submissions_state", "state", "cohort"),
)

pieces = sa.Table(
    "intake_pieces",
    metadata,
    sa.Column("submission", sa.ForeignKey("intake_submissions.id"), primary_key=True),
    sa.Column("participant", sa.String(100), primary_key=True),
    sa.Column("instrument", sa.String(20), primary_key=True),
    sa.Column("given_by", sa.String(100), primary_key=True, comment="rater, assessor or marker"),
    sa.Column(
        "element", sa.String(100), primary_key=True, comment="exercise or criterion; empty for the 360 appraisal"
    ),
    sa.Column("as_of", Moment, primary_key=True, comment="when submitted; for what is undated, when it arrived"),
    sa.Column("cohort", sa.String(100), nullable=False),
    sa.Column("document", Json, nullable=False, comment="the canonical form that the evidence id is a hash of"),
    sa.Column(
        "standing",
        sa.Boolean,
        nullable=False,
        server_default=sa.true(),
        comment="whether the submission is read so now; otherwise it was once, or it repeats what counts again",
    ),
    sa.Index("ix_intake_pieces_key", "cohort", "participant", "instrument", "given_by", "element"),
    comment="what each submission said, the same again included",
)

evidence = sa.Table(
    "intake_evidence",
    metadata,
    sa.Column("evidence", sa.String(64), primary_key=True),
    sa.Column("cohort", sa.String(100), nullable=False),
    sa.Column("submission", sa.ForeignKey("intake_submissions.id"), nullable=False, index=True),
    sa.Column("recorded_at", Moment, nullable=False),
    comment="each piece of evidence that was published, once",
)

latest = sa.Table(
    "intake_latest",
    metadata,
    sa.Column("cohort", sa.String(100), primary_key=True),
    sa.Column("participant", sa.String(100), primary_key=True),
    sa.Column("instrument", sa.String(20), primary_key=True),
    sa.Column("given_by", sa.String(100), primary_key=True),
    sa.Column("element", sa.String(100), primary_key=True),
    sa.Column("evidence", sa.String(64), comment="the piece that counts"),
    comment="one row a key of evidence; it is locked while a piece of its key is added",
)

rereadings = sa.Table(
    "intake_rereadings",
    metadata,
    sa.Column("rereading", sa.String(36), primary_key=True),
    sa.Column("submission", sa.String(36), primary_key=True),
    sa.Column("participant", sa.String(100), primary_key=True, comment="empty: the row is about the submission itself"),
    sa.Column("cohort", sa.String(100), nullable=False),
    sa.Column("outcome", sa.String(20), nullable=False, comment="same, changed, unread"),
    sa.Column("given_before", sa.Integer, nullable=False, comment="ratings given, as it was read before"),
    sa.Column("given_after", sa.Integer, nullable=False),
    sa.Column("not_observed_before", sa.Integer, nullable=False),
    sa.Column("not_observed_after", sa.Integer, nullable=False),
    sa.Column("read_at", Moment, nullable=False),
    sa.Index("ix_intake_rereadings_cohort", "cohort", "read_at"),
    comment="what became of each submission that was read again after its mapping had changed",
)

refusals = sa.Table(
    "intake_refusals",
    metadata,
    sa.Column("connection", sa.String(100), primary_key=True, comment="`*` stands for every unknown connection"),
    sa.Column("reason", sa.String(50), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("last_at", Moment, nullable=False),
    comment="requests turned away at the door: counted, not kept",
)
