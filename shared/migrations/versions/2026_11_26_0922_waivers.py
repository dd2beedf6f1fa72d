"""What a participant may be scored without, and which results do without something."""

import sqlalchemy as sa
from alembic import op

from shared.tables import Json, Moment

revision = "2026_11_26_0922_waivers"
down_revision = "2026_11_26_0625_personal_links"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scoring_waivers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("cohort", sa.String(length=100), nullable=False),
        sa.Column("participant", sa.String(length=100), nullable=False),
        sa.Column("instrument", sa.String(length=30), nullable=False),
        sa.Column("element", sa.String(length=100), nullable=False, comment="relationship, exercise or criterion"),
        sa.Column("name", sa.Text(), nullable=False, comment="of the requirement, in words"),
        sa.Column("by", sa.String(length=200), nullable=False, comment="the named person who decided"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("waived_at", Moment(), nullable=False),
        sa.Column(
            "heard_at",
            Moment(),
            nullable=True,
            comment="since when scoring does without it; NULL: it has not heard of it yet",
        ),
        sa.Column("withdrawn_by", sa.String(length=200), nullable=True),
        sa.Column("withdrawn_reason", sa.Text(), nullable=True),
        sa.Column("withdrawn_at", Moment(), nullable=True, comment="NULL: it holds"),
        sa.ForeignKeyConstraint(
            ["cohort", "participant"],
            ["scoring_cases.cohort", "scoring_cases.participant"],
            name=op.f("fk_scoring_waivers_cohort_participant"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scoring_waivers")),
        comment="what a participant may be scored without, by whose decision and why",
    )
    op.create_index(
        "uq_scoring_waivers_standing",
        "scoring_waivers",
        ["cohort", "participant", "instrument", "element"],
        unique=True,
        sqlite_where=sa.text("withdrawn_at IS NULL"),
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )

    op.add_column(
        "scoring_results",
        sa.Column(
            "waived",
            Json,
            nullable=True,
            comment="names of what it does without, see scoring_waivers; NULL: of nothing",
        ),
    )
