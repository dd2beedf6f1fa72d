"""How a submission's body is kept, and its size as it came. PostgreSQL need not try to compress it once more."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_24_0352_body_encoding"
down_revision = "2026_11_24_0349_invariants"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("intake_submissions", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "encoding", sa.String(length=10), nullable=True, comment="how the body is kept: zstd; none: as it came"
            )
        )
        batch_op.add_column(sa.Column("size", sa.Integer(), nullable=True, comment="bytes of the body as it came"))
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE intake_submissions ALTER COLUMN body SET STORAGE EXTERNAL")
