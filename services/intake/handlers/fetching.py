"""Asking a vendor's API for the response that a thin webhook points to. No transaction is open meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.intake import store
from services.intake.asking import NoToken, asked
from services.intake.core import meaning
from services.intake.core.errors import Reason, ReasonCode, Unreadable
from services.intake.core.meaning import Meaning
from services.intake.core.reading import read
from services.intake.core.vendor import ApiAnswer, RequestNeeded, Vendor
from services.intake.store import Submission
from shared.cohort.definition import CohortDefinition
from shared.errors import PermanentError, TransientError
from shared.http_client import ApiRefused, HttpClient

MOST_REQUESTS = 10
"""Requests that one submission may ask for: pages of a response, not a crawl."""


class NotReadableYet(TransientError):
    """The response is there, the vendor's API says, but not yet to be read. It is asked again later."""

    def __init__(self, status: int | None) -> None:
        super().__init__(f"the vendor's API does not have the response yet (it answered {status})")


@dataclass(frozen=True, slots=True)
class Fetch:
    """A request that a thin webhook's reading needs, and what is needed to go on from its answer."""

    submission: Submission
    vendor: Vendor
    vendor_name: str
    needed: RequestNeeded
    token: str | None
    since: datetime
    """From when on responses are asked for, where a request says `SINCE`."""
    details: Mapping[str, ApiAnswer] = field(default_factory=dict, repr=False)
    """What the API said of late about forms: it is not asked for that again."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the API answered, or why it did not."""

    answers: tuple[ApiAnswer, ...]
    failure: Reason | None = None
    requests: int = 0
    """How often the API was asked."""
    details: Mapping[str, ApiAnswer] = field(default_factory=dict, repr=False)
    """What it said about forms."""


def fetched(fetch: Fetch, client: HttpClient) -> Fetched:
    """Ask the vendor's API until the reading is complete. Raises TransientError for what may work later."""
    answers = fetch.submission.answers
    needed = fetch.needed
    requests, details = 0, dict[str, ApiAnswer]()
    for _ in range(MOST_REQUESTS):
        key = store.request_key(needed)
        try:
            if needed.same_for_all and key in fetch.details:
                answer = fetch.details[key]
            else:
                requests += 1
                answer = asked(client, fetch.vendor, needed, fetch.token, fetch.since)
                if needed.same_for_all or key in fetch.details or key in details:
                    details[key] = answer
            answers = (*answers, answer)
            reading = read(fetch.vendor, fetch.submission.request, answers)
        except NoToken:
            return Fetched(answers, _no_token(), requests, details)
        except Unreadable as error:
            return Fetched(answers, error.reason, requests, details)
        except ApiRefused as error:
            if error.status in needed.not_yet:
                raise NotReadableYet(error.status) from None
            return Fetched(answers, _api_refused(error), requests, details)
        if not isinstance(reading, RequestNeeded):
            return Fetched(answers, None, requests, details)
        needed = reading
    return Fetched(answers, too_many_requests(), requests, details)


def opening(definition: CohortDefinition) -> datetime:
    """The first moment of the cohort's first day, where it is."""
    return definition.start_of(definition.opens)


def too_many_requests() -> Reason:
    """Why a response that is never complete is given up."""
    return Reason(
        ReasonCode.API_REFUSED,
        f"the response is not complete after {MOST_REQUESTS} requests to the vendor's API; look at it there",
    )


def unread(fetch: Fetch, failure: Reason) -> Meaning:
    """The meaning of a submission whose response was not got."""
    return meaning.unreadable(failure, form=fetch.needed.form_id, response=fetch.needed.response_id)


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
