"""Which hand-over has a mail. What was in doubt so far has no proof that could be looked up: a person decides."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_24_0400_mail_hand_overs"
down_revision = "2026_11_24_0352_body_encoding"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("reporting_messages", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "hand_over",
                sa.String(length=36),
                nullable=True,
                comment="which hand-over has it: only that one may settle it",
            )
        )
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("reporting_messages", "state", comment="see core.release.MessageState")
    op.execute("UPDATE reporting_messages SET state = 'held' WHERE state = 'uncertain'")
