"""Survey tools that send nothing: they are asked, page by page, for what is new since the last time.

A page is stored as it came, like a webhook's delivery (`polled`), and the vendor's `read` reads it: so raw bytes are
kept, and what can't be understood waits in quarantine and can be read again. Where to go on from is the poller's own
`cursor`, kept by whoever polls.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from services.intake.core.submission import RawRequest
from services.intake.core.vendor import ApiAnswer, Refusal, Refused, RequestNeeded, Secrets, Verified
from services.intake.core.webhook import Webhook

METHOD = "POLL"
FORM_HEADER = "Talentline-Form"
"""The header of a stored page that says which form was asked about."""


@dataclass(frozen=True, slots=True)
class Turned:
    """What follows from a page: `cursor` is where to go on the next time, `more` asks for the next page at once."""

    cursor: str | None
    more: RequestNeeded | None = None


@runtime_checkable
class Poller(Protocol):
    """A vendor that is asked."""

    def ask(self, form_id: str, cursor: str | None) -> RequestNeeded:
        """The request for what is new; `cursor` None: for everything. Raises Unreadable for what can be no form."""

    def turned(self, form_id: str, cursor: str | None, answer: ApiAnswer) -> Turned:
        """What follows from the answer to a request that was asked with `cursor`. Raises Unreadable."""


def polled(form_id: str, answer: ApiAnswer) -> RawRequest:
    """A page as it is stored and read."""
    return RawRequest(answer.body, ((FORM_HEADER, form_id),), METHOD)


def form_of(page: RawRequest) -> str:
    """The form that a stored page is about."""
    return next(iter(page.header(FORM_HEADER)), "")


@dataclass(frozen=True)
class Polled(Webhook):
    """What pollers have in common: at the door nobody is believed."""

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:  # noqa: ARG002
        """The tool sends nothing, so whoever sends is somebody else."""
        return Refused(Refusal.ONLY_POLLED)
