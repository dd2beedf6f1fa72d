"""Deliveries that need a person: having them done after all, or laying them aside. Every such decision is audited with
who and why; parked rows never expire. `shared.chains` shows them.
"""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
import structlog

from shared.bus import deliveries, events
from shared.db import Database, UnitOfWork
from shared.delivery import replay
from shared.errors import PermanentError
from shared.events import read
from shared.events.upcasters import Payload
from shared.handling import Handlers
from shared.ids import DeliveryId
from shared.outbox import audited
from shared.words import ParkReason, Service

log = structlog.get_logger()

AT_ONCE = 100


def retried(uow: UnitOfWork, ids: Sequence[DeliveryId], *, by: str, why: str) -> list[DeliveryId]:
    """Have these done again, each noted in the audit trail. Gives those that were parked or discarded."""
    again = replay(uow, ids)
    for each in again:
        audited(uow, actor=by, action="delivery.retry", subject=str(each), detail={"why": why})
    return again


def discarded(uow: UnitOfWork, ids: Sequence[DeliveryId], *, by: str, why: str) -> list[DeliveryId]:
    """Lay these aside: they are kept and shown, but are no alarm any more. Gives those that were parked."""
    d = deliveries.c
    aside = sa.update(deliveries).where(d.id.in_(list(ids)), d.state == "parked").values(state="discarded")
    found = [DeliveryId(each) for each in uow.execute(aside.returning(d.id)).scalars()]
    for each in found:
        audited(uow, actor=by, action="delivery.discard", subject=str(each), detail={"why": why})
    return found


def take_up(db: Database, handlers: Mapping[Service, Handlers]) -> int:
    """Have done what an older release parked because it did not know the event, and this one knows. Gives how many."""
    d = deliveries.c
    of_newer = sa.and_(d.state == "parked", d.reason == ParkReason.UNKNOWN_SCHEMA, d.service.in_(list(handlers)))
    query = sa.select(d.id, d.service, events.c.name, events.c.payload).join(events, events.c.id == d.event)
    with db.read() as connection:
        rows = connection.execute(query.where(of_newer).order_by(d.id).limit(AT_ONCE)).all()
    known = [DeliveryId(row.id) for row in rows if _is_known(row.name, row.payload, handlers[Service(row.service)])]
    if not known:
        return 0
    with db.write() as uow:
        again = retried(uow, known, by="worker", why="this release knows the event")
    log.info("delivery.taken_up", count=len(again))
    return len(again)


def _is_known(name: str, payload: Payload, handlers: Handlers) -> bool:
    try:
        return read(name, payload).name in handlers
    except PermanentError:
        return False
