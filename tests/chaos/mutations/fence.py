"""The fence: without it, work that outlived its lease commits although somebody else has done it."""

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from shared import claims, delivery
from shared.bus import deliveries, events
from shared.claims import Claim, due
from shared.db import Database, UnitOfWork
from shared.events import CohortReported, SubmissionReceived
from shared.handling import Commit, Effect, Handlers
from shared.ids import CohortId, RunId, SubmissionId
from shared.leases import Leases
from shared.outbox import publish
from shared.words import Service
from tests.chaos.mutations.kinds import instead
from tests.chaos.site import PATIENCE_S, Outcome, Servers, eventually

LEASE = timedelta(seconds=1)
DONE = CohortReported(run=RunId("r"), cohort=CohortId("c"))


def run(servers: Servers, database: str, guarded: bool) -> Outcome:
    """A first worker is slow, a second takes over and is done; then the first one comes to its end."""
    with ExitStack() as stack:
        db = Database(stack.enter_context(servers.empty(database)))
        stack.callback(db.close)
        if not guarded:
            stack.enter_context(instead(claims.ours, lambda held: deliveries.c.id == held.id))
            stack.enter_context(instead(claims.finish, _finished_without_a_look))
        return _outlived(db)


def _finished_without_a_look(uow: UnitOfWork, done: Sequence[Claim]) -> None:
    ids = [each.id for each in done]
    uow.execute(sa.update(deliveries).where(deliveries.c.id.in_(ids)).values(state="done", lease_until=None))


def _outlived(db: Database) -> Outcome:
    with db.write() as uow:
        publish(uow, SubmissionReceived(submission=SubmissionId("s"), cohort=CohortId("c")))
    which = uow.due[0][1]
    go_on, is_slow = threading.Event(), threading.Event()

    def slow_once(_prepared: str, _commit: Commit) -> str:
        if not is_slow.is_set():
            is_slow.set()
            go_on.wait(PATIENCE_S)
        return "done"

    handlers: Handlers = {SubmissionReceived.name: Effect(lambda _uow, _event: "begun", slow_once, _tells)}
    first = threading.Thread(target=delivery.run, args=(db, which, handlers, Leases(db, LEASE)))
    first.start()
    is_slow.wait(PATIENCE_S)
    eventually(lambda: due(db, [Service.INTAKE], grace=timedelta(), limit=1))
    second = delivery.run(db, which, handlers, Leases(db, LEASE))
    go_on.set()
    first.join()
    with db.read() as connection:
        told = connection.execute(
            sa.select(sa.func.count()).select_from(events).where(events.c.name == DONE.name)
        ).scalar_one()
    outcome = Outcome(figures={"done": told})
    outcome.expect("the second worker did not take over", holds=second)
    outcome.expect(f"one delivery was done {told} times", holds=told == 1)
    return outcome


def _tells(uow: UnitOfWork, _event: Any, _prepared: str, _outcome: str) -> None:
    publish(uow, DONE)
