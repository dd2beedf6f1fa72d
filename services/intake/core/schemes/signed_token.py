"""An OpenID Connect token (a JWT, RS256) that the sender's own platform signed: who sends, to whom, and until when.

Anybody with an account at the platform can obtain a token that it signed for our address, so the signature alone proves
nothing: audience and e-mail address must be those agreed. PyJWT verifies the signature; the claims are compared here,
because the library would read the clock by itself.
"""

import hmac
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt

from services.intake.core.schemes.tokens import BEARER, credentials
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import Refusal, Refused, Secrets, Verified

ALGORITHM = "RS256"
LEEWAY = timedelta(seconds=10)
LONGEST_TOKEN = 8192


@dataclass(frozen=True, slots=True)
class Expected:
    """What a good token says. `emails`: of the service accounts that may send, none of them a secret."""

    issuers: Collection[str]
    audience: str
    emails: Collection[str]


def verify(request: RawRequest, secrets: Secrets, expected: Expected, now: datetime) -> Verified | Refused:
    """Whether the bearer token is one of `expected`, signed with one of `secrets.keys`."""
    sent = [value.strip() for value in request.header("authorization") if value.strip()]
    if not sent:
        return Refused(Refusal.MISSING_TOKEN)
    if not secrets.keys:
        return Refused(Refusal.KEYS_NOT_KNOWN)
    verdicts = [_judged(credentials(value, BEARER), secrets.keys, expected, now) for value in sent[:3]]
    return next((verdict for verdict in verdicts if isinstance(verdict, Verified)), verdicts[0])


def _judged(token: str, keys: str, expected: Expected, now: datetime) -> Verified | Refused:
    claims = _signed_claims(token, keys)
    if isinstance(claims, Refusal):
        return Refused(claims)
    wrong = _wrong(claims, expected, now.timestamp())
    return Refused(wrong) if wrong else Verified()


def _signed_claims(token: str, keys: str) -> Mapping[str, Any] | Refusal:
    """What a token says, once its signature is verified."""
    if len(token) > LONGEST_TOKEN:
        return Refusal.JWT_MALFORMED
    try:
        head = jwt.get_unverified_header(token)
        jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        return Refusal.JWT_MALFORMED
    if head.get("alg") != ALGORITHM:
        return Refusal.JWT_ALG
    key = next((key for key in _keys(keys) if key.key_id == head.get("kid")), None)
    if key is None:
        return Refusal.JWT_UNKNOWN_KEY
    try:
        claims: Mapping[str, Any] = jwt.decode(token, key, algorithms=[ALGORITHM], options=_SIGNATURE_ONLY)
    except (jwt.PyJWTError, ValueError):
        return Refusal.JWT_BAD_SIGNATURE
    return claims


_SIGNATURE_ONLY: Any = {f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}


@lru_cache(maxsize=4)
def _keys(document: str) -> tuple[jwt.PyJWK, ...]:
    """The RSA keys of a JSON Web Key Set; none if it is no such thing."""
    try:
        found = jwt.PyJWKSet.from_dict(json.loads(document)).keys
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        return ()
    return tuple(key for key in found if key.key_type == "RSA")


def _wrong(claims: Mapping[str, Any], expected: Expected, now: float) -> Refusal | None:
    until, since = claims.get("exp"), claims.get("iat")
    if not isinstance(until, int | float) or not isinstance(since, int | float):
        return Refusal.JWT_MALFORMED
    if now > until + LEEWAY.total_seconds() or now < since - LEEWAY.total_seconds():
        return Refusal.JWT_EXPIRED
    if claims.get("iss") not in expected.issuers:
        return Refusal.JWT_ISSUER
    if not _same(claims.get("aud"), [expected.audience]):
        return Refusal.JWT_AUDIENCE
    if not _same(claims.get("email"), expected.emails) or claims.get("email_verified") is not True:
        return Refusal.JWT_EMAIL
    return None


def _same(sent: object, allowed: Collection[str]) -> bool:
    good = False
    for each in allowed:
        good |= (
            bool(each) and isinstance(sent, str) and hmac.compare_digest(sent.encode("utf-8", "replace"), each.encode())
        )
    return good
