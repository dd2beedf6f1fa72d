"""Arrivals at the door, and a database that keeps them waiting: batches of a known make-up, without races."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from services.intake.accepting import GroupCommit
from services.intake.commands import Taken
from services.intake.core.submission import RawRequest, SubmissionKind
from services.intake.store import Arrival
from shared import clock
from shared.db import Database, first_cause
from shared.ids import CohortId, SubmissionId, new_id

AT_DOOR = {"most_waiting": 1000, "most_bytes": 2**26}


def an_arrival(key: str = "e1", body: bytes = b"{}", connection: str = "appraisal-360") -> Arrival:
    """A verified delivery."""
    request = RawRequest(body, (("x-extra", "kept"),))
    return Arrival(
        id=SubmissionId(new_id()),
        cohort=CohortId("pilot-p"),
        connection=connection,
        kind=SubmissionKind.WEBHOOK,
        delivery_key=key,
        request=request,
        sha256=request.sha256,
        received_at=clock.now(),
        cause=first_cause(),
    )


@contextmanager
def nobody_stores(db: Database) -> Iterator[None]:
    """As long as the block runs no submission can be stored: whoever tries waits."""
    with closing(Database(db.url.render_as_string(hide_password=False))) as other, other.write() as uow:
        if not db.is_sqlite:
            uow.connection.exec_driver_sql("LOCK TABLE intake_submissions IN EXCLUSIVE MODE")
        yield


async def committed_together(db: Database, arrivals: Sequence[Arrival]) -> list[Taken | BaseException]:
    """Have them committed in one transaction, which starts when all of them wait."""
    commit = GroupCommit(db, **AT_DOOR)
    with nobody_stores(db):
        first = asyncio.ensure_future(commit.commit(an_arrival(new_id())))
        await asyncio.sleep(0.05)  # it occupies the committer; if it does not yet, it is part of the batch
        all_of_them = [asyncio.ensure_future(commit.commit(arrival)) for arrival in arrivals]
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*all_of_them, return_exceptions=True)
    await first
    await asyncio.to_thread(commit.close)
    return list(outcomes)
