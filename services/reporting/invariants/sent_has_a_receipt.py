"""Every plan that counts as sent has a receipt."""

import sqlalchemy as sa

from services.reporting.core.release import MessageState, PlanState
from services.reporting.tables import messages, plans
from shared.invariants.rule import Invariant


def broken(connection: sa.Connection) -> list[str]:
    """`cohort/participant/revision` of sent plans whose mail does not count as taken."""
    p, m = plans.c, messages.c
    mail = sa.and_(m.cohort == p.cohort, m.participant == p.participant, m.revision == p.revision)
    taken = sa.exists().where(mail, m.state == MessageState.SENT, m.words.is_not(None))
    query = sa.select(p.cohort, p.participant, p.revision).where(p.state == PlanState.SENT, ~taken)
    rows = connection.execute(query.order_by(p.cohort, p.participant, p.revision))
    return [f"{row.cohort}/{row.participant}/{row.revision}" for row in rows]


RULE = Invariant(
    broken,
    means="a plan counts as sent although nothing proves that the other side took it",
    cure="ask the participant whether it arrived; report it",
)
