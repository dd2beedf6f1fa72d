"""Indexes for what is asked while much waits: fresh deliveries in their order, the raters of a participant."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_26_1046_backlog_indexes"
down_revision = "2026_11_26_1040_drawn_gaps"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_bus_deliveries_fresh",
        "bus_deliveries",
        ["service", "due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'pending' AND attempts = 0"),
        postgresql_where=sa.text("state = 'pending' AND attempts = 0"),
    )
    op.create_index("ix_people_raters_participant", "people_raters", ["cohort", "participant"], unique=False)
