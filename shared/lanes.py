"""Lanes: what work outside the database uses, such as one vendor's API, and how much of it at once (a bulkhead).

A lane that fails several times in a row is shut for a while (a circuit breaker): what needs it waits without spending
attempts, and everything else goes on. When the while is over one delivery goes first, to see. So it is with a lane
whose requests of the minute or the day are used up. The state is in the
database, so that all workers share it.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from shared.bus import deliveries, lanes
from shared.claims import Claim, ours
from shared.db import UnitOfWork, database_now
from shared.errors import Snooze, TransientError

log = structlog.get_logger()

PATIENCE = 5
"""Failures in a row that shut a lane."""
FIRST_SHUT = timedelta(seconds=15)
LONGEST_SHUT = timedelta(minutes=10)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
TAKEN_WAIT = timedelta(seconds=2)
"""When a delivery that found every place taken comes again."""


@dataclass(frozen=True, slots=True)
class Lane:
    """Something outside that can be slow or down. `name` is bounded and says nothing of a person, such as
    `vendor:typeform`; `at_once` is how many deliveries of all workers together may use it at a time.
    """

    name: str
    at_once: int = 4
    per_minute: int | None = None
    per_day: int | None = None
    """Uses that the other side allows, in a minute and from midnight to midnight UTC; None: it does not say."""


def entered(uow: UnitOfWork, lane: Lane, held: Claim) -> Snooze | None:
    """Take a place in the lane, in the transaction that begins the work; or when to come again, and why."""
    uow.insert_once(lanes, {"name": lane.name})
    c, d = lanes.c, deliveries.c
    query = sa.select(lanes, database_now().label("now")).where(c.name == lane.name)
    row = uow.execute(query.with_for_update()).one()
    if row.shut_until is not None and row.shut_until > row.now:
        return _until(lane, row.shut_until - row.now)
    running = sa.and_(d.lane == lane.name, d.state == "running", d.lease_until > database_now())
    inside = uow.execute(sa.select(sa.func.count()).select_from(deliveries).where(running)).scalar_one()
    places = 1 if row.failures >= PATIENCE else lane.at_once
    if inside >= places:
        return Snooze(f"every place in {lane.name} is taken", _jitter())
    if (spent := _spent(lane, row)) is not None:
        return spent
    _count(uow, lane, row.now, 1)
    uow.execute(sa.update(deliveries).where(ours(held)).values(lane=lane.name))
    return None


def used(uow: UnitOfWork, lane: Lane, times: int) -> None:
    """Count uses beyond the one with which a place was taken; -1 if that was not used either. The other side has seen
    them: they count, whatever is left.
    """
    if times:
        _count(uow, lane, uow.execute(sa.select(database_now())).scalar_one(), times)


def _spent(lane: Lane, row: Any) -> Snooze | None:
    """When to come again if the lane's minute or day is used up."""
    minute, day = _begun(row.now)
    if lane.per_day is not None and row.day == day and row.day_uses >= lane.per_day:
        return Snooze(f"{lane.name} has used up its {lane.per_day} requests of today", day + DAY - row.now + _jitter())
    if lane.per_minute is not None and row.minute == minute and row.minute_uses >= lane.per_minute:
        left = minute + MINUTE - row.now
        return Snooze(f"{lane.name} has used up its {lane.per_minute} requests of this minute", left + _jitter())
    return None


def _count(uow: UnitOfWork, lane: Lane, now: datetime, times: int) -> None:
    minute, day = _begun(now)
    c = lanes.c
    this_minute = sa.case((c.minute == minute, c.minute_uses), else_=0)
    today = sa.case((c.day == day, c.day_uses), else_=0)
    values = {"minute": minute, "minute_uses": this_minute + times, "day": day, "day_uses": today + times}
    uow.execute(sa.update(lanes).where(c.name == lane.name).values(values))


def _begun(now: datetime) -> tuple[datetime, datetime]:
    """When this minute and this day began."""
    utc = now.astimezone(UTC)
    return utc.replace(second=0, microsecond=0), utc.replace(hour=0, minute=0, second=0, microsecond=0)


def shut(uow: UnitOfWork, lane: Lane) -> Snooze | None:
    """When to come again, and why, if the lane is shut. For a lane that work passes by without taking a place in it."""
    query = sa.select(lanes.c.shut_until, database_now().label("now")).where(lanes.c.name == lane.name)
    row = uow.execute(query).one_or_none()
    if row is None or row.shut_until is None or row.shut_until <= row.now:
        return None
    return _until(lane, row.shut_until - row.now)


def _until(lane: Lane, left: timedelta) -> Snooze:
    return Snooze(f"{lane.name} is shut after failures", left + _jitter())


def _jitter() -> timedelta:
    return TAKEN_WAIT * random.uniform(0.5, 1.5)  # noqa: S311  (so that not all come at once)


def worked(uow: UnitOfWork, lane: Lane) -> None:
    """The other side answered: the lane is open."""
    c = lanes.c
    was_bad = sa.and_(c.name == lane.name, sa.or_(c.failures > 0, c.shut_until.is_not(None)))
    uow.execute(sa.update(lanes).where(was_bad).values(failures=0, shut_until=None, reason=None))


def failed(uow: UnitOfWork, lane: Lane, error: TransientError) -> None:
    """The other side did not answer, or asked to be left alone: shut the lane if that is due.

    What was under way when the lane was shut, and fails after that, is part of the same failure: only work that was
    let in counts as another one. Otherwise a relay that drops eight connections at once would be left alone for
    minutes, as if it had been tried again and again.
    """
    uow.insert_once(lanes, {"name": lane.name})
    c = lanes.c
    row = uow.execute(
        sa.select(c.failures, c.shut_until, database_now().label("now")).where(c.name == lane.name).with_for_update()
    ).one()
    is_open = row.shut_until is None or row.shut_until <= row.now
    changes = {"failures": row.failures + is_open, "reason": f"{type(error).__name__}: {error}"}
    pause = max(_pause(row.failures + 1) if is_open else timedelta(), error.retry_after or timedelta())
    if pause and (is_open or row.now + pause > row.shut_until):
        changes["shut_until"] = database_now(pause)
        log.warning("lane.shut", lane=lane.name, failures=changes["failures"], seconds=round(pause.total_seconds()))
    uow.execute(sa.update(lanes).where(c.name == lane.name).values(**changes))


def _pause(failures: int) -> timedelta:
    """How long a lane is shut after so many failures in a row: not at all at first, then longer each time."""
    if failures < PATIENCE:
        return timedelta()
    doublings = min(failures - PATIENCE, 20)
    return min(FIRST_SHUT * (1 << doublings), LONGEST_SHUT)
