"""Moments as evidence has them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def is_likely(moment: datetime) -> bool:
    """Whether a response can be of that year at all; what is far outside can't even be reckoned with."""
    return 1990 <= moment.year <= 9000


def in_utc(moment: datetime | None, time_zone: str) -> datetime | None:
    """A moment in UTC; a naive one is local time in `time_zone`. None for a year that no response comes from.

    >>> in_utc(datetime(2017, 7, 1, 12, 0), "Europe/London").isoformat()
    '2017-07-01T11:00:00+00:00'
    """
    if moment is None or not is_likely(moment):
        return None
    local = moment.replace(tzinfo=ZoneInfo(time_zone)) if moment.tzinfo is None else moment
    return local.astimezone(UTC)
