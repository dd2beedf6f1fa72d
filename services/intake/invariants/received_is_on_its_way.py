"""Every submission that was received and means nothing yet is on its way to be read."""

from collections.abc import Sequence

import sqlalchemy as sa

from services.intake.core.submission import SubmissionState
from services.intake.tables import submissions
from shared.db import UnitOfWork
from shared.events import SubmissionReceived
from shared.ids import CohortId, SubmissionId
from shared.invariants.on_the_way import on_the_way
from shared.invariants.rule import Invariant
from shared.outbox import publish
from shared.words import Service


def broken(connection: sa.Connection) -> list[str]:
    """Received submissions that no delivery is about."""
    s, coming = submissions.c, on_the_way(Service.INTAKE, SubmissionReceived, submission=str)
    query = sa.select(s.id).outerjoin(coming, sa.and_(coming.c.cohort == s.cohort, coming.c.submission == s.id))
    forgotten = sa.and_(s.state == SubmissionState.RECEIVED, coming.c.submission.is_(None))
    return list(connection.execute(query.where(forgotten).order_by(s.id)).scalars())


def mend(uow: UnitOfWork, ids: Sequence[str]) -> None:
    """Have them read: reading a submission twice gives the same evidence once."""
    for each in ids:
        cohort = uow.execute(sa.select(submissions.c.cohort).where(submissions.c.id == each)).scalar_one()
        publish(uow, SubmissionReceived(submission=SubmissionId(each), cohort=CohortId(cohort)))


RULE = Invariant(
    broken,
    means="somebody's answers were taken and nobody will ever read them",
    cure="nothing: they are read after all; report it, because it is a defect",
    mend=mend,
)
