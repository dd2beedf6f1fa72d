"""A submission: what arrived, as raw bytes with its headers, before anybody asks what it means."""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from services.intake.core.text import is_plain, plain

SECRET_HEADER = re.compile("authorization|cookie|token|secret|passw|api-?key", re.IGNORECASE)
"""Headers whose names hold one of these carry secrets: they are used at the door and not stored."""

LONGEST_DELIVERY_ID = 200


class SubmissionKind(StrEnum):
    """What came in, and so who can read it."""

    WEBHOOK = "webhook"
    SCORE_SHEET = "score_sheet"
    MARKS = "marks"

    @property
    def label(self) -> str:
        """The name that people read.

        >>> SubmissionKind.SCORE_SHEET.label
        'score sheet'
        """
        return self.value.replace("_", " ")


class SubmissionState(StrEnum):
    """How far a submission got. `recorded` and `set_aside` are settled; `quarantined` may be retried."""

    RECEIVED = "received"
    RECORDED = "recorded"
    QUARANTINED = "quarantined"
    SET_ASIDE = "set_aside"
    """Kept, but it says nothing that counts: a partial response, a vendor's test delivery."""


@dataclass(frozen=True, slots=True)
class RawRequest:
    """An HTTP request as it arrived. `path` is what follows the connection's name in the address."""

    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "POST"
    path: str = ""
    query: str = ""

    def header(self, name: str) -> tuple[str, ...]:
        """Every value of a header, in order, whatever the case of its name.

        >>> RawRequest(b"", (("X-Id", "a"), ("x-ID", "b"))).header("x-id")
        ('a', 'b')
        """
        wanted = name.lower()
        return tuple([value for key, value in self.headers if key.lower() == wanted])

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the body."""
        return hashlib.sha256(self.body).hexdigest()

    @property
    def kept(self) -> "RawRequest":
        """The request as it is stored and read: nothing of it carries secrets."""
        return RawRequest(self.body, tuple((name, value) for name, value in self.kept_headers))

    @property
    def kept_headers(self) -> list[list[str]]:
        """The headers to store: those without secrets, as storable text."""
        kept = [[key, value] for key, value in self.headers if not _is_secret(key)]
        if is_plain("".join(key + value for key, value in kept)):
            return kept
        return [[plain(key), plain(value)] for key, value in kept]


@lru_cache(maxsize=500)
def _is_secret(header: str) -> bool:
    """The same few names come again and again."""
    return SECRET_HEADER.search(header) is not None


def delivery_key(vendor_delivery_id: str | None, sha256: str) -> str:
    """What a submission is known by: the sender's own id of it, or the body's SHA-256 where there is none.

    >>> delivery_key("01HS0", "ab12"), delivery_key(None, "ab12"), delivery_key(" ", "ab12")
    ('01HS0', 'ab12', 'ab12')
    """
    usable = (
        vendor_delivery_id is not None
        and vendor_delivery_id.strip()
        and vendor_delivery_id.isprintable()
        and len(vendor_delivery_id) <= LONGEST_DELIVERY_ID
    )
    return vendor_delivery_id if usable and vendor_delivery_id else sha256
