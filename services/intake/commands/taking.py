"""Taking submissions: stored raw and told of, all or nothing, and as many at once as have arrived."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from services.intake import store
from shared.db import UnitOfWork
from shared.events import SubmissionReceived
from shared.ids import SubmissionId
from shared.outbox import publish_each

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Taken:
    """A submission is stored (or was before): the sender may forget it."""

    submission: SubmissionId
    new: bool


def take(uow: UnitOfWork, arrivals: Sequence[store.Arrival]) -> list[Taken]:
    """Store submissions and tell of those that are new, each at the start of a chain of its own."""
    stored = store.add_submissions(uow, arrivals)
    new = [arrival for arrival, each in zip(arrivals, stored, strict=True) if each.new]
    publish_each(
        uow,
        [(SubmissionReceived(submission=arrival.id, cohort=arrival.cohort), arrival.cause) for arrival in new],
    )
    by = Counter(f"{arrival.connection}:{arrival.kind}" for arrival in arrivals)
    log.info("submissions.taken", new=len(new), again=len(arrivals) - len(new), by=by, first=stored[0].submission)
    return [Taken(each.submission, each.new) for each in stored]
