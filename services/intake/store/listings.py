"""What a coordinator may ask of intake: what is in quarantine and why, what was refused, what came twice."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from services.intake import tables
from services.intake.core.submission import SubmissionKind, SubmissionState
from services.intake.tables import submissions
from shared.bus import deliveries
from shared.cohort.store import connections
from shared.db import database_now
from shared.ids import CohortId, SubmissionId
from shared.words import Service


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A submission in quarantine. `reason` is for people, `code` for machines."""

    id: SubmissionId
    connection: str
    cohort: CohortId
    reason: str
    code: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class QuarantinedDetail:
    """What a coordinator needs to put a quarantined submission right. It holds no answers and no comments."""

    summary: Quarantined
    kind: SubmissionKind
    name: str | None
    delivery_id: str
    size: int
    """Bytes of the body."""
    duplicates: int
    conflict: bool
    sent: Mapping[str, str]
    """Form, participant, rater and so on, as sent."""

    def shown(self) -> dict[str, object]:
        """The same as names and values, for a listing or JSON."""
        there: dict[str, object] = {
            "id": self.summary.id,
            "connection": self.summary.connection,
            "cohort": self.summary.cohort,
            "code": self.summary.code,
            "reason": self.summary.reason,
            "received_at": self.summary.received_at.isoformat(),
            "kind": self.kind.label,
            "file": self.name,
            "delivery_id": self.delivery_id,
            "size": self.size,
            "duplicates": self.duplicates,
            "conflict": self.conflict,
        }
        return {name: value for name, value in (there | dict(self.sent)).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Refusal:
    """How often requests to a connection were turned away for one reason."""

    connection: str
    reason: str
    count: int
    last_at: datetime


def quarantined(connection: sa.Connection, cohort: CohortId | None = None) -> list[Quarantined]:
    """The submissions in quarantine, oldest first; of one cohort or of all."""
    s = submissions.c
    query = sa.select(s.id, s.connection, s.cohort, s.reason, s.reason_words, s.received_at).where(
        s.state == SubmissionState.QUARANTINED, *([] if cohort is None else [s.cohort == cohort])
    )
    return [_quarantined(row) for row in connection.execute(query.order_by(s.received_at, s.id)).mappings()]


def quarantined_one(connection: sa.Connection, submission: SubmissionId) -> QuarantinedDetail | None:
    """One submission in quarantine with what was sent of ids; None if it is not there."""
    s = submissions.c
    query = sa.select(submissions, sa.func.coalesce(s.size, sa.func.length(s.body)).label("bytes")).where(
        s.id == submission, s.state == SubmissionState.QUARANTINED
    )
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    return QuarantinedDetail(
        summary=_quarantined(row),
        kind=SubmissionKind(row["kind"]),
        name=row["name"],
        delivery_id=row["delivery_key"],
        size=row["bytes"],
        duplicates=row["duplicates"],
        conflict=row["conflict"],
        sent=row["detail"] or {},
    )


def refusals(connection: sa.Connection, cohort: CohortId | None) -> list[Refusal]:
    """Requests turned away at a cohort's connections; at all of them, unknown ones included, if no cohort is given."""
    r = tables.refusals.c
    mine = sa.select(connections.c.connection).where(connections.c.cohort == cohort)
    query = (
        sa.select(r.connection, r.reason, sa.func.sum(r.count).label("times"), sa.func.max(r.last_at).label("last_at"))
        .where(*([] if cohort is None else [r.connection.in_(mine)]))
        .group_by(r.connection, r.reason)
        .order_by(r.connection, r.reason)
    )
    return [Refusal(row.connection, row.reason, int(row.times), row.last_at) for row in connection.execute(query)]


def duplicates(connection: sa.Connection, cohort: CohortId) -> int:
    """How many submissions came again, every time counted."""
    total = sa.select(sa.func.coalesce(sa.func.sum(submissions.c.duplicates), 0))
    return int(connection.execute(total.where(submissions.c.cohort == cohort)).scalar_one())


def is_reachable(connection: sa.Connection) -> bool:
    """Whether the database answers. Raises DatabaseUnavailable through the caller's connection otherwise."""
    return connection.execute(sa.select(sa.literal(1))).scalar_one() == 1


def is_overdue(connection: sa.Connection, limit: timedelta) -> bool:
    """Whether a delivery to any service has been due for longer than `limit`, and nobody has taken it."""
    d = deliveries.c
    pending = sa.and_(d.state == "pending", d.due_at < database_now(-limit))
    left = sa.and_(d.state == "running", d.lease_until < database_now(-limit))
    query = sa.select(d.id).where(d.service.in_(list(Service)), sa.or_(pending, left)).limit(1)
    return connection.execute(query).first() is not None


def _quarantined(row: Any) -> Quarantined:
    return Quarantined(
        row["id"], row["connection"], row["cohort"], row["reason_words"], row["reason"], row["received_at"]
    )
