"""What an installation waits for, in more words than `deploy.standing` has figures: for `talentline status`."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from services.scoring.core.completeness import missing
from services.scoring.store import batches, cases_of
from services.scoring.tables import results
from shared.bus import deliveries, events, in_state, timers
from shared.cohort.definition import CohortDefinition
from shared.db import database_now
from shared.ids import CohortId
from shared.people import participants_of
from shared.words import Service

AT_MOST = 1000
"""Participants of a cohort whose evidence is read to say what they wait for."""


@dataclass(frozen=True, slots=True)
class Group:
    """Deliveries that stand alike. `until`: when the first of them comes again; None for what waits for a person."""

    service: Service
    event: str
    reason: str | None
    """The class of what is wrong; None for what is merely put off."""
    count: int
    until: datetime | None
    example: str
    """What the latest of them says."""


@dataclass(frozen=True, slots=True)
class TimerGroup:
    """Timers of one kind, and when the first of them is due."""

    event: str
    count: int
    first: datetime


@dataclass(frozen=True, slots=True)
class CohortWaits:
    """How far a cohort is. `missing`: what those who are not scored wait for, and how many of them; of the first
    `looked_at` of them.
    """

    cohort: CohortId
    participants: int
    scored: int
    missing: tuple[tuple[str, int], ...]
    looked_at: int
    reduced: int = 0
    """Of those scored, on reduced evidence."""


def parked(connection: sa.Connection) -> list[Group]:
    """What waits for a person, the most first."""
    return _grouped(connection, in_state("parked"), until=False)


def put_off(connection: sa.Connection) -> list[Group]:
    """What failed, or whose turn it was not, and what comes again by itself."""
    d = deliveries.c
    later = sa.and_(
        in_state("pending", "running"), d.state == "pending", d.due_at > database_now(), d.last_error.is_not(None)
    )
    return _grouped(connection, later, until=True)


def _grouped(connection: sa.Connection, which: sa.ColumnElement[bool], *, until: bool) -> list[Group]:
    d = deliveries.c
    alike = (d.service, events.c.name, d.reason)
    query = sa.select(
        *alike, sa.func.count().label("many"), sa.func.min(d.due_at).label("first"), sa.func.max(d.id).label("last")
    )
    found = query.join(events, events.c.id == d.event).where(which).group_by(*alike).subquery()
    rows = sa.select(found, d.last_error).join(deliveries, d.id == found.c.last)
    return [
        Group(Service(row.service), row.name, row.reason, row.many, row.first if until else None, row.last_error or "")
        for row in connection.execute(rows.order_by(found.c.many.desc(), found.c.service, found.c.name))
    ]


def timers_set(connection: sa.Connection) -> list[TimerGroup]:
    """What is to come by itself, the soonest first."""
    t = timers.c
    query = sa.select(t.event, sa.func.count().label("many"), sa.func.min(t.due_at).label("first")).group_by(t.event)
    rows = connection.execute(query)
    return sorted((TimerGroup(row.event, row.many, row.first) for row in rows), key=lambda each: each.first)


def cohort_waits(connection: sa.Connection, definition: CohortDefinition) -> CohortWaits:
    """How many are scored, and what the others wait for: instruments, and the markers' third marks."""
    cohort = CohortId(definition.cohort)
    roster = sorted(each.participant for each in participants_of(connection, cohort))
    r = results.c
    latest = sa.select(r.participant, r.waived).where(r.cohort == cohort).order_by(r.version)
    scored = {row.participant: bool(row.waived) for row in connection.execute(latest)}
    waiting = [each for each in roster if each not in scored][:AT_MOST]
    lacking: Counter[str] = Counter()
    for batch in batches(waiting):
        for case in cases_of(connection, cohort, batch).values():
            lacking.update({_in_short(reason) for reason in missing(definition, case.pieces, case.waived)})
    there = [each for each in roster if each in scored]
    reduced = sum(scored[each] for each in there)
    return CohortWaits(cohort, len(roster), len(there), tuple(lacking.most_common()), len(waiting), reduced)


def _in_short(reason: str) -> str:
    """What is missing without how much of it.

    >>> _in_short("360 appraisal: direct reports: 1 of 3"), _in_short("written assessment: W3: 1 of 2 markers")
    ('360 appraisal: direct reports', 'written assessment: W3')
    """
    return ": ".join(reason.split(": ")[:2])
