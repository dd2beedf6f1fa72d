"""Reading again what arrived on connections whose mapping has changed: some at a time, each lot in one transaction that
also says where to go on. A worker that dies in the middle leaves nothing half done, and nothing is read for nothing.
"""

from collections.abc import Sequence

from services.intake import store
from services.intake.core.submission import SubmissionState
from services.intake.handlers.fetching import Fetch
from services.intake.handlers.reading import Reader
from services.intake.handlers.recording import Recorded, Understood, keep_remarks, record_much
from services.intake.store import Reread, Submission
from shared import clock
from shared.cohort.definition import CohortDefinition
from shared.cohort.store import definition_of
from shared.db import UnitOfWork
from shared.events import MappingChanged, SubmissionReceived
from shared.ids import CohortId
from shared.outbox import publish

AT_ONCE = 25
"""Submissions a transaction: each may be as large as the door allows."""


def reread(reader: Reader, uow: UnitOfWork, event: MappingChanged) -> None:
    """Read the next submissions again, and have the rest read after them."""
    definition = definition_of(uow.connection, event.cohort)
    some = store.submissions_after(uow, event.cohort, event.connections, event.after, AT_ONCE)
    understood = [each for each in (_understood(reader, uow, one, definition) for one in some) if each is not None]
    if understood:
        recorded = record_much(uow, definition, understood)
        _keep_earlier_remarks(reader, uow, definition, understood, recorded)
        noted = [_outcome(each, recorded) for each in understood]
        store.note_reread(uow, event.cohort, event.rereading, noted, clock.now())
    if len(some) == AT_ONCE:
        publish(uow, event.model_copy(update={"after": some[-1].id}))


def _understood(
    reader: Reader, uow: UnitOfWork, submission: Submission, definition: CohortDefinition
) -> Understood | None:
    """What a submission means now; None for one that is read by itself: it is new, or its answers must be fetched."""
    if submission.state is SubmissionState.RECEIVED:
        return None
    found = reader.meaning(uow, submission, definition)
    if not isinstance(found, Fetch):
        return Understood(submission, found, uow.cause)
    if submission.state is SubmissionState.QUARANTINED:
        publish(uow, SubmissionReceived(submission=submission.id, cohort=submission.cohort))
    return None


def _keep_earlier_remarks(
    reader: Reader, uow: UnitOfWork, definition: CohortDefinition, some: Sequence[Understood], recorded: Recorded
) -> None:
    """Where a response counts again that was not among those just read, what was written in it counts again too."""
    cohort, here = CohortId(definition.cohort), {each.submission.id for each in some}
    others = {recorded.counting[key].said.submission for key in recorded.again} - here
    # Not locked: whoever reads one again now keeps its remarks as well, and two that wait would be a deadlock.
    earlier = [store.delivery_of(uow.connection, cohort, each) for each in sorted(others)]
    read = [_understood(reader, uow, each, definition) for each in earlier if each is not None]
    keep_remarks(uow, cohort, [each for each in read if each is not None], recorded.counting)


def _outcome(each: Understood, recorded: Recorded) -> Reread:
    submission = each.submission.id
    revision = recorded.revisions[submission]
    before, after = revision.amounts(recorded.before.get(submission, ()))
    outcome = store.UNREAD if each.meaning.reasons else store.CHANGED if revision else store.SAME
    return Reread(submission, outcome, before, after)
