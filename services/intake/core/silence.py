"""Whether a connection is silent: compared with its own rhythm, and with how long the cohort still is open.

The rule. While the cohort is open, a connection looks silent when nothing has come for longer than twice the longest
pause that it ever made, and at least for a day; before it has made three deliveries, for three days; in the cohort's
last three days, for a day. Weekends are part of its rhythm once it has been through one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

LEAST = timedelta(days=1)
UNTRIED = timedelta(days=3)
"""How long a connection may be silent whose rhythm is not known yet."""
LAST_DAYS = timedelta(days=3)
ENOUGH = 3
"""Deliveries that make a rhythm."""


@dataclass(frozen=True, slots=True)
class Window:
    """When the cohort takes in answers, and what time it is."""

    opens: datetime
    closes: datetime
    now: datetime

    @property
    def is_open(self) -> bool:
        """Whether answers are expected at all."""
        return self.opens <= self.now <= self.closes


def silence(arrivals: Sequence[datetime], window: Window) -> str | None:
    """Why a connection looks silent, in words; None if it does not. `arrivals` are the moments of its last deliveries.

    >>> from datetime import UTC
    >>> day = datetime(2026, 3, 2, tzinfo=UTC)
    >>> window = Window(day, day + timedelta(days=30), day + timedelta(days=10))
    >>> silence([day + timedelta(days=n) for n in range(9)], window)
    >>> silence([day + timedelta(days=n) for n in range(4)], window)
    'nothing for 7 days; its longest pause was 24 h'
    >>> silence([], window)
    'nothing yet, 10 days after the cohort opened'
    """
    if not window.is_open:
        return None
    times = sorted(arrivals)
    since = max(times[-1], window.opens) if times else window.opens
    quiet, allowed = window.now - since, _allowed(times, window)
    if quiet <= allowed:
        return None
    if not times:
        return f"nothing yet, {span(quiet)} after the cohort opened"
    pauses = _pauses(times)
    rhythm = f"its longest pause was {span(max(pauses))}" if pauses else f"that is longer than {span(allowed)}"
    return f"nothing for {span(quiet)}; {rhythm}"


def _allowed(times: Sequence[datetime], window: Window) -> timedelta:
    if window.closes - window.now <= LAST_DAYS:
        return LEAST
    return max(LEAST, 2 * max(_pauses(times))) if len(times) >= ENOUGH else UNTRIED


def _pauses(times: Sequence[datetime]) -> list[timedelta]:
    return [after - before for before, after in pairwise(times)]


def span(length: timedelta) -> str:
    """A length of time as people say it.

    >>> span(timedelta(minutes=7)), span(timedelta(hours=30)), span(timedelta(days=3))
    ('7 min', '30 h', '3 days')
    """
    minutes = round(length.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 2 * 24 * 60 else f"{minutes // (24 * 60)} days"
