"""The bus under a test's hand: publish one event, look at its delivery, let time pass."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from shared.bus import deliveries, events
from shared.db import Database, UnitOfWork, database_now
from shared.events import EvidenceRecorded, SubmissionReceived
from shared.handling import Handlers, Together, Work
from shared.ids import CohortId, DeliveryId, ParticipantId, SubmissionId
from shared.outbox import publish


def a_delivery(db: Database, submission: str = "s-1") -> DeliveryId:
    """One pending delivery of one event."""
    with db.write() as uow:
        publish(uow, SubmissionReceived(submission=SubmissionId(submission), cohort=CohortId("c-1")))
    return uow.due[0][1]


def row(db: Database, which: DeliveryId) -> Any:
    """The delivery as it stands."""
    with db.read() as connection:
        return connection.execute(sa.select(deliveries).where(deliveries.c.id == which)).one()


def change(db: Database, which: DeliveryId, **values: Any) -> None:
    """Set columns of a delivery."""
    with db.write() as uow:
        uow.execute(sa.update(deliveries).where(deliveries.c.id == which).values(**values))


def make_due(db: Database) -> None:
    """Let every wait be over."""
    with db.write() as uow:
        uow.execute(sa.update(deliveries).values(due_at=database_now(timedelta(seconds=-1))))


def names(db: Database) -> list[str]:
    """Wire names of every event, in the order of publication."""
    with db.read() as connection:
        return list(connection.execute(sa.select(events.c.name).order_by(events.c.id)).scalars())


def handled_by(work: Work | Together) -> Handlers:
    """Handlers that know SubmissionReceived only."""
    return {SubmissionReceived.name: work}


def publishes_more(uow: UnitOfWork, event: SubmissionReceived) -> None:
    """A handler that publishes one event."""
    publish(
        uow,
        EvidenceRecorded(submission=event.submission, cohort=event.cohort, participant=ParticipantId("p"), pieces=()),
    )
