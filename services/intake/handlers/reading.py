"""Finding out what a stored submission means, whatever it came in as."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.intake import files, store
from services.intake.core import meaning, uploads
from services.intake.core.errors import Reason, ReasonCode, Unreadable
from services.intake.core.grid import Mistake
from services.intake.core.identity import identity_of
from services.intake.core.matching import Source, fields_of, unmapped_form
from services.intake.core.meaning import Meaning
from services.intake.core.polling import Poller, form_of
from services.intake.core.reading import read
from services.intake.core.submission import SubmissionKind
from services.intake.core.vendor import ApiAnswer, NothingSaid, RequestNeeded, Responses
from services.intake.handlers.fetching import Fetch, opening
from services.intake.handlers.news import NOTHING_NEW, news_of
from services.intake.settings import IntakeSettings
from services.intake.store import Submission
from services.intake.vendors import Vendors
from shared.cohort.definition import CohortDefinition
from shared.db import UnitOfWork


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads submissions with the vendors and limits of one installation."""

    settings: IntakeSettings
    vendors: Vendors

    def meaning(  # noqa: PLR0911  (each way out is something that a submission can turn out to be)
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
        if isinstance(reading, Responses) and isinstance(vendor, Poller):
            return self._news(uow, submission, reading, source, definition)
        return self._responses(uow, submission, reading, source, definition)

    def _news(
        self,
        uow: UnitOfWork,
        submission: Submission,
        reading: Responses,
        source: Source,
        definition: CohortDefinition,
    ) -> Meaning:
        """The meaning of what is not known yet, of a tool whose responses come by webhook and by asking."""
        polled = bool(form_of(submission.request))
        name, brought = submission.connection, submission.brought
        news = news_of(uow, definition, name, reading, submission.id, polled=polled, brought=brought)
        if news.is_nothing and reading.each:
            return Meaning(aside=NOTHING_NEW)
        found = self._responses(uow, submission, news.responses, source, definition)
        return replace(found, heard=news.heard, brought=news.brought)

    def _responses(
        self,
        uow: UnitOfWork,
        submission: Submission,
        reading: Responses | NothingSaid,
        source: Source,
        definition: CohortDefinition,
    ) -> Meaning:
        responses = reading.each if isinstance(reading, Responses) else ()
        named = [
            identity_of(response, fields_of(response, source, definition), source.identity) for response in responses
        ]
        roster = store.roster_named(uow.connection, submission.cohort, named)
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


def _no_connection(submission: Submission) -> Reason:
    return Reason(
        ReasonCode.UNKNOWN_CONNECTION,
        f"connection {submission.connection} is no longer in cohort.toml; put it back and update the cohort",
    )


def _no_vendor(vendor: str) -> Reason:
    return Reason(ReasonCode.UNKNOWN_VENDOR, f"vendor {vendor} is unknown to this version; upgrade the workers")
