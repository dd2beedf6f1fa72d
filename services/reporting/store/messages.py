"""Messages: what was rendered for a plan, and how far its hand-over has come."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.reporting.core.release import MessageState
from services.reporting.tables import messages
from shared.db import UnitOfWork
from shared.ids import CohortId, ParticipantId


@dataclass(frozen=True, slots=True)
class Message:
    """The mail of one revision of a plan. `content` is what goes over the wire; `words` what the other side said."""

    cohort: CohortId
    participant: ParticipantId
    revision: int
    message_id: str
    recipient: str
    content: bytes
    state: MessageState
    attempts: int
    words: str | None


def message_about(
    connection: sa.Connection, cohort: CohortId, participant: ParticipantId, revision: int
) -> Message | None:
    """The mail of one revision of a plan, or None if none was rendered."""
    row = connection.execute(sa.select(messages).where(_key(cohort, participant, revision))).mappings().one_or_none()
    if row is None:
        return None
    return Message(
        cohort=row["cohort"],
        participant=row["participant"],
        revision=row["revision"],
        message_id=row["message_id"],
        recipient=row["recipient"],
        content=bytes(row["content"]),
        state=MessageState(row["state"]),
        attempts=row["attempts"],
        words=row["words"],
    )


def keep_rendered(uow: UnitOfWork, message: Message, rendered_at: datetime) -> None:
    """Store a message before it goes out. There is one for a revision of a plan; a unique key says so."""
    uow.execute(
        sa.insert(messages).values(
            cohort=message.cohort,
            participant=message.participant,
            revision=message.revision,
            message_id=message.message_id,
            recipient=message.recipient,
            content=message.content,
            state=message.state.value,
            rendered_at=rendered_at,
        )
    )


def drop_rendered(uow: UnitOfWork, message: Message) -> None:
    """Take a message that did not arrive out of the way of a new attempt, so that it is rendered anew."""
    uow.execute(sa.delete(messages).where(_key(message.cohort, message.participant, message.revision)))


def begin_hand_over(uow: UnitOfWork, message: Message, at: datetime) -> None:
    """Note that an attempt begins; committed before the channel is called."""
    attempt = {"attempts": messages.c.attempts + 1, "handed_over_at": at}
    _update(uow, message, {"state": MessageState.HANDING_OVER.value, **attempt})


def settle(
    uow: UnitOfWork, message: Message, state: MessageState, at: datetime, *, words: str, channel: str | None = None
) -> None:
    """Note how an attempt ended."""
    _update(uow, message, {"state": state.value, "settled_at": at, "words": words, "channel": channel})


def put_back(uow: UnitOfWork, message: Message, words: str) -> None:
    """Note that an attempt failed without the other side taking the message: it may be tried again."""
    _update(uow, message, {"state": MessageState.PENDING.value, "words": words})


def _update(uow: UnitOfWork, message: Message, values: dict[str, Any]) -> None:
    key = _key(message.cohort, message.participant, message.revision)
    uow.execute(sa.update(messages).where(key).values(values))


def _key(cohort: CohortId, participant: ParticipantId, revision: int) -> sa.ColumnElement[bool]:
    m = messages.c
    return sa.and_(m.cohort == cohort, m.participant == participant, m.revision == revision)
