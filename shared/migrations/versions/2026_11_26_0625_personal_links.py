"""Whom a personal link belongs to, by the hash of its token."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_0625_personal_links"
down_revision = "2026_11_26_0620_rereadings"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "people_links",
        sa.Column("cohort", sa.String(length=100), nullable=False),
        sa.Column(
            "token_sha256",
            sa.String(length=64),
            nullable=False,
            comment="of the token in somebody's own link, in hex",
        ),
        sa.Column("person", sa.String(length=100), nullable=False, comment="the rater or assessor whose link it is"),
        sa.PrimaryKeyConstraint("cohort", "token_sha256", name=op.f("pk_people_links")),
        comment="whom a personal link belongs to; the tokens themselves are nowhere",
    )
