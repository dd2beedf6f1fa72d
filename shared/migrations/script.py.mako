"""${message}."""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None
% if "_post_" in up_revision:
POST_DEPLOY = True
% endif


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
