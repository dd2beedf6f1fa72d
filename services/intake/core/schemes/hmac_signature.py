"""A keyed hash of the raw body in a header, or of one field of a form in another. No time is signed: a replay is
stopped by what was stored, not by the signature.
"""

import base64
import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from services.intake.core.form_body import fields_of
from services.intake.core.signatures import signed
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import Refusal, Refused, Secrets, Verified

Encode = Callable[[bytes], bytes]


def hexadecimal(digest: bytes) -> bytes:
    """A digest as lower-case hexadecimal digits."""
    return digest.hex().encode()


@dataclass(frozen=True, slots=True)
class HmacHeader:
    """HMAC of the raw body in `header`, after `prefix`.

    `key` makes the key of a secret, for senders that put something in front of it.
    """

    header: str
    encode: Encode = base64.b64encode
    algorithm: str = "sha256"
    prefix: str = ""
    key: Callable[[str], str] = str

    def verify(self, request: RawRequest, secrets: Secrets) -> Verified | Refused:
        """Whether one of the signatures sent is right under one of the secrets."""
        if not secrets.each:
            return Refused(Refusal.SECRET_NOT_SET)
        sent = [value.strip() for value in request.header(self.header)]
        if not sent:
            return Refused(Refusal.MISSING_SIGNATURE)
        bare = [value.removeprefix(self.prefix) for value in sent if value.startswith(self.prefix)]
        return _verdict(request.body, bare, [self.key(secret) for secret in secrets.each], self.encode, self.algorithm)

    def signed(self, body: bytes, secret: str) -> tuple[str, str]:
        """The header of a body that is signed with a secret."""
        digest = hmac.digest(self.key(secret).encode(), body, self.algorithm)
        return self.header, f"{self.prefix}{self.encode(digest).decode()}"


@dataclass(frozen=True, slots=True)
class HmacField:
    """HMAC of the decoded field `signed_field` of a URL-encoded form, in its field `field`."""

    field: str
    signed_field: str
    algorithm: str
    encode: Encode = hexadecimal

    def verify(self, request: RawRequest, secrets: Secrets) -> Verified | Refused:
        """Whether the signature in the form is right under one of the secrets."""
        if not secrets.each:
            return Refused(Refusal.SECRET_NOT_SET)
        form = fields_of(request)
        if not form.get(self.field):
            return Refused(Refusal.MISSING_SIGNATURE)
        message = form.get(self.signed_field, "").encode("utf-8", "surrogatepass")
        return _verdict(message, [form[self.field]], secrets.each, self.encode, self.algorithm)

    def signed(self, message: bytes, secret: str) -> bytes:
        """A form whose field `signed_field` is the message, signed with a secret."""
        digest = hmac.digest(secret.encode(), message, self.algorithm)
        return urlencode({self.signed_field: message, self.field: self.encode(digest)}).encode()


def _verdict(
    message: bytes, sent: Iterable[str], keys: Iterable[str], encode: Encode, algorithm: str
) -> Verified | Refused:
    given = [_folded(value, encode) for value in sent]
    good = signed(message, tuple(keys), given, algorithm=algorithm, encode=encode)
    return Verified() if good else Refused(Refusal.SIGNATURE_MISMATCH)


def _folded(value: str, encode: Encode) -> bytes:
    """Hexadecimal digits in either case mean the same."""
    text = value.lower() if encode is hexadecimal else value
    return text.encode("utf-8", "surrogatepass")
