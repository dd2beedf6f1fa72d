"""Mails for people to read: how far each has come. No address and no content."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from services.reporting.core.keys import plan_reference
from services.reporting.core.release import MessageState
from services.reporting.tables import messages
from shared.bus import audit, timers
from shared.ids import CohortId, ParticipantId

TIMER = "reporting.mail_proof:"
"""How the name of a timer begins that has a hand-over looked up; the hand-over's id follows."""


@dataclass(frozen=True, slots=True)
class Mail:
    """How far the mail of one revision of a plan has come. `words` are the other side's, or our account of a doubt."""

    cohort: CohortId
    participant: ParticipantId
    revision: int
    message_id: str
    state: MessageState
    attempts: int
    channel: str | None
    words: str | None
    printed_at: datetime
    handed_over_at: datetime | None
    settled_at: datetime | None
    next_look_at: datetime | None

    @property
    def since(self) -> datetime:
        """Since when it is as it is."""
        if self.state in {MessageState.SENT, MessageState.UNDELIVERABLE} and self.settled_at:
            return self.settled_at
        return self.printed_at if self.state is MessageState.PENDING else self.handed_over_at or self.printed_at


def mails(
    connection: sa.Connection, cohort: CohortId | None = None, participant: ParticipantId | None = None
) -> list[Mail]:
    """Every mail, or those of one cohort or participant; by cohort, participant and revision."""
    m = messages.c
    columns = (m.cohort, m.participant, m.revision, m.message_id, m.state, m.attempts, m.channel, m.words)
    moments = (m.rendered_at.label("printed_at"), m.handed_over_at, m.settled_at, timers.c.due_at.label("next_look_at"))
    look = timers.c.name == sa.literal(TIMER) + m.hand_over
    query = sa.select(*columns, *moments).select_from(messages.outerjoin(timers, look))
    if cohort is not None:
        query = query.where(m.cohort == cohort)
    if participant is not None:
        query = query.where(m.participant == participant)
    rows = connection.execute(query.order_by(m.cohort, m.participant, m.revision)).mappings()
    return [_mail(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Deed:
    """What a person did about a plan or its mail."""

    at: datetime
    actor: str
    action: str
    reason: str


def deeds(connection: sa.Connection, mail: Mail) -> list[Deed]:
    """Who did what about a mail and its plan, the first first."""
    a = audit.c
    query = sa.select(a.at, a.actor, a.action, a.detail).order_by(a.id)
    rows = connection.execute(query.where(a.subject == plan_reference(mail.cohort, mail.participant, mail.revision)))
    return [Deed(row.at, row.actor, row.action, (row.detail or {}).get("reason") or "") for row in rows]


def _mail(row: sa.RowMapping) -> Mail:
    kind = row["channel"].partition("+")[0] if row["channel"] else None
    return Mail(**{**row, "state": MessageState(row["state"]), "channel": kind})
