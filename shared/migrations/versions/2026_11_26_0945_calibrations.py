"""Calibrations of cohorts, and which of them a result rests on."""

import sqlalchemy as sa
from alembic import op

from shared.tables import Moment

revision = "2026_11_26_0945_calibrations"
down_revision = "2026_11_26_0936_equality"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scoring_calibrations",
        sa.Column("cohort", sa.String(length=100), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False, comment="1, 2, …: the greatest counts"),
        sa.Column("run", sa.String(length=36), nullable=False, comment="the run that calibrated"),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("rules", sa.String(length=64), nullable=False, comment="digest of the rules in force"),
        sa.Column("participants", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False, comment="canonical JSON: parameters and diagnostics"),
        sa.Column("hash", sa.String(length=64), nullable=False, comment="SHA-256 of the document; results name it"),
        sa.Column("at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("cohort", "number", name=op.f("pk_scoring_calibrations")),
        comment="what a cohort's scored participants together tell of items, raters and sources; appended, never changed",
    )
    op.create_index("ix_scoring_calibrations_hash", "scoring_calibrations", ["cohort", "hash"])
    op.add_column(
        "scoring_results",
        sa.Column("calibration", sa.String(length=64), comment="hash of the calibration that it rests on; NULL: none"),
    )
