"""Organisations' means drawn towards the cohort's, and the error of each mean."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_1040_drawn_gaps"
down_revision = "2026_11_26_1007_norms"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, comment in (
        ("standard_error", "of the estimate; NULL in runs of releases that kept none"),
        ("drawn", "an organisation's mean drawn towards the cohort's"),
        ("drawn_low", None),
        ("drawn_high", None),
    ):
        op.add_column("scoring_gaps", sa.Column(name, sa.Double(), comment=comment))
