"""What intake does when it hears of a submission: read it, match it, record evidence or quarantine it.

Most submissions carry everything, and one transaction does it all. A thin webhook only points to the response: then
the vendor's API is asked with no transaction open (an `Effect`), and what it answered is kept for a retry.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import structlog

from services.intake import files, store
from services.intake.core import meaning, uploads
from services.intake.core.errors import Reason, ReasonCode, Unreadable
from services.intake.core.evidence import EvidenceKey, Occasion, Said, newest, occasions
from services.intake.core.grid import Mistake
from services.intake.core.matching import Source
from services.intake.core.meaning import Meaning
from services.intake.core.submission import SubmissionKind, SubmissionState
from services.intake.core.vendor import TOKEN, ApiAnswer, NothingSaid, RequestNeeded, Responses, Vendor
from services.intake.settings import IntakeSettings
from services.intake.store import Submission
from services.intake.vendors import VENDORS, Vendors
from shared import clock, people
from shared.cohort.definition import CohortDefinition
from shared.cohort.store import definition_of
from shared.db import UnitOfWork
from shared.errors import PermanentError
from shared.events import EvidenceRecorded, Piece, SubmissionQuarantined, SubmissionReceived
from shared.handling import Effect, Handlers
from shared.http_client import HttpClient
from shared.outbox import publish

log = structlog.get_logger()

MOST_REQUESTS = 10
"""Requests that one submission may ask for: pages of a response, not a crawl."""
UNDER_WAY = frozenset({SubmissionState.RECEIVED, SubmissionState.QUARANTINED})


@dataclass(frozen=True, slots=True)
class Fetch:
    """A request that a thin webhook's reading needs, and what is needed to go on from its answer."""

    submission: Submission
    vendor: Vendor
    needed: RequestNeeded
    token: str | None


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the API answered, or why it did not."""

    answers: tuple[ApiAnswer, ...]
    failure: Reason | None = None


def handlers(settings: IntakeSettings, vendors: Vendors = VENDORS, client: HttpClient | None = None) -> Handlers:
    """What intake does with each event that it hears of."""
    client = client or HttpClient(timeout=settings.fetch_timeout, max_bytes=settings.fetch_max_bytes)
    reader = _Reader(settings, vendors)

    def begin(uow: UnitOfWork, event: SubmissionReceived) -> Fetch | None:
        submission = store.submission_locked(uow, event.submission)
        if submission is None or submission.state not in UNDER_WAY:
            return None
        definition = definition_of(uow.connection, submission.cohort)
        found = reader.meaning(uow, submission, definition)
        if isinstance(found, Fetch):
            return found
        _record(uow, submission, definition, found)
        return None

    def act(fetch: Fetch) -> Fetched:
        return _fetched(fetch, client)

    def settle(uow: UnitOfWork, event: SubmissionReceived, _fetch: Fetch, fetched: Fetched) -> None:
        submission = store.submission_locked(uow, event.submission)
        if submission is None or submission.state not in UNDER_WAY:
            return
        definition = definition_of(uow.connection, submission.cohort)
        if fetched.failure is not None:
            _record(uow, submission, definition, meaning.unreadable(fetched.failure))
            return
        store.keep_answers(uow, submission.id, fetched.answers)
        found = reader.meaning(uow, submission, definition, fetched.answers)
        if isinstance(found, Fetch):
            found = meaning.unreadable(_too_many_requests())
        _record(uow, submission, definition, found)

    return {SubmissionReceived.name: Effect(begin=begin, act=act, settle=settle)}


@dataclass(frozen=True, slots=True)
class _Reader:
    """Finds out what a submission means, whatever it came in as."""

    settings: IntakeSettings
    vendors: Vendors

    def meaning(
        self,
        uow: UnitOfWork,
        submission: Submission,
        definition: CohortDefinition,
        answers: Sequence[ApiAnswer] | None = None,
    ) -> Meaning | Fetch:
        """The meaning, or the request that has to be made first."""
        if submission.kind is not SubmissionKind.WEBHOOK:
            return self._upload(uow, submission, definition)
        connection = definition.connections.get(submission.connection)
        if connection is None:
            return meaning.unreadable(_no_connection(submission))
        vendor = self.vendors.get(connection.vendor)
        if vendor is None:
            return meaning.unreadable(_no_vendor(connection.vendor))
        try:
            reading = vendor.read(submission.request, submission.answers if answers is None else answers)
        except Unreadable as error:
            return meaning.unreadable(error.reason)
        if isinstance(reading, RequestNeeded):
            return Fetch(submission, vendor, reading, self.settings.api_key(connection.secret_env))
        source = Source(submission.connection, connection.instrument)
        return self._responses(uow, submission, reading, source, definition)

    def _responses(
        self,
        uow: UnitOfWork,
        submission: Submission,
        reading: Responses | NothingSaid,
        source: Source,
        definition: CohortDefinition,
    ) -> Meaning:
        responses = reading.each if isinstance(reading, Responses) else ()
        roster = store.roster_named(uow.connection, submission.cohort, responses)
        return meaning.of_responses(reading, source, definition, roster)

    def _upload(self, uow: UnitOfWork, submission: Submission, definition: CohortDefinition) -> Meaning:
        try:
            limit = self.settings.upload_unpacked_max_bytes
            grids = files.grids_of(submission.request.body, unpacked_limit=limit)
        except files.NotATable as error:
            mistake = Mistake("", None, None, None, str(error))
            return meaning.of_upload(uploads.UploadReading(submission.kind, (), (mistake,)))
        roster = store.roster_of(uow.connection, submission.cohort)
        return meaning.of_upload(uploads.read(grids, definition, roster))


def _fetched(fetch: Fetch, client: HttpClient) -> Fetched:
    """Ask the vendor's API until the reading is complete. Raises TransientError for what may work later."""
    answers = fetch.submission.answers
    needed = fetch.needed
    for _ in range(MOST_REQUESTS):
        if fetch.token is None and _wants_token(needed):
            return Fetched(answers, _no_token())
        try:
            answer = client.request(
                needed.method,
                needed.url,
                [(name, value.replace(TOKEN, fetch.token or "")) for name, value in needed.headers],
                needed.body.replace(TOKEN.encode(), (fetch.token or "").encode()),
                hosts=fetch.vendor.api_hosts,
            )
            answers = (*answers, ApiAnswer(answer.body, answer.headers))
            reading = fetch.vendor.read(fetch.submission.request, answers)
        except Unreadable as error:
            return Fetched(answers, error.reason)
        except PermanentError as error:
            return Fetched(answers, _api_refused(error))
        if not isinstance(reading, RequestNeeded):
            return Fetched(answers)
        needed = reading
    return Fetched(answers, _too_many_requests())


def _record(uow: UnitOfWork, submission: Submission, definition: CohortDefinition, found: Meaning) -> None:
    """Store what a submission means, and tell of what is new in it."""
    now = clock.now()
    said = [
        Said(submission.id, evidence.submitted_at or submission.received_at, evidence) for evidence in found.evidence
    ]
    keys = {each.evidence.key for each in said}
    store.lock_keys(uow, submission.cohort, keys)
    store.add_said(uow, submission.cohort, said)
    pieces = {key: occasions(store.history(uow.connection, submission.cohort, key)) for key in sorted(keys)}
    fresh = [
        piece for each in pieces.values() for piece in each if store.add_evidence(uow, submission.cohort, piece, now)
    ]
    for each in pieces.values():
        store.set_latest(uow, submission.cohort, newest(each))
    _tell(uow, definition, fresh)
    _keep_remarks(uow, submission, found, {key: newest(each) for key, each in pieces.items()})
    state = store.settle(uow, submission.id, found, now)
    if state is SubmissionState.QUARANTINED and (submission.reason, submission.reason_words) != (
        found.code,
        found.words,
    ):
        reason = str(found.code)
        publish(uow, SubmissionQuarantined(submission=submission.id, cohort=submission.cohort, reason=reason))
    log.info("submission.settled", submission=submission.id, state=state, reason=found.code, pieces=len(fresh))


def _tell(uow: UnitOfWork, definition: CohortDefinition, fresh: Iterable[Occasion]) -> None:
    """Publish new evidence: one event for each participant (and submission that first said it)."""

    def whose(piece: Occasion) -> tuple[str, str]:
        return piece.said.submission, piece.said.evidence.participant

    for _, group in groupby(sorted(fresh, key=whose), key=whose):
        mine = list(group)
        first = mine[0].said
        publish(
            uow,
            EvidenceRecorded(
                submission=first.submission,
                cohort=first.evidence.cohort,
                participant=first.evidence.participant,
                pieces=tuple(_piece(each, definition) for each in mine),
            ),
        )


def _piece(occasion: Occasion, definition: CohortDefinition) -> Piece:
    evidence = occasion.said.evidence
    return Piece(
        evidence=occasion.evidence_id,
        instrument=evidence.instrument,
        by=evidence.by,
        relationship=evidence.relationship,
        element=evidence.element,
        ratings=evidence.ratings,
        moderating=evidence.moderating,
        as_of=occasion.said.as_of,
        late=evidence.submitted_at is not None and definition.is_late(evidence.submitted_at),
    )


def _keep_remarks(
    uow: UnitOfWork, submission: Submission, found: Meaning, counting: dict[EvidenceKey, Occasion]
) -> None:
    """Keep what raters wrote, where this is the latest that they said."""
    for remarks in found.remarks:
        counts = counting[remarks.evidence.key]
        if counts.said.evidence.document != remarks.evidence.document:
            continue
        written = [people.Comment(remarks.by, kind, counts.evidence_id, text) for kind, text in remarks.written]
        people.keep_comments(uow, submission.cohort, remarks.participant, written, rater=remarks.by)


def _wants_token(needed: RequestNeeded) -> bool:
    return TOKEN.encode() in needed.body or any(TOKEN in value for _, value in needed.headers)


def _no_token() -> Reason:
    return Reason(
        ReasonCode.API_TOKEN_MISSING,
        "the response must be fetched from the vendor's API, and no token for it is set; set the connection's variable"
        " with _TOKEN after its name for the workers, then `talentline quarantine retry`",
    )


def _api_refused(error: PermanentError) -> Reason:
    return Reason(
        ReasonCode.API_REFUSED,
        f"the response could not be fetched: {error}; check the API token's rights and that the response still exists,"
        " then `talentline quarantine retry`",
    )


def _too_many_requests() -> Reason:
    return Reason(
        ReasonCode.API_REFUSED,
        f"the response is not complete after {MOST_REQUESTS} requests to the vendor's API; look at it there",
    )


def _no_connection(submission: Submission) -> Reason:
    return Reason(
        ReasonCode.UNKNOWN_CONNECTION,
        f"connection {submission.connection} is no longer in cohort.toml; put it back and update the cohort",
    )


def _no_vendor(vendor: str) -> Reason:
    return Reason(ReasonCode.UNKNOWN_VENDOR, f"vendor {vendor} is unknown to this version; upgrade the workers")
