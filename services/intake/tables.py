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
    sa.Column(
        "brought", Json, comment="responses that it brought as news, by the hash in intake_responses; NULL: none"
    ),
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

responses = sa.Table(
    "intake_responses",
    metadata,
    sa.Column("cohort", sa.String(100), primary_key=True),
    sa.Column("connection", sa.String(100), primary_key=True),
    sa.Column("response", sa.String(64), primary_key=True, comment="SHA-256 of the form and response ids"),
    sa.Column("submission", sa.ForeignKey("intake_submissions.id"), nullable=False, comment="which brought this state"),
    sa.Column("revision", sa.String(200), comment="the tool's name for this state"),
    sa.Column("as_of", Moment, comment="when this state came to be; NULL: the tool does not say"),
    sa.Column("partial", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("polled", sa.Boolean, nullable=False, server_default=sa.false(), comment="it came by asking"),
    comment="what is known of each response of tools that can be asked, so that asking again brings only what is new",
)

polls = sa.Table(
    "intake_polls",
    metadata,
    sa.Column("cohort", sa.String(100), primary_key=True),
    sa.Column("connection", sa.String(100), primary_key=True),
    sa.Column("form", sa.String(200), primary_key=True),
    sa.Column("cursor", sa.Text, comment="where a run begins, in the tool's words; NULL: at the cohort's opening"),
    sa.Column("seen", sa.Text, comment="the cursor after this run, as far as it got"),
    sa.Column("following", Json, comment="the request for the next page of this run; NULL: no run is under way"),
    sa.Column("turn", sa.Integer, nullable=False, server_default="0", comment="+1 whenever the place moves"),
    sa.Column("pages", sa.Integer, nullable=False, server_default="0", comment="of this or the last run"),
    sa.Column("news", sa.Integer, nullable=False, server_default="0", comment="responses in them that were not known"),
    sa.Column("asked_at", Moment, comment="when a run was asked for that has not ended; NULL: none"),
    sa.Column("ended_at", Moment, comment="when a run last went through"),
    sa.Column("failed_at", Moment, comment="when the tool last did not give what was asked for; NULL: it did since"),
    sa.Column("reason", sa.Text, comment="why"),
    comment="how far each form of a tool has been asked; moved in the transaction that stores a page",
)

form_details = sa.Table(
    "intake_form_details",
    metadata,
    sa.Column("cohort", sa.String(100), primary_key=True),
    sa.Column("connection", sa.String(100), primary_key=True),
    sa.Column("request", sa.String(64), primary_key=True, comment="SHA-256 of method and address"),
    sa.Column("headers", Json, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("fetched_at", Moment, nullable=False),
    comment="what a tool's API said about forms: the same for all responses for a while",
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
