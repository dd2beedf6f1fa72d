"""Why a delivery is parked, as a class; and the parked ones found without reading all that are done."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_24_0348_park_reasons"
down_revision = "2026_11_24_0342_lanes_timers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("bus_deliveries", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "reason", sa.String(length=20), nullable=True, comment="parked, discarded: the class of what is wrong"
            )
        )
        batch_op.create_index(
            "ix_bus_deliveries_parked",
            ["service"],
            unique=False,
            sqlite_where=sa.text("state = 'parked'"),
            postgresql_where=sa.text("state = 'parked'"),
        )
