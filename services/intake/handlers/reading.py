"""Finding out what a stored submission means, whatever it came in as."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.intake import files, store
from services.intake.core import meaning, uploads
from services.intake.core.errors import Reason, ReasonCode, Unreadable
from services.intake.core.grid import Mistake
from services.intake.core.identity import identity_of
from services.intake.core.matching import fields_of, unmapped_form
from services.intake.core.meaning import Meaning
from services.intake.core.polling import Poller, form_of
from services.intake.core.reading import read
from services.intake.core.source import Source
from services.intake.core.submission import SubmissionKind
from services.intake.core.vendor import ApiAnswer, NothingSaid, RequestNeeded, Response, Responses
from services.intake.handlers.fetching import Fetch, opening
from services.intake.handlers.news import NOTHING_NEW, Reports, known_before, reports
from services.intake.settings import IntakeSettings
from services.intake.store import Submission
from services.intake.vendors import Vendors
from shared.cohort.definition import CohortDefinition
from shared.db import UnitOfWork
from shared.ids import CohortId, SubmissionId


@dataclass(frozen=True, slots=True)
class Read:
    """A webhook that could be read, before anybody has asked whom it is about."""

    submission: Submission
    reading: Responses | NothingSaid
    source: Source
    definition: CohortDefinition
    reports: Reports | None
    """Of a tool whose responses come by webhook and by asking."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads submissions with the vendors and limits of one installation."""

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
        (found,) = meant(uow, [self.read(uow, submission, definition, answers)])
        return found

    def read(  # noqa: PLR0911  (each way out is something that a submission can turn out to be)
        self,
        uow: UnitOfWork,
        submission: Submission,
        definition: CohortDefinition,
        answers: Sequence[ApiAnswer] | None = None,
    ) -> Meaning | Fetch | Read:
        """What it says, as far as it tells by itself: `meant` finds out the rest, of many together."""
        if submission.kind is not SubmissionKind.WEBHOOK:
            return self._upload(uow, submission, definition)
        connection = definition.connections.get(submission.connection)
        if connection is None:
            return meaning.unreadable(_no_connection(submission))
        known = self.vendors.get(connection.vendor)
        if known is None:
            return meaning.unreadable(_no_vendor(connection.vendor))
        vendor = known.configured(connection.settings)
        source = Source(submission.connection, connection.instrument, connection.identity)
        try:
            reading = read(vendor, submission.request, submission.answers if answers is None else answers)
        except Unreadable as error:
            return meaning.unreadable(error.reason, form=error.form_id)
        if isinstance(reading, RequestNeeded):
            unmapped = unmapped_form(reading.form_id, source, definition)
            if unmapped is not None:
                return meaning.unreadable(unmapped, form=reading.form_id, response=reading.response_id)
            return Fetch(
                submission,
                vendor,
                connection.vendor,
                reading,
                self.settings.api_key(connection.secret_env),
                store.known_until(uow.connection, submission) or opening(definition),
                store.details_of(uow.connection, submission.cohort, submission.connection),
            )
        is_asked = isinstance(reading, Responses) and isinstance(vendor, Poller)
        told = _reports(submission, reading, definition) if isinstance(reading, Responses) and is_asked else None
        return Read(submission, reading, source, definition, told)

    def _upload(self, uow: UnitOfWork, submission: Submission, definition: CohortDefinition) -> Meaning:
        try:
            limit = self.settings.upload_unpacked_max_bytes
            grids = files.grids_of(submission.request.body, unpacked_limit=limit)
        except files.NotATable as error:
            mistake = Mistake("", None, None, None, str(error))
            return meaning.of_upload(uploads.UploadReading(submission.kind, (), (mistake,)))
        roster = store.roster_of(uow.connection, submission.cohort)
        return meaning.of_upload(uploads.read(grids, definition, roster))


def meant(uow: UnitOfWork, found: Sequence[Meaning | Fetch | Read]) -> list[Meaning | Fetch]:
    """What was found, in its order, with what was read understood: whom a batch is about, and what of it is known, is
    asked of the database once for each cohort.
    """
    cohorts = {each.submission.cohort: each.definition for each in found if isinstance(each, Read)}
    understood: dict[SubmissionId, Meaning] = {}
    for cohort in cohorts:
        some = [each for each in found if isinstance(each, Read) and each.submission.cohort == cohort]
        understood |= _understood(uow, cohort, some)
    return [understood[each.submission.id] if isinstance(each, Read) else each for each in found]


def _understood(uow: UnitOfWork, cohort: CohortId, some: Sequence[Read]) -> dict[SubmissionId, Meaning]:
    there = known_before(uow, cohort, (each.reports for each in some if each.reports))
    news = {each.submission.id: each.reports.news(there[each.reports.connection]) for each in some if each.reports}
    said = {each.submission.id: news[each.submission.id].responses if each.reports else each.reading for each in some}
    named = [
        identity_of(response, fields_of(response, each.source, each.definition), each.source.identity)
        for each in some
        for response in _responses(said[each.submission.id])
    ]
    roster = store.roster_named(uow.connection, cohort, named)
    understood = {
        each.submission.id: meaning.of_responses(said[each.submission.id], each.source, each.definition, roster)
        for each in some
    }
    for each in some:
        new = news.get(each.submission.id)
        if new is not None:
            is_old = new.is_nothing and bool(_responses(each.reading))
            found = understood[each.submission.id]
            understood[each.submission.id] = (
                Meaning(aside=NOTHING_NEW) if is_old else replace(found, heard=new.heard, brought=new.brought)
            )
    return understood


def _responses(reading: Responses | NothingSaid) -> tuple[Response, ...]:
    return reading.each if isinstance(reading, Responses) else ()


def _reports(submission: Submission, reading: Responses, definition: CohortDefinition) -> Reports:
    polled = bool(form_of(submission.request))
    name, brought = submission.connection, submission.brought
    return reports(definition, name, reading, submission.id, polled=polled, brought=brought)


def _no_connection(submission: Submission) -> Reason:
    return Reason(
        ReasonCode.UNKNOWN_CONNECTION,
        f"connection {submission.connection} is no longer in cohort.toml; put it back and update the cohort",
    )


def _no_vendor(vendor: str) -> Reason:
    return Reason(ReasonCode.UNKNOWN_VENDOR, f"vendor {vendor} is unknown to this version; upgrade the workers")
