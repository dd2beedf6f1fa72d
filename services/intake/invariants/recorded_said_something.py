"""Every submission that counts as recorded said something."""

import sqlalchemy as sa

from services.intake.core.submission import SubmissionState
from services.intake.tables import pieces, submissions
from shared.invariants.rule import Invariant


def broken(connection: sa.Connection) -> list[str]:
    """Recorded submissions without a piece of evidence."""
    s = submissions.c
    words = sa.exists().where(pieces.c.submission == s.id)
    query = sa.select(s.id).where(s.state == SubmissionState.RECORDED, ~words)
    return list(connection.execute(query.order_by(s.id)).scalars())


RULE = Invariant(
    broken,
    means="answers count as read and are nowhere: somebody may be scored without them, or wait for them for ever",
    cure="rows of `intake_pieces` were deleted: restore them from a backup; `intake_submissions` keeps what was sent",
)
