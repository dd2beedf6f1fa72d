"""Every mail of which it is not known whether it arrived is looked up, sooner or later."""

import sqlalchemy as sa

from services.reporting.core.release import MessageState
from services.reporting.tables import messages
from shared.bus import timers
from shared.events import MailProofDue
from shared.invariants.on_the_way import on_the_way
from shared.invariants.rule import Invariant
from shared.words import Service


def broken(connection: sa.Connection) -> list[str]:
    """`cohort/participant/revision` of mails in doubt that neither a timer nor a delivery is about."""
    m = messages.c
    coming = on_the_way(Service.REPORTING, MailProofDue, hand_over=str)
    wanted = sa.select(timers.c.payload["hand_over"].as_string().label("hand_over"))
    later = wanted.where(timers.c.event == MailProofDue.name).subquery()
    query = (
        sa.select(m.cohort, m.participant, m.revision)
        .outerjoin(coming, coming.c.hand_over == m.hand_over)
        .outerjoin(later, later.c.hand_over == m.hand_over)
    )
    forgotten = (m.state == MessageState.UNCERTAIN, coming.c.hand_over.is_(None), later.c.hand_over.is_(None))
    rows = connection.execute(query.where(*forgotten).order_by(m.cohort, m.participant, m.revision))
    return [f"{row.cohort}/{row.participant}/{row.revision}" for row in rows]


RULE = Invariant(
    broken,
    means="somebody's plan may have arrived or not, and nobody will find out",
    cure="ask the participant; `talentline mail` says how to settle it; report it, because it is a defect",
)
