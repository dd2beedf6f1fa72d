"""Every submission that can't be understood, or does not count, says why."""

import sqlalchemy as sa

from services.intake.core.submission import SubmissionState
from services.intake.tables import submissions
from shared.invariants.rule import Invariant


def broken(connection: sa.Connection) -> list[str]:
    """Submissions in quarantine or set aside without a reason."""
    s = submissions.c
    unread = s.state.in_([SubmissionState.QUARANTINED, SubmissionState.SET_ASIDE])
    mute = sa.or_(s.reason.is_(None), s.reason_words.is_(None))
    return list(connection.execute(sa.select(s.id).where(unread, mute).order_by(s.id)).scalars())


RULE = Invariant(
    broken,
    means="a coordinator sees that answers do not count and is not told what to correct",
    cure="`talentline quarantine retry ID` reads it again and says why; report it",
)
