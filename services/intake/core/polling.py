"""Asking a survey tool, page by page, for what is new since the last time: tools that send nothing, and what the
webhooks of others missed.

A page is stored as it came, like a webhook's delivery (`polled`), and the vendor's `read_page` reads it: so raw bytes
are kept, and what can't be understood waits in quarantine and can be read again. Where to go on from is the vendor's
own `cursor`, kept by whoever asks.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Protocol, runtime_checkable
from urllib.parse import unquote, urlencode

from services.intake.core.moments import is_likely
from services.intake.core.registering import Steps, Wanted
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import ApiAnswer, Reading, Refusal, Refused, RequestNeeded, Secrets, Verified
from services.intake.core.webhook import Webhook

METHOD = "POLL"
FORM_HEADER = "Talentline-Form"
"""The header of a stored page that says which form was asked about."""
OVERLAP = timedelta(hours=1)
"""A tool's list may lag behind: the next run begins so long before the newest response that was seen."""


@dataclass(frozen=True, slots=True)
class Turned:
    """What follows from an answer. `cursor` is where a later run begins once this one is through; `more` is to be asked
    next, after `wait`. An answer that is no `page` holds no responses, such as one that says how far an export is.
    """

    cursor: str | None
    more: RequestNeeded | None = None
    page: bool = True
    wait: timedelta = timedelta()


@runtime_checkable
class Poller(Protocol):
    """A vendor that can be asked."""

    every: ClassVar[timedelta]
    """How often it is asked by itself."""

    def starting(self, since: datetime) -> str | None:
        """The cursor of a run that is to find what was submitted from a moment on; None: the tool can't be asked so,
        and gives everything.
        """

    def ask(self, form_id: str, cursor: str | None) -> RequestNeeded:
        """The request that begins a run; `cursor` None: for everything. A page of it must stay well below what is read
        of an answer (5 MiB). Raises Unreadable for what can be no form.
        """

    def turned(self, cursor: str | None, asked: RequestNeeded, answer: ApiAnswer) -> Turned:
        """What follows from the answer to `asked`; `cursor` is the one of the answer before. Raises Unreadable."""

    def read_page(self, page: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:
        """The responses of a stored page, as `Vendor.read` reads a delivery. Raises Unreadable."""


def polled(form_id: str, answer: ApiAnswer) -> RawRequest:
    """A page as it is stored and read."""
    return RawRequest(answer.body, ((FORM_HEADER, form_id),), METHOD)


def form_of(page: RawRequest) -> str:
    """The form that a stored page is about; empty for what is no page."""
    return next(iter(page.header(FORM_HEADER)), "")


def from_outside(request: RawRequest) -> RawRequest:
    """A request from a stranger: whatever header it has, it is no page of ours."""
    if not form_of(request):
        return request
    kept = [pair for pair in request.headers if pair[0].lower() != FORM_HEADER.lower()]
    return replace(request, headers=tuple(kept))


def with_query(asked: RequestNeeded, **values: str | int) -> RequestNeeded:
    """The same request with other values of these query parameters.

    >>> with_query(RequestNeeded("GET", "https://example.org/a?{token}&page=1&size=5"), page=2).url
    'https://example.org/a?{token}&size=5&page=2'
    """
    base, _, query = asked.url.partition("?")
    kept = [part for part in query.split("&") if part and unquote(part.partition("=")[0]) not in values]
    return replace(asked, url=f"{base}?{'&'.join([*kept, urlencode(values)])}")


def stamped(moment: datetime) -> str:
    """A moment as cursors and vendors' filters have it (RFC 3339, in UTC, whole seconds), so that later is greater.

    >>> stamped(datetime(2026, 3, 9, 9, 30, tzinfo=UTC))
    '2026-03-09T09:30:00Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moved_on(cursor: str | None, seen: Iterable[datetime | None], overlap: timedelta = OVERLAP) -> str | None:
    """The cursor after a page: a little before the newest moment that was seen, and never earlier than it was.

    >>> moved_on("2026-03-09T09:30:00Z", [datetime(2026, 3, 11, 8, 30, tzinfo=UTC), None])
    '2026-03-11T07:30:00Z'
    """
    likely = [each for each in seen if each is not None and is_likely(each)]
    zoned = [each if each.tzinfo else each.replace(tzinfo=UTC) for each in likely]
    newest = [stamped(max(zoned) - overlap)] if zoned else []
    return max([*newest, *([cursor] if cursor else [])], default=None)


class Backfilled:
    """What tools have in common that send webhooks and can be asked as well. Cursors are moments (`stamped`)."""

    every: ClassVar[timedelta] = timedelta(hours=6)
    """A net under the webhooks: it costs little of a tool's daily budget."""

    def starting(self, since: datetime) -> str | None:
        """The moment itself."""
        return stamped(since)

    def by_now(self, cursor: str | None, now: datetime) -> str | None:
        """The cursor, but never later than now: a response that is dated in the future must not hide those to come."""
        return min(cursor, stamped(now)) if cursor else None


@dataclass(frozen=True)
class Polled(Webhook, ABC):
    """What tools have in common that send nothing: at the door nobody is believed."""

    every: ClassVar[timedelta] = timedelta(minutes=15)

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:  # noqa: ARG002
        """The tool sends nothing, so whoever sends is somebody else."""
        return Refused(Refusal.ONLY_POLLED)

    def steps(self, wanted: Wanted) -> Steps:  # noqa: ARG002
        """None: it is asked."""
        words = "there is no webhook to make: this tool is asked, by `talentline connection backfill` and by itself"
        return Steps((words,))

    def read_page(self, page: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:
        """A page is all that there is to read."""
        return self.read(page, answers)

    @abstractmethod
    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:
        """The responses of one page."""
