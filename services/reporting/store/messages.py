"""Messages: what was printed for a plan, and how far its hand-over has come.

Every change names the state, or the hand-over, that it starts from. So of two workers that hold the same message only
one hands it over, and only that one says how it ended.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from services.reporting.core.release import MessageState
from services.reporting.tables import messages
from shared.db import UnitOfWork, database_now
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
    rendered_at: datetime
    state: MessageState = MessageState.PENDING
    attempts: int = 0
    hand_over: str | None = None
    channel: str | None = None
    words: str | None = None


def message_about(
    connection: sa.Connection, cohort: CohortId, participant: ParticipantId, revision: int
) -> Message | None:
    """The mail of one revision of a plan, or None if none was printed."""
    row = connection.execute(sa.select(messages).where(_key(cohort, participant, revision))).mappings().one_or_none()
    if row is None:
        return None
    named = {name: row[name] for name in Message.__slots__}
    return Message(**named | {"content": bytes(row["content"]), "state": MessageState(row["state"])})


def keep_printed(uow: UnitOfWork, message: Message) -> None:
    """Store a message before it goes out. There is one for a revision of a plan, a unique key says so: what was printed
    before gives way as long as nobody has it.
    """
    values = {
        "message_id": message.message_id,
        "recipient": message.recipient,
        "content": message.content,
        "state": MessageState.PENDING.value,
        "rendered_at": message.rendered_at,
    }
    key = {"cohort": message.cohort, "participant": message.participant, "revision": message.revision}
    new = uow.insert(messages).values(**key, **values)
    uow.execute(
        new.on_conflict_do_update(
            index_elements=list(key), set_=values, where=messages.c.state == MessageState.PENDING.value
        )
    )


def begin_hand_over(uow: UnitOfWork, message: Message, hand_over: str, channel: str, *, again: bool) -> bool:
    """Note that this very message is being handed over; committed before any byte of it leaves. False if it is not to
    be: somebody else has it, or it was printed anew. `again`: also where an earlier hand-over was cut off.
    """
    m = messages.c
    states = [MessageState.PENDING.value, *([MessageState.HANDING_OVER.value] if again else [])]
    values = {
        "state": MessageState.HANDING_OVER.value,
        "hand_over": hand_over,
        "channel": channel,
        "attempts": m.attempts + 1,
        "handed_over_at": database_now(),
        "words": None,
    }
    return _changed(uow, message, sa.and_(m.state.in_(states), m.rendered_at == message.rendered_at), values)


def settle(uow: UnitOfWork, message: Message, hand_over: str | None, state: MessageState, words: str) -> bool:
    """Note how a hand-over ended, or what was found out about it. False if it was settled before, or another began."""
    values = {"state": state.value, "settled_at": database_now(), "words": words}
    return _changed(uow, message, _open(hand_over), values)


def free(uow: UnitOfWork, message: Message, hand_over: str | None, words: str | None = None) -> bool:
    """Let a message go out once more whose hand-over did not bring it. Its Message-ID stays the same."""
    values = {"state": MessageState.PENDING.value, "hand_over": None, "words": words}
    refused = messages.c.state == MessageState.UNDELIVERABLE.value
    return _changed(uow, message, sa.or_(refused, _open(hand_over)), values)


def leave_in_doubt(uow: UnitOfWork, message: Message, hand_over: str | None, state: MessageState, words: str) -> bool:
    """Note that a hand-over was cut off. False if it has ended by now."""
    still = sa.and_(messages.c.state == MessageState.HANDING_OVER.value, _open(hand_over))
    return _changed(uow, message, still, {"state": state.value, "settled_at": database_now(), "words": words})


def _open(hand_over: str | None) -> sa.ColumnElement[bool]:
    """While it is not known how this very hand-over ended."""
    m = messages.c
    states = (MessageState.HANDING_OVER.value, MessageState.UNCERTAIN.value, MessageState.HELD.value)
    return sa.and_(m.state.in_(states), m.hand_over.is_not_distinct_from(hand_over))


def refuse(uow: UnitOfWork, message: Message, hand_over: str, words: str) -> None:
    """Note that the other side refused the message for good."""
    values = {"state": MessageState.UNDELIVERABLE.value, "settled_at": database_now(), "words": words}
    _changed(uow, message, _not_taken(hand_over), values)


def put_back(uow: UnitOfWork, message: Message, hand_over: str, words: str) -> None:
    """Note that the other side has not taken the message: it may be tried again."""
    _changed(uow, message, _not_taken(hand_over), {"state": MessageState.PENDING.value, "words": words})


def _not_taken(hand_over: str) -> sa.ColumnElement[bool]:
    """Before a hand-over, or in the one that an answer belongs to."""
    m = messages.c
    mine = sa.and_(m.state == MessageState.HANDING_OVER.value, m.hand_over == hand_over)
    return sa.or_(m.state == MessageState.PENDING.value, mine)


@dataclass(frozen=True, slots=True)
class Doubt:
    """A message of which it is not known whether it arrived, and since when, by the database's clock."""

    message: Message
    since: datetime
    age: timedelta


def in_doubt(connection: sa.Connection, message: Message) -> Doubt:
    """How long a message has been in doubt."""
    query = sa.select(messages.c.handed_over_at, database_now().label("now"))
    row = connection.execute(query.where(_key(message.cohort, message.participant, message.revision))).one()
    return Doubt(message, row.handed_over_at, row.now - row.handed_over_at)


def _changed(uow: UnitOfWork, message: Message, only: sa.ColumnElement[bool], values: dict[str, Any]) -> bool:
    key = _key(message.cohort, message.participant, message.revision)
    return uow.execute(sa.update(messages).where(key, only).values(values)).rowcount > 0


def _key(cohort: CohortId, participant: ParticipantId, revision: int) -> sa.ColumnElement[bool]:
    m = messages.c
    return sa.and_(m.cohort == cohort, m.participant == participant, m.revision == revision)
