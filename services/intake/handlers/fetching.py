"""Asking a vendor's API for the response that a thin webhook points to. No transaction is open meanwhile."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.intake.core import meaning
from services.intake.core.errors import Reason, ReasonCode, Unreadable
from services.intake.core.meaning import Meaning
from services.intake.core.vendor import SINCE, TOKEN, ApiAnswer, RequestNeeded, Vendor
from services.intake.store import Submission
from shared.cohort.definition import CohortDefinition
from shared.errors import PermanentError, TransientError
from shared.http_client import ApiRefused, HttpClient

MOST_REQUESTS = 10
"""Requests that one submission may ask for: pages of a response, not a crawl."""


OVERLAP = timedelta(hours=1)
"""Responses are asked for from so long before they are known: a vendor's list may lag behind its notifications."""


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


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the API answered, or why it did not."""

    answers: tuple[ApiAnswer, ...]
    failure: Reason | None = None


def fetched(fetch: Fetch, client: HttpClient) -> Fetched:
    """Ask the vendor's API until the reading is complete. Raises TransientError for what may work later."""
    answers = fetch.submission.answers
    needed = fetch.needed
    for _ in range(MOST_REQUESTS):
        if fetch.token is None and _wants_token(needed):
            return Fetched(answers, _no_token())
        try:
            answer = client.request(
                needed.method,
                needed.url.replace(SINCE, _written(fetch.since - OVERLAP)).replace(TOKEN, fetch.token or ""),
                [(name, value.replace(TOKEN, fetch.token or "")) for name, value in needed.headers],
                needed.body.replace(TOKEN.encode(), (fetch.token or "").encode()),
                hosts=fetch.vendor.api_hosts,
            )
            answers = (*answers, ApiAnswer(answer.body, answer.headers))
            reading = fetch.vendor.read(fetch.submission.request, answers)
        except Unreadable as error:
            return Fetched(answers, error.reason)
        except ApiRefused as error:
            if error.status in needed.not_yet:
                raise NotReadableYet(error.status) from None
            return Fetched(answers, _api_refused(error))
        if not isinstance(reading, RequestNeeded):
            return Fetched(answers)
        needed = reading
    return Fetched(answers, too_many_requests())


def opening(definition: CohortDefinition) -> datetime:
    """The first moment of the cohort's first day, where it is."""
    return datetime.combine(definition.opens, time.min, tzinfo=ZoneInfo(definition.time_zone))


def _written(moment: datetime) -> str:
    """A moment as vendors' filters want it (RFC 3339, in UTC, whole seconds)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def too_many_requests() -> Reason:
    """Why a response that is never complete is given up."""
    return Reason(
        ReasonCode.API_REFUSED,
        f"the response is not complete after {MOST_REQUESTS} requests to the vendor's API; look at it there",
    )


def unread(fetch: Fetch, failure: Reason) -> Meaning:
    """The meaning of a submission whose response was not got."""
    return meaning.unreadable(failure, form=fetch.needed.form_id, response=fetch.needed.response_id)


def _wants_token(needed: RequestNeeded) -> bool:
    return TOKEN in needed.url or TOKEN.encode() in needed.body or any(TOKEN in value for _, value in needed.headers)


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
