"""The vendor protocol: what intake must know about a survey tool. A vendor is sans-I/O and never reads the clock.

It verifies raw bytes, names the sender's id of the delivery, and reads what the bytes say. A thin webhook only points
to the response: its reading is a `RequestNeeded`, the handler makes the request and asks again with the answer, until
the reading is complete. One vendor is one file in `services/intake/vendors/` and one line in its dictionary.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

from services.intake.core.errors import Reason
from services.intake.core.submission import RawRequest

TOKEN = "{token}"  # noqa: S105  (a placeholder)
"""Stands in a request's headers or body where the connection's API token belongs; the handler fills it in."""


class Refusal(StrEnum):
    """Why a request is refused at the door. It tells the sender nothing, the coordinator enough."""

    SECRET_NOT_SET = "secret_not_set"  # noqa: S105
    MISSING_SIGNATURE = "missing_signature"
    MALFORMED_SIGNATURE = "malformed_signature"
    SIGNATURE_MISMATCH = "signature_mismatch"
    NOT_A_POST = "not_a_post"
    UNKNOWN_CONNECTION = "unknown_connection"
    UNKNOWN_VENDOR = "unknown_vendor"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the connection's environment variable holds. It is never shown: not in a log, not in a traceback."""

    text: str = field(repr=False)

    @property
    def each(self) -> tuple[str, ...]:
        r"""The secrets that are valid now. During a rotation several are, divided by commas or line breaks.

        A vendor that needs more than shared secrets (keys, a client id, an audience) reads `text` as JSON instead.

        >>> Secrets("new,old").each, Secrets(" new\nold ").each, Secrets(" , ").each
        (('new', 'old'), ('new', 'old'), ())
        """
        return _parted(self.text)


@lru_cache(maxsize=64)
def _parted(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in re.split(r"[,\r\n]", text) if part.strip())


@dataclass(frozen=True, slots=True)
class Verified:
    """The request comes from whoever holds the secret."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The request proves nothing. Refused requests are counted, not kept."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a vendor wants to hear when it asks whether anybody is there, before it sends anything."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


AnswerValue = str | float | tuple[str, ...]
"""A text or choice label, a number, or several labels."""


@dataclass(frozen=True, slots=True)
class Response:
    """One person's response to one form. Fields are keyed as the vendor names them."""

    form_id: str
    response_id: str
    answers: Mapping[str, AnswerValue]
    """What was answered; a question that was skipped is absent."""
    hidden: Mapping[str, str]
    """What the link carried: participant, rater, relationship, and whatever else."""
    submitted_at: datetime | None
    """When this state of the response was submitted. Naive: local time of the cohort's zone. None: the vendor does not
    say, and the time of arrival counts."""
    partial: bool = False
    """Not finished by the rater: kept, never counted."""


@dataclass(frozen=True, slots=True)
class Responses:
    """Everything the request says: often one response, sometimes a batch."""

    each: tuple[Response, ...]


@dataclass(frozen=True, slots=True)
class RequestNeeded:
    """The request only points to the response: this is where to get it. `TOKEN` stands for the API token."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class NothingSaid:
    """The request carries no response, such as a vendor's test delivery: it is set aside."""

    reason: Reason


Reading = Responses | RequestNeeded | NothingSaid


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """What the vendor's API answered to a request that a reading asked for. Its status is 2xx."""

    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Vendor(Protocol):
    """One survey tool. Methods get raw bytes from strangers: they never raise but for `Unreadable` in `read`."""

    @property
    def api_hosts(self) -> frozenset[str]:
        """Hosts that `read` may name, exactly. Empty for a vendor whose webhooks carry the whole response."""

    def handshake(self, request: RawRequest, secrets: Secrets) -> Reply | None:
        """The reply to a vendor that asks whether anybody is there (HEAD, OPTIONS, a challenge); None: not one."""

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:
        """Whether the bytes come from the holder of a secret. No secret: always refused. Compares in constant time;
        `now` is for schemes that sign a time.
        """

    def delivery_id(self, request: RawRequest) -> str | None:
        """The sender's own id of this delivery, equal when it is sent again; None if there is none. Cheap: it is asked
        while the sender waits.
        """

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:
        """What a verified request says, given what the vendor's API has answered so far.

        Raises:
            Unreadable: the bytes are not what this vendor sends; the submission is quarantined with the reason.
        """
