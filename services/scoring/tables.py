"""The tables of scoring. Evidence and results are appended, never changed; of a waiver only its withdrawal is added."""

import sqlalchemy as sa

from shared.tables import BigId, Json, Moment, metadata

cases = sa.Table(
    "scoring_cases",
    metadata,
    sa.Column("cohort", sa.String(100), primary_key=True),
    sa.Column("participant", sa.String(100), primary_key=True),
    sa.Column("changed_at", Moment, nullable=False, comment="when evidence last came; a result must not be older"),
    comment="a participant's evidence in scoring: the row that is locked while evidence is added or scored",
)

evidence = sa.Table(
    "scoring_evidence",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("cohort", sa.String(100), nullable=False),
    sa.Column("participant", sa.String(100), nullable=False),
    sa.Column("instrument", sa.String(30), nullable=False),
    sa.Column("element", sa.String(100), nullable=False, comment="exercise or criterion; empty for the 360 appraisal"),
    sa.Column("by", sa.String(100), nullable=False, comment="rater, assessor or marker"),
    sa.Column("evidence", sa.String(64), nullable=False),
    sa.Column("as_of", Moment, nullable=False, comment="of pieces with one key, the greatest (as_of, evidence) counts"),
    sa.Column("relationship", sa.String(20)),
    sa.Column("ratings", Json, nullable=False, comment="code to rating or mark; null is not observed"),
    sa.Column("moderating", sa.Boolean, nullable=False),
    sa.Column("late", sa.Boolean, nullable=False),
    sa.Column("submission", sa.String(36), nullable=False),
    sa.Column("recorded_at", Moment, nullable=False),
    sa.ForeignKeyConstraint(["cohort", "participant"], [cases.c.cohort, cases.c.participant]),
    sa.UniqueConstraint(
        "cohort", "participant", "instrument", "element", "by", "evidence", "as_of", name="uq_scoring_evidence_piece"
    ),
    comment="one row a piece of evidence, superseded ones included",
)

results = sa.Table(
    "scoring_results",
    metadata,
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
    sa.Column("waived", Json, comment="names of what it does without, see scoring_waivers; NULL: of nothing"),
    sa.Column("calibration", sa.String(64), comment="hash of the calibration that it rests on; NULL: none"),
    sa.ForeignKeyConstraint(["cohort", "participant"], [cases.c.cohort, cases.c.participant]),
    sa.UniqueConstraint("cohort", "participant", "version"),
)

waivers = sa.Table(
    "scoring_waivers",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("cohort", sa.String(100), nullable=False),
    sa.Column("participant", sa.String(100), nullable=False),
    sa.Column("instrument", sa.String(30), nullable=False),
    sa.Column("element", sa.String(100), nullable=False, comment="relationship, exercise or criterion"),
    sa.Column("name", sa.Text, nullable=False, comment="of the requirement, in words"),
    sa.Column("by", sa.String(200), nullable=False, comment="the named person who decided"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("waived_at", Moment, nullable=False),
    sa.Column("heard_at", Moment, comment="since when scoring does without it; NULL: it has not heard of it yet"),
    sa.Column("withdrawn_by", sa.String(200)),
    sa.Column("withdrawn_reason", sa.Text),
    sa.Column("withdrawn_at", Moment, comment="NULL: it holds"),
    sa.ForeignKeyConstraint(["cohort", "participant"], [cases.c.cohort, cases.c.participant]),
    sa.Index(
        "uq_scoring_waivers_standing",
        "cohort",
        "participant",
        "instrument",
        "element",
        unique=True,
        sqlite_where=sa.text("withdrawn_at IS NULL"),
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    ),
    comment="what a participant may be scored without, by whose decision and why",
)

calibrations = sa.Table(
    "scoring_calibrations",
    metadata,
    sa.Column("cohort", sa.String(100), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False, comment="1, 2, …: the greatest counts"),
    sa.Column("run", sa.String(36), nullable=False, comment="the run that calibrated"),
    sa.Column("model", sa.String(100), nullable=False),
    sa.Column("rules", sa.String(64), nullable=False, comment="digest of the rules in force"),
    sa.Column("participants", sa.Integer, nullable=False),
    sa.Column("document", sa.Text, nullable=False, comment="canonical JSON: parameters and diagnostics"),
    sa.Column("hash", sa.String(64), nullable=False, comment="SHA-256 of the document; results name it"),
    sa.Column("at", Moment, nullable=False),
    sa.Index("ix_scoring_calibrations_hash", "cohort", "hash"),
    comment="what a cohort's scored participants together tell of items, raters and sources; appended, never changed",
)

runs = sa.Table(
    "scoring_runs",
    metadata,
    sa.Column("run", sa.String(36), primary_key=True),
    sa.Column("cohort", sa.String(100), primary_key=True),
    sa.Column("at", Moment, nullable=False),
    sa.Index("ix_scoring_runs_latest", "cohort", "at"),
)

gaps = sa.Table(
    "scoring_gaps",
    metadata,
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
    sa.Column("standard_error", sa.Double, comment="of the estimate; NULL in runs of releases that kept none"),
    sa.Column("drawn", sa.Double, comment="an organisation's mean drawn towards the cohort's"),
    sa.Column("drawn_low", sa.Double),
    sa.Column("drawn_high", sa.Double),
    sa.ForeignKeyConstraint(["run", "cohort"], [runs.c.run, runs.c.cohort]),
)


norms = sa.Table(
    "scoring_norms",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column(
        "document", sa.Text, nullable=False, comment="canonical JSON: cohorts, framework, sorted estimates; no ids"
    ),
    sa.Column("hash", sa.String(64), nullable=False, comment="SHA-256 of the document"),
    comment="norm groups: named, dated, never changed",
)


def in_force() -> sa.ColumnElement[bool]:
    """Waivers that count: scoring has heard of them, and nobody has withdrawn them."""
    return sa.and_(waivers.c.heard_at.is_not(None), waivers.c.withdrawn_at.is_(None))
