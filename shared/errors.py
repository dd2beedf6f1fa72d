"""Every error of talentline is one of two: worth trying again, or not. The type decides the retry.

Messages say what happened, to which id, and what to do; they never carry personal data.
"""

from datetime import timedelta
from typing import ClassVar

from shared.words import ParkReason


class TalentlineError(Exception):
    """The root of all errors that talentline raises on purpose."""


class TransientError(TalentlineError):
    """It may succeed later without anybody doing anything: back off and try again.

    `retry_after`: how long the other side asked us to wait at least, if it said so. `of_lane`: whether it speaks for
    everything that uses the same lane (see `shared.lanes`), not for this one piece of work only.
    """

    of_lane: ClassVar[bool] = True

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Snooze(TransientError):
    """It is not this work's turn: what it needs is shut or taken. It waits for `retry_after` and spends no attempt."""

    of_lane = False


class PermanentError(TalentlineError):
    """It will fail again until a person changes something: park it, visible and explained. `park_reason`: its class."""

    park_reason: ClassVar[ParkReason] = ParkReason.VALIDATION


class UnknownCohort(PermanentError):
    """No cohort of this id is open here."""

    def __init__(self, cohort: str) -> None:
        super().__init__(f"cohort {cohort} is not open here; `talentline cohort list` shows those that are")
        self.cohort = cohort


class UnknownEvent(PermanentError):
    """An event of a kind or version that this program does not know, such as one from a newer release."""

    park_reason = ParkReason.UNKNOWN_SCHEMA

    def __init__(self, name: str) -> None:
        super().__init__(f"event {name} is unknown to this version; upgrade the workers, then retry the delivery")
        self.name = name


class FenceLost(TalentlineError):
    """Another worker has taken this delivery over; everything that this one did is rolled back."""
