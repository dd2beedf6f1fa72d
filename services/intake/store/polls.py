"""How far each form of a tool has been asked. The row moves in the transaction that stores what was got."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from services.intake.core.vendor import RequestNeeded
from services.intake.tables import polls
from shared import clock
from shared.bus import job_slots
from shared.db import UnitOfWork
from shared.ids import CohortId

PAGE = "page "
"""What the delivery key of a page that was asked for begins with."""
FORGOTTEN = timedelta(days=1)
"""A run that was asked for and has not ended for so long is no reason any more not to ask for another."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is asked: one form of one connection."""

    cohort: CohortId
    connection: str
    form: str


@dataclass(frozen=True, slots=True)
class Poll:
    """How far a form has been asked. `following` is the request for the next page of a run that is under way."""

    place: Place
    cursor: str | None
    seen: str | None
    following: RequestNeeded | None = field(repr=False)
    turn: int
    pages: int
    news: int
    asked_at: datetime | None
    ended_at: datetime | None
    failed_at: datetime | None
    reason: str | None


def poll_locked(uow: UnitOfWork, place: Place) -> Poll:
    """How far a form has been asked, its row locked until the transaction ends; a new row where there was none."""
    uow.insert_once(polls, {"cohort": place.cohort, "connection": place.connection, "form": place.form})
    row = uow.execute(sa.select(polls).where(_at(place)).with_for_update()).mappings().one()
    return _poll(row)


def move(uow: UnitOfWork, place: Place, **values: Any) -> None:
    """Set columns of a poll's row; its turn goes on, so that whoever worked from the place before is too late."""
    if isinstance(values.get("following"), RequestNeeded):
        values["following"] = _kept(values["following"])
    elif "following" in values:
        values["following"] = sa.null()
    uow.execute(sa.update(polls).where(_at(place)).values(turn=polls.c.turn + 1, **values))


def note_failed(uow: UnitOfWork, place: Place, reason: str) -> None:
    """Note that the tool did not give what was asked for; the place stays."""
    values = {"failed_at": clock.now(), "reason": reason}
    uow.execute(sa.update(polls).where(_at(place)).values(values))


def note_asked(uow: UnitOfWork, place: Place) -> None:
    """Note that a run was asked for."""
    uow.execute(sa.update(polls).where(_at(place)).values(asked_at=clock.now()))


def polls_of(connection: sa.Connection, cohort: CohortId, name: str | None = None) -> list[Poll]:
    """The polls of a cohort, or of one of its connections."""
    c = polls.c
    mine = [c.cohort == cohort, *([] if name is None else [c.connection == name])]
    query = sa.select(polls).where(*mine).order_by(c.connection, c.form)
    return [_poll(row) for row in connection.execute(query).mappings()]


def is_under_way(poll: Poll) -> bool:
    """Whether a run was asked for that may still end."""
    return poll.asked_at is not None and poll.asked_at > clock.now() - FORGOTTEN


def begins_slot(uow: UnitOfWork, name: str, slot: datetime) -> bool:
    """Whether nobody has begun this connection's time slot yet; then it is begun now."""
    return uow.insert_once(job_slots, {"job": f"intake.backfill {name}"[:100], "slot": slot})


def _at(place: Place) -> sa.ColumnElement[bool]:
    c = polls.c
    return sa.and_(c.cohort == place.cohort, c.connection == place.connection, c.form == place.form)


def _kept(needed: RequestNeeded) -> dict[str, object]:
    """A request as it is kept: it holds placeholders where tokens belong."""
    headers: Sequence[Sequence[str]] = [list(pair) for pair in needed.headers]
    kept = {"method": needed.method, "url": needed.url, "headers": headers, "body": needed.body.decode()}
    return kept | ({"opening": _kept(needed.opening)} if needed.opening else {})


def _needed(kept: Mapping[str, Any], form: str) -> RequestNeeded:
    """A request that was kept."""
    opening = kept.get("opening")
    return RequestNeeded(
        kept["method"],
        kept["url"],
        tuple((name, value) for name, value in kept["headers"]),
        kept["body"].encode(),
        form_id=form,
        opening=_needed(opening, form) if opening else None,
    )


def _poll(row: sa.RowMapping) -> Poll:
    kept, form = row["following"], row["form"]
    return Poll(
        place=Place(row["cohort"], row["connection"], form),
        cursor=row["cursor"],
        seen=row["seen"],
        following=kept and _needed(kept, form),
        turn=row["turn"],
        pages=row["pages"],
        news=row["news"],
        asked_at=row["asked_at"],
        ended_at=row["ended_at"],
        failed_at=row["failed_at"],
        reason=row["reason"],
    )
