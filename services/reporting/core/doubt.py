"""What becomes of a mail that may have arrived, and when to look for its proof next."""

from datetime import timedelta

from services.reporting.core.channel import Proof
from services.reporting.core.release import MessageState

LONGEST_PAUSE = timedelta(hours=1)


def verdict(proof: Proof, age: timedelta, absent_after: timedelta) -> MessageState:
    """What a proof makes of a mail whose hand-over began `age` ago. UNCERTAIN: look again.

    Mail may be slow on its way to where the proof is looked for, so "not there" counts only after `absent_after`.

    >>> verdict(Proof.ABSENT, timedelta(hours=1), timedelta(hours=24))
    <MessageState.UNCERTAIN: 'uncertain'>
    """
    if proof is Proof.ABSENT:
        return MessageState.PENDING if age >= absent_after else MessageState.UNCERTAIN
    return MessageState.SENT if proof is Proof.ARRIVED else MessageState.HELD


def until_next_look(age: timedelta, grace: timedelta, absent_after: timedelta) -> timedelta:
    """How long to wait: about as long as the doubt has lasted, at most an hour, and not past the last look.

    >>> day, quarter = timedelta(hours=24), timedelta(minutes=15)
    >>> [str(until_next_look(age, quarter, day)) for age in (quarter, 3 * quarter, day - quarter)]
    ['0:15:00', '0:45:00', '0:15:00']
    """
    pause = min(max(age, grace), LONGEST_PAUSE)
    return max(min(pause, absent_after - age), timedelta(seconds=1))
