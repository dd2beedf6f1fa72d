"""What intake does when it hears of a submission: read it, match it, record evidence or quarantine it.

Most submissions carry everything, and one transaction does it all. A thin webhook only points to the response: then
the vendor's API is asked with no transaction open (an `Effect`), and what it answered is kept for a retry.
`reading` finds out what a submission means, `fetching` asks a vendor's API, `recording` stores and tells; `backfilling`
asks for what no webhook brought, `renewing` has webhooks go on that their tool would end, `rereading` reads again what
arrived before its mapping changed.
"""

from collections.abc import Sequence
from functools import partial
from itertools import groupby

from services.intake import store
from services.intake.asking import lane_of
from services.intake.core.submission import SubmissionKind, SubmissionState
from services.intake.handlers.backfilling import Backfill
from services.intake.handlers.fetching import Fetch, Fetched, fetched, too_many_requests, unread
from services.intake.handlers.reading import Reader, meant
from services.intake.handlers.recording import Understood, record, record_much
from services.intake.handlers.renewing import Renewal
from services.intake.handlers.rereading import reread
from services.intake.settings import IntakeSettings
from services.intake.vendors import VENDORS, Vendors
from shared import lanes
from shared.cohort.store import definition_of
from shared.db import Cause, UnitOfWork
from shared.events import MappingChanged, SubmissionReceived
from shared.handling import Commit, Effect, Handlers, Together
from shared.http_client import HttpClient
from shared.ids import CohortId
from shared.lanes import Lane

UNDER_WAY = frozenset({SubmissionState.RECEIVED, SubmissionState.QUARANTINED})


def handlers(settings: IntakeSettings, vendors: Vendors = VENDORS, client: HttpClient | None = None) -> Handlers:
    """What intake does with each event that it hears of."""
    client = client or HttpClient(timeout=settings.fetch_timeout, max_bytes=settings.fetch_max_bytes)
    reader = Reader(settings, vendors)

    def begin(uow: UnitOfWork, event: SubmissionReceived) -> Fetch | None:
        submission = store.submission_locked(uow, event.submission)
        if submission is None or submission.state not in UNDER_WAY:
            return None
        definition = definition_of(uow.connection, submission.cohort)
        found = reader.meaning(uow, submission, definition)
        if isinstance(found, Fetch):
            return found
        record(uow, submission, definition, found)
        return None

    def act(fetch: Fetch, _commit: Commit) -> Fetched:
        return fetched(fetch, client)

    def lane(fetch: Fetch) -> Lane:
        return lane_of(fetch.vendor, fetch.vendor_name, settings.fetch_per_day)

    def settle(uow: UnitOfWork, event: SubmissionReceived, fetch: Fetch, got: Fetched) -> None:
        lanes.used(uow, lane(fetch), got.requests - 1)
        submission = store.submission_locked(uow, event.submission)
        if submission is None or submission.state not in UNDER_WAY:
            return
        store.keep_details(uow, submission.cohort, submission.connection, got.details)
        definition = definition_of(uow.connection, submission.cohort)
        if got.failure is not None:
            record(uow, submission, definition, unread(fetch, got.failure))
            return
        store.keep_answers(uow, submission.id, got.answers)
        found = reader.meaning(uow, submission, definition, got.answers)
        if isinstance(found, Fetch):
            found = unread(fetch, too_many_requests())
        record(uow, submission, definition, found)

    return {
        SubmissionReceived.name: Together(
            Effect(begin=begin, act=act, settle=settle, lane=lane), many=partial(_begin_many, reader)
        ),
        **Backfill(settings, vendors, client).handlers,
        **Renewal(settings, vendors, client).handlers,
        MappingChanged.name: partial(reread, reader),
    }


def _begin_many(reader: Reader, uow: UnitOfWork, told: Sequence[tuple[SubmissionReceived, Cause]]) -> list[bool]:
    """All webhooks of a batch that say everything themselves. Files, and what has to be fetched, are left."""
    there = store.submissions_locked(uow, [event.submission for event, _ in told])
    causes = {event.submission: cause for event, cause in told}
    some = [each for each in there.values() if each.state in UNDER_WAY and each.kind is SubmissionKind.WEBHOOK]
    definitions = {each: definition_of(uow.connection, each) for each in sorted({each.cohort for each in some})}
    read = [reader.read(uow, each, definitions[each.cohort]) for each in some]
    understood = {
        each.id: Understood(each, found, causes[each.id])
        for each, found in zip(some, meant(uow, read), strict=True)
        if not isinstance(found, Fetch)
    }
    for cohort, group in groupby(sorted(understood.values(), key=_cohort), key=_cohort):
        record_much(uow, definitions[cohort], list(group))
    return [event.submission in understood for event, _ in told]


def _cohort(understood: Understood) -> CohortId:
    return understood.submission.cohort
