"""Equality data in a table of their own."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_0936_equality"
down_revision = "2026_11_26_0922_waivers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "people_equality",
        sa.Column("cohort", sa.String(length=100), nullable=False),
        sa.Column("who", sa.String(length=20), nullable=False, comment="participant, rater or assessor"),
        sa.Column("person", sa.String(length=100), nullable=False),
        sa.Column("characteristic", sa.String(length=100), nullable=False),
        sa.Column("group", sa.String(length=100), nullable=False, comment="as the person said; who did not has no row"),
        sa.PrimaryKeyConstraint("cohort", "who", "person", "characteristic", name=op.f("pk_people_equality")),
        comment="equality data: read by the fairness report only, never by scoring",
    )
