"""That the installation goes on from a backup, and whether the gap after it is settled."""

import sqlalchemy as sa
from alembic import op

import shared.tables

revision = "2026_11_24_0412_restores"
down_revision = "2026_11_24_0400_mail_hand_overs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bus_restores",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column(
            "noted_at",
            shared.tables.Moment(),
            nullable=False,
            comment="when it was restored; of an SQLite backup, when it was made",
        ),
        sa.Column("noted_by", sa.String(length=200), nullable=False),
        sa.Column(
            "settled_at",
            shared.tables.Moment(),
            nullable=True,
            comment="when a person said that nothing of the gap is open; NULL: it is",
        ),
        sa.Column("settled_by", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bus_restores")),
    )
