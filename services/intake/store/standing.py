"""How each connection stands: what came and when, what was turned away, what waits, and what fails."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from services.intake.core.errors import ReasonCode
from services.intake.core.submission import SubmissionState
from services.intake.store.listings import Refusal, refusals
from services.intake.store.polls import PAGE, Poll, polls_of
from services.intake.tables import submissions
from shared.bus import deliveries, events, in_state, timers
from shared.events import RenewalDue, SubmissionReceived
from shared.ids import CohortId

LAST = 200
"""Deliveries whose moments show a connection's rhythm."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A submission, or a renewal, that the handlers could not deal with so far. `parked`: it waits for a person."""

    parked: bool
    words: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A connection as it stands. Probes are left out of all of it."""

    counts: Mapping[str, int] = field(default_factory=dict)
    """Submissions by state."""
    repeats: int = 0
    arrivals: tuple[datetime, ...] = ()
    """The moments of the last deliveries of the tool itself, oldest first."""
    pages_at: datetime | None = None
    """When a page last came that was asked for and held something new."""
    refused: tuple[Refusal, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    polls: tuple[Poll, ...] = ()
    renewals: Mapping[str, datetime] = field(default_factory=dict)
    """When a form's webhook is renewed next, of those that their tool ends."""


def standing_of(connection: sa.Connection, cohort: CohortId, name: str) -> Standing:
    """How a connection of a cohort stands."""
    s = submissions.c
    mine = sa.and_(s.cohort == cohort, s.connection == name, _is_no_probe())
    counted = sa.select(s.state, sa.func.count(), sa.func.sum(s.duplicates)).where(mine).group_by(s.state)
    rows = connection.execute(counted).all()
    is_page = s.delivery_key.startswith(PAGE)
    last = sa.select(s.received_at).where(mine, ~is_page).order_by(s.received_at.desc()).limit(LAST)
    pages_at = connection.execute(sa.select(sa.func.max(s.received_at)).where(mine, is_page)).scalar_one()
    return Standing(
        counts={state: count for state, count, _ in rows},
        repeats=sum(int(repeats or 0) for _, _, repeats in rows),
        arrivals=tuple(sorted(connection.execute(last).scalars())),
        pages_at=pages_at,
        refused=tuple(each for each in refusals(connection, cohort) if each.connection == name),
        troubles=tuple(_troubles(connection, cohort)[name]),
        polls=tuple(polls_of(connection, cohort, name)),
        renewals=_renewals(connection, cohort, name),
    )


def _renewals(connection: sa.Connection, cohort: CohortId, name: str) -> dict[str, datetime]:
    due = connection.execute(sa.select(timers.c.payload, timers.c.due_at).where(timers.c.event == RenewalDue.name))
    mine = [(each.payload, each.due_at) for each in due]
    return {about["form"]: at for about, at in mine if (about["cohort"], about["connection"]) == (cohort, name)}


def probe_state(connection: sa.Connection, submission: str) -> tuple[SubmissionState, str | None] | None:
    """The state of a submission, and why; None if it is not there."""
    s = submissions.c
    row = connection.execute(sa.select(s.state, s.reason).where(s.id == submission)).one_or_none()
    return None if row is None else (SubmissionState(row.state), row.reason)


def _is_no_probe() -> sa.ColumnElement[bool]:
    return sa.or_(submissions.c.reason.is_(None), submissions.c.reason != ReasonCode.PROBE)


def _troubles(connection: sa.Connection, cohort: CohortId) -> defaultdict[str, list[Trouble]]:
    """What failed so far of a cohort's submissions and renewals, by connection."""
    d, e = deliveries.c, events.c
    query = (
        sa.select(d.state, d.last_error, e.payload)
        .join(events, e.id == d.event)
        .where(e.name.in_((SubmissionReceived.name, RenewalDue.name)), e.cohort == cohort, d.last_error.is_not(None))
    )
    rows = [
        row
        for states in (("parked",), ("pending", "running"))
        for row in connection.execute(query.where(in_state(*states)))
    ]
    ids = {row.payload["submission"] for row in rows if "submission" in row.payload}
    s = submissions.c
    known = connection.execute(sa.select(s.id, s.connection).where(s.id.in_(ids)))
    whose = {each.id: each.connection for each in known}
    found: defaultdict[str, list[Trouble]] = defaultdict(list)
    for row in rows:
        name = row.payload.get("connection") or whose.get(row.payload.get("submission"), "")
        found[name].append(Trouble(row.state == "parked", row.last_error))
    return found


def counted(troubles: tuple[Trouble, ...], *, parked: bool) -> list[tuple[str, int]]:
    """The words of troubles and how often each is said, the commonest first."""
    return Counter(each.words for each in troubles if each.parked is parked).most_common()
