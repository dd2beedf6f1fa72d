"""What becomes of a delivery that failed: it waits for its next attempt, or is parked for a person."""

import random
import traceback
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import structlog

from shared.bus import deliveries
from shared.claims import Claim, ours, tell_end
from shared.db import Database, UnitOfWork, database_now
from shared.errors import PermanentError, Snooze, TalentlineError, TransientError
from shared.observing import Outcome
from shared.words import ParkReason

if TYPE_CHECKING:
    from shared.attempt import Attempt

log = structlog.get_logger()

TRANSIENT_LIMIT = 40
"""Attempts at something that may pass by itself; with the back-off below, about a day."""
UNKNOWN_LIMIT = 8
"""Attempts at something that failed in a way nobody foresaw."""
LONGEST_WAIT = timedelta(minutes=30)


def note_failure(db: Database, held: Claim, error: Exception, attempt: "Attempt | None" = None) -> None:
    """Put the delivery back for a later attempt, or park it. A begun effect tells its own rows in the same transaction.

    Raises DatabaseUnavailable.
    """
    values = _after(held, error)
    with db.write(held.cause) as uow:
        put = sa.update(deliveries).where(ours(held)).values(lease_until=None, lane=None, **values)
        is_ours = uow.execute(put).rowcount > 0
        if is_ours and attempt is not None:
            attempt.tell(uow, error)
    reason = explained(error)
    log.warning("delivery.failed" if is_ours else "delivery.fence_lost", state=values["state"], reason=reason)
    tell_end(held, _outcome(error, values["state"]) if is_ours else Outcome.FENCED, reason)


def _outcome(error: Exception, state: str) -> Outcome:
    if isinstance(error, Snooze):
        return Outcome.SNOOZED
    if state == "parked":
        return Outcome.PARKED
    return Outcome.TRANSIENT if isinstance(error, TransientError) else Outcome.FAILED


def _after(held: Claim, error: Exception) -> dict[str, Any]:
    """The columns of a delivery whose attempt ended in this error."""
    reason = explained(error)
    if isinstance(error, Snooze):
        return _snoozed(held, error)
    limit = TRANSIENT_LIMIT if isinstance(error, TransientError) else UNKNOWN_LIMIT
    if isinstance(error, PermanentError) or held.attempts >= limit:
        return {"state": "parked", "reason": park_reason(error), "last_error": reason}
    asked = error.retry_after if isinstance(error, TransientError) else None
    wait = max(backoff(held.attempts), asked or timedelta())
    return {"state": "pending", "last_error": reason, "due_at": database_now(wait)}


def _snoozed(held: Claim, error: Snooze) -> dict[str, Any]:
    return {
        "state": "pending",
        "attempts": held.attempts - 1,
        "last_error": explained(error),
        "due_at": database_now(error.retry_after or backoff(1)),
    }


def snooze(uow: UnitOfWork, held: Claim, wait: Snooze) -> bool:
    """Put a delivery back, in the transaction that would have begun it, without spending an attempt. Always True."""
    uow.execute(sa.update(deliveries).where(ours(held)).values(lease_until=None, lane=None, **_snoozed(held, wait)))
    return True


def park(db: Database, held: Claim, reason: str) -> None:
    """Take a delivery that kills its workers out of the way until a person looks at it."""
    with db.write() as uow:
        uow.execute(
            sa.update(deliveries)
            .where(ours(held))
            .values(state="parked", reason=ParkReason.POISON, lease_until=None, lane=None, last_error=reason)
        )
    log.error("delivery.parked", reason=reason)
    tell_end(held, Outcome.PARKED, reason)


def park_reason(error: Exception) -> ParkReason:
    """The class of an error that ended the last attempt.

    >>> str(park_reason(TransientError("the mail server is away"))), str(park_reason(AssertionError()))
    ('exhausted', 'invariant')
    """
    if isinstance(error, PermanentError):
        return error.park_reason
    return ParkReason.INVARIANT if isinstance(error, (AssertionError, sa.exc.IntegrityError)) else ParkReason.EXHAUSTED


def backoff(attempts: int) -> timedelta:
    """How long to wait after so many attempts: 1, 2, 4, … s times a random 1 to 2, at most `LONGEST_WAIT`."""
    seconds = min(2.0 ** (attempts - 1), LONGEST_WAIT.total_seconds())
    return min(timedelta(seconds=seconds * random.uniform(1, 2)), LONGEST_WAIT)  # noqa: S311  (jitter, no secret)


def explained(error: Exception) -> str:
    """What may be stored and logged of an error: our own words, but of a foreign error only its type and place.

    A foreign exception's text may quote what it choked on, which may be somebody's comment.
    """
    if isinstance(error, TalentlineError):
        return f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rsplit('/', 2)[-1]}:{frames[-1].lineno}" if frames else "nowhere"
    return f"{type(error).__name__} at {place}"
