"""Every released plan is sent, on its way, or with a person who knows why not."""

from collections.abc import Sequence

import sqlalchemy as sa

from services.reporting.core.release import MessageState, PlanState
from services.reporting.tables import messages, plans
from shared.db import UnitOfWork
from shared.events import PlanReleased
from shared.ids import CohortId, ParticipantId
from shared.invariants.on_the_way import on_the_way
from shared.invariants.rule import Invariant
from shared.outbox import publish
from shared.words import Service

UNDER_WAY = (MessageState.PENDING, MessageState.HANDING_OVER)
"""Of a mail in any other state somebody knows: it was sent, refused, or it is in doubt."""


def broken(connection: sa.Connection) -> list[str]:
    """`cohort/participant/revision` of released plans that no delivery is about and that nobody is told of."""
    p, m = plans.c, messages.c
    coming = on_the_way(Service.REPORTING, PlanReleased, participant=str, revision=int)
    mail = sa.and_(m.cohort == p.cohort, m.participant == p.participant, m.revision == p.revision)
    same = sa.and_(coming.c.cohort == p.cohort, coming.c.participant == p.participant, coming.c.revision == p.revision)
    forgotten = sa.and_(
        p.state == PlanState.RELEASED,
        sa.or_(m.state.is_(None), m.state.in_(UNDER_WAY)),
        coming.c.participant.is_(None),
    )
    query = sa.select(p.cohort, p.participant, p.revision).outerjoin(messages, mail).outerjoin(coming, same)
    rows = connection.execute(query.where(forgotten).order_by(p.cohort, p.participant, p.revision))
    return [f"{row.cohort}/{row.participant}/{row.revision}" for row in rows]


def mend(uow: UnitOfWork, ids: Sequence[str]) -> None:
    """Have them sent: the mail's own row sees to it that nobody gets one twice."""
    for each in ids:
        cohort, participant, revision = each.rsplit("/", 2)
        about = {"cohort": CohortId(cohort), "participant": ParticipantId(participant), "revision": int(revision)}
        publish(uow, PlanReleased.model_validate(about))


RULE = Invariant(
    broken,
    means="somebody's plan was released and will never arrive",
    cure="nothing: it is sent after all; report it, because it is a defect",
    mend=mend,
)
