"""Standard Webhooks 1.0.0 (https://www.standardwebhooks.com): the id, the time and the body are signed together.

A secret is `whsec_` and base64 (HMAC-SHA256, signatures `v1,…`) or a public key `whpk_` and base64 (Ed25519, `v1a,…`).
The published Python library is not used here: it reads the clock itself, raises on malformed entries, takes text only,
and does not know `v1a`. In the tests it signs what this file verifies.
"""

import base64
import hmac
from collections.abc import Iterator
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.intake.core import probing
from services.intake.core.signatures import signed_with
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import Refusal, Refused, Secrets, Verified

TOLERANCE = timedelta(minutes=5)
"""How far the signed time may be from ours, either way: the reference implementation's five minutes."""
PREFIXES = ("webhook-", "svix-")
"""Of the three headers' names; some senders still use those of the service that the standard came from."""
PUBLIC_KEY = "whpk_"
MOST_SIGNATURES = 20


def verify(request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:
    """Whether one of the signatures is right under one of the secrets or public keys, and the signed time is near."""
    if not secrets.each:
        return Refused(Refusal.SECRET_NOT_SET)
    name, time = message_id(request), _header(request, "timestamp")
    signatures = [entry for value in _headers(request, "signature") for entry in value.split()][:MOST_SIGNATURES]
    if not name or not time or not signatures:
        return Refused(Refusal.MISSING_SIGNATURE)
    if not (time.isascii() and time.isdigit() and len(time) <= 12):
        return Refused(Refusal.MALFORMED_TIMESTAMP)
    content = b".".join((_bytes(name), time.encode(), request.body))
    if not _is_signed(content, signatures, secrets):
        return Refused(Refusal.SIGNATURE_MISMATCH)
    if abs(now.timestamp() - int(time)) > TOLERANCE.total_seconds():
        return Refused(Refusal.TIMESTAMP_OUT_OF_TOLERANCE)
    return Verified()


def signed(body: bytes, name: str, secret: str, now: datetime) -> tuple[tuple[str, str], ...] | None:
    """The headers of a message that is signed with a secret; None for a public key, with which nobody can sign."""
    key = next(_key(secret), None)
    if secret.startswith(PUBLIC_KEY) or key is None:
        return None
    time = str(int(now.timestamp()))
    digest = hmac.digest(key, b".".join((name.encode(), time.encode(), body)), "sha256")
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return (("webhook-id", name), ("webhook-timestamp", time), ("webhook-signature", signature))


def probe(mark: str, secrets: Secrets, now: datetime) -> RawRequest | None:
    """A probe that is signed with the first secret (`core.probing`)."""
    body = probing.body_of(mark)
    headers = signed(body, mark, next(iter(secrets.each), ""), now)
    return RawRequest(body, (probing.JSON, *headers)) if headers else None


def message_id(request: RawRequest) -> str | None:
    """The signed id of the message, the same in every retry."""
    return _header(request, "id") or None


def _is_signed(content: bytes, signatures: list[str], secrets: Secrets) -> bool:
    shared = [key for secret in secrets.each if not secret.startswith(PUBLIC_KEY) for key in _key(secret)]
    public = [key for secret in secrets.each if secret.startswith(PUBLIC_KEY) for key in _key(secret)]
    by_hash = [raw for entry in signatures if entry.startswith("v1,") for raw in _decoded(entry[3:])]
    by_curve = [raw for entry in signatures if entry.startswith("v1a,") for raw in _decoded(entry[4:])]
    good = signed_with(content, shared, by_hash)
    for key in public:
        for signature in by_curve:
            good |= _is_ed25519(key, signature, content)
    return good


def _is_ed25519(key: bytes, signature: bytes, content: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def _key(secret: str) -> Iterator[bytes]:
    """The key's bytes; none if it is no base64, or empty: such a secret verifies nothing."""
    for prefix in ("whsec_", PUBLIC_KEY):
        secret = secret.removeprefix(prefix)
    yield from (key for key in _decoded(secret) if key)


def _decoded(text: str) -> Iterator[bytes]:
    try:
        yield base64.b64decode(_bytes(text), validate=True)
    except ValueError:
        return


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _headers(request: RawRequest, name: str) -> tuple[str, ...]:
    found = (request.header(prefix + name) for prefix in PREFIXES)
    return next((values for values in found if values), ())


def _header(request: RawRequest, name: str) -> str:
    return next(iter(_headers(request, name)), "").strip()
