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
from typing import Protocol, Self

from services.intake.core.errors import Reason
from services.intake.core.form import Form
from services.intake.core.submission import RawRequest

TOKEN = "{token}"  # noqa: S105  (a placeholder)
"""Stands in a request where the connection's API token belongs; the handler fills it in. In an address only where a
vendor takes it nowhere else.
"""

SESSION = "{session}"
"""Stands in a request's body where the session belongs that `RequestNeeded.opening` has opened."""

SINCE = "{since}"
"""Stands in a request's address for the moment from which responses are asked for (RFC 3339 in UTC, such as
2026-03-11T08:30:00Z): the handler knows what it has already."""


class Refusal(StrEnum):
    """Why a request is refused at the door. It tells the sender nothing, the coordinator enough."""

    SECRET_NOT_SET = "secret_not_set"  # noqa: S105
    KEYS_NOT_KNOWN = "keys_not_known"
    """The sender's public keys are not here (yet): our fault, it should come again."""
    MISSING_SIGNATURE = "missing_signature"
    SIGNATURE_MISMATCH = "signature_mismatch"
    MALFORMED_TIMESTAMP = "malformed_timestamp"
    TIMESTAMP_OUT_OF_TOLERANCE = "timestamp_out_of_tolerance"
    API_KEY_MISMATCH = "api_key_mismatch"
    MISSING_TOKEN = "missing_token"  # noqa: S105
    BAD_TOKEN = "bad_token"  # noqa: S105
    JWT_MALFORMED = "jwt_malformed"
    JWT_ALG = "jwt_alg"
    JWT_UNKNOWN_KEY = "jwt_unknown_key"
    JWT_BAD_SIGNATURE = "jwt_bad_signature"
    JWT_EXPIRED = "jwt_expired"
    JWT_ISSUER = "jwt_issuer"
    JWT_AUDIENCE = "jwt_audience"
    JWT_EMAIL = "jwt_email"
    NOT_A_POST = "not_a_post"
    ONLY_POLLED = "only_polled"
    """The tool sends nothing: it is asked."""
    UNKNOWN_CONNECTION = "unknown_connection"
    UNKNOWN_VENDOR = "unknown_vendor"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the connection's environment variable holds. It is never shown: not in a log, not in a traceback."""

    text: str = field(repr=False)
    keys: str = field(default="", repr=False)
    """The sender's public keys (a JSON Web Key Set), for a vendor that has a `keys_url`; empty: not known."""

    @property
    def each(self) -> tuple[str, ...]:
        r"""The secrets that are valid now. During a rotation several are, divided by commas or line breaks.

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
    answers: Mapping[str, AnswerValue | None]
    """What was answered; a question that was skipped is absent. None: the sender wrote `null` outright, which one form
    means as "skipped" and another as "not observed"."""
    hidden: Mapping[str, str]
    """What the link carried: participant, rater, relationship, and whatever else."""
    submitted_at: datetime | None
    """When this state of the response was submitted. Naive: local time of the cohort's zone. None: the vendor does not
    say, and the time of arrival counts."""
    partial: bool = False
    """Not finished by the rater: kept, never counted."""
    revision: str | None = None
    """The vendor's name for this state of the response, another after each edit; None: it has none."""
    revised_at: datetime | None = None
    """When this state came to be, where the vendor says so; naive as `submitted_at`. Of two states the later counts,
    whichever arrives last."""
    delivery_id: str | None = None
    """The sender's own id of this part of a batch; None: it has none."""


@dataclass(frozen=True, slots=True)
class Responses:
    """Everything the request says: often one response, sometimes a batch."""

    each: tuple[Response, ...]
    unread: tuple[Reason, ...] = ()
    """Why parts of a batch can't be read; the others count."""


@dataclass(frozen=True, slots=True)
class RequestNeeded:
    """The request only points to the response: this is where to get it. `TOKEN` stands for the API token, `SINCE` for
    the moment from which responses are wanted.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    form_id: str = ""
    """The form that it is about, if that is known: nobody asks for the responses of a form that is not mapped."""
    response_id: str = ""
    """Empty: not known before the answer is there."""
    not_yet: frozenset[int] = frozenset()
    """Statuses that mean "not readable yet" here, such as 404 right after the event: ask again later."""
    confirms: bool = False
    """The request itself carries the response, and the answer only confirms it, as with a sender that signs nothing."""
    opening: "RequestNeeded | None" = None
    """A request that is made first, each time: what `Vendor.session` finds in its answer stands for `SESSION` in this
    one, and is kept nowhere."""
    same_for_all: bool = False
    """The answer describes the form: it is the same for all responses, and may be used again for a while."""


@dataclass(frozen=True, slots=True)
class NothingSaid:
    """The request carries no response, such as a vendor's test delivery: it is set aside."""

    reason: Reason


Reading = Responses | RequestNeeded | NothingSaid


@dataclass(frozen=True, slots=True)
class Pace:
    """How many requests a vendor's API allows; None: not known, then its 429 says so."""

    per_minute: int | None = None
    per_day: int | None = None
    """From midnight to midnight, UTC."""


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

    @property
    def pace(self) -> Pace:
        """How often its API may be asked."""

    @property
    def each_is_new(self) -> bool:
        """Whether the same bytes again may tell of something new, as with a webhook that names only a record that was
        saved: then a delivery is never taken for a repeat.
        """

    @property
    def keys_url(self) -> str | None:
        """Where the sender publishes the public keys that it signs with (`Secrets.keys`); None: it signs otherwise."""

    def setting_mistakes(self, settings: Mapping[str, str]) -> Mapping[str, str]:
        """What is wrong with a connection's settings for this vendor: setting → reason in words."""

    def configured(self, settings: Mapping[str, str]) -> Self:
        """The vendor as one connection has it. Settings that it does not know are ignored."""

    def handshake(self, request: RawRequest, secrets: Secrets) -> Reply | Refused | None:
        """The reply to a vendor that asks whether anybody is there (HEAD, OPTIONS, a challenge); None: not one."""

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:
        """Whether the bytes come from the holder of a secret. No secret: always refused. Compares in constant time;
        `now` is for schemes that sign a time.
        """

    def delivery_id(self, request: RawRequest) -> str | None:
        """The sender's own id of this delivery, equal when it is sent again; None if there is none. Cheap: it is asked
        while the sender waits.
        """

    def probe(self, mark: str, secrets: Secrets, now: datetime) -> RawRequest | None:
        """A delivery of our own that `verify` believes and that says nothing (`core.probing`), signed with the first
        secret; None: nobody but the sender can sign it.
        """

    def session(self, answer: ApiAnswer) -> str:
        """The session that a request's `opening` has opened. Raises Unreadable: it has not."""

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:
        """What a verified request says, given what the vendor's API has answered so far. It gets the request as it was
        stored: body and headers, without path, query and what carries secrets.

        Raises:
            Unreadable: the bytes are not what this vendor sends; the submission is quarantined with the reason.
        """

    def forms(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> tuple[Form, ...]:
        """What a delivery that was read says of its form besides the answers: titles, options. Empty: nothing.

        Raises:
            Unreadable: as `read`.
        """

    def define(self, form_id: str, answers: Sequence[ApiAnswer] = ()) -> Form | RequestNeeded | None:
        """A form as the vendor's API has it, given what it has answered so far; None: there is no such API, or it can't
        be asked with what a connection has.

        Raises:
            Unreadable: `form_id` can't be one of this vendor, or the answer is not what it documents.
        """
