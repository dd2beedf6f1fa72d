"""Norm groups: named, dated, never changed."""

import sqlalchemy as sa
from alembic import op

from shared.tables import Moment

revision = "2026_11_26_1007_norms"
down_revision = "2026_11_26_0945_calibrations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scoring_norms",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column(
            "document",
            sa.Text(),
            nullable=False,
            comment="canonical JSON: cohorts, framework, sorted estimates; no ids",
        ),
        sa.Column("hash", sa.String(length=64), nullable=False, comment="SHA-256 of the document"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_scoring_norms")),
        comment="norm groups: named, dated, never changed",
    )
