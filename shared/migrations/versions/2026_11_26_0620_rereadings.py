"""Which statements stand, where a submission was read again, what it brought, and what became of those that were."""

import sqlalchemy as sa
from alembic import op

import shared.tables

revision = "2026_11_26_0620_rereadings"
down_revision = "2026_11_26_0609_polls_budgets"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("intake_pieces", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "standing",
                sa.Boolean(),
                server_default=sa.true(),
                nullable=False,
                comment="whether the submission is read so now; otherwise it was once, or it repeats what counts again",
            )
        )
    with op.batch_alter_table("intake_submissions", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "brought",
                shared.tables.Json,
                nullable=True,
                comment="responses that it brought as news, by the hash in intake_responses; NULL: none",
            )
        )
    op.create_table(
        "intake_rereadings",
        sa.Column("rereading", sa.String(length=36), nullable=False),
        sa.Column("submission", sa.String(length=36), nullable=False),
        sa.Column(
            "participant",
            sa.String(length=100),
            nullable=False,
            comment="empty: the row is about the submission itself",
        ),
        sa.Column("cohort", sa.String(length=100), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False, comment="same, changed, unread"),
        sa.Column("given_before", sa.Integer(), nullable=False, comment="ratings given, as it was read before"),
        sa.Column("given_after", sa.Integer(), nullable=False),
        sa.Column("not_observed_before", sa.Integer(), nullable=False),
        sa.Column("not_observed_after", sa.Integer(), nullable=False),
        sa.Column("read_at", shared.tables.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("rereading", "submission", "participant", name=op.f("pk_intake_rereadings")),
        comment="what became of each submission that was read again after its mapping had changed",
    )
    with op.batch_alter_table("intake_rereadings", schema=None) as batch_op:
        batch_op.create_index("ix_intake_rereadings_cohort", ["cohort", "read_at"], unique=False)
