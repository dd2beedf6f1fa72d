"""A secret that the sender sends along: in a header, the address, or the body. It proves no body and no time, so what
it lets in is confirmed by the vendor's API where there is one.
"""

import base64
import hmac
from collections.abc import Iterable
from urllib.parse import parse_qsl

from services.intake.core.submission import RawRequest
from services.intake.core.vendor import Refusal, Refused, Secrets, Verified

BEARER, BASIC = "bearer", "basic"


def judged(sent: Iterable[str], secrets: Secrets) -> Verified | Refused:
    """Whether one of the tokens sent is one of the secrets. Blank tokens are none."""
    given = [token.encode("utf-8", "surrogatepass") for token in sent if token.strip()]
    if not secrets.each:
        return Refused(Refusal.SECRET_NOT_SET)
    if not given:
        return Refused(Refusal.MISSING_TOKEN)
    good = False
    for secret in secrets.each:
        for token in given:
            good |= hmac.compare_digest(secret.encode("utf-8", "surrogatepass"), token)
    return Verified() if good else Refused(Refusal.BAD_TOKEN)


def in_header(request: RawRequest, name: str, secrets: Secrets) -> Verified | Refused:
    """The token is the whole value of a header."""
    return judged((value.strip() for value in request.header(name)), secrets)


def in_path(request: RawRequest, secrets: Secrets) -> Verified | Refused:
    """The token is the last segment of the address."""
    verdict = judged((request.path.rsplit("/", 1)[-1],), secrets)
    return Refused(Refusal.BAD_TOKEN) if verdict == Refused(Refusal.MISSING_TOKEN) else verdict


def bearer(request: RawRequest, secrets: Secrets, *, query_field: str = "") -> Verified | Refused:
    """`Authorization: Bearer …` (RFC 6750); without that header, the field of the query string, if one is named."""
    sent = request.header("authorization")
    if sent:
        return _authorised((credentials(value, BEARER) for value in sent), secrets)
    found = [value for name, value in parse_qsl(request.query) if query_field and name == query_field]
    return judged(found, secrets)


def basic(request: RawRequest, username: str, secrets: Secrets) -> Verified | Refused:
    """`Authorization: Basic …` (RFC 7617) of `username`; the password is the secret."""
    sent = request.header("authorization")
    if not any(value.strip() for value in sent):
        return judged((), secrets)
    pairs = [_pair(credentials(value, BASIC)) for value in sent]
    mine = hmac.compare_digest
    named = [password for user, password in pairs if mine(user.encode("utf-8", "surrogatepass"), username.encode())]
    return _authorised(named, secrets)


def basic_header(username: str, password: str) -> tuple[str, str]:
    """The header of Basic authentication."""
    return "Authorization", f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


def _authorised(sent: Iterable[str], secrets: Secrets) -> Verified | Refused:
    """The verdict on what stood in an Authorization header: what is wrong there is a bad token, not a missing one."""
    verdict = judged(sent, secrets)
    return Refused(Refusal.BAD_TOKEN) if verdict == Refused(Refusal.MISSING_TOKEN) else verdict


def credentials(value: str, scheme: str) -> str:
    """What follows the scheme's name in an Authorization header; empty for another scheme."""
    name, _, credentials = value.strip().partition(" ")
    return credentials.strip() if name.lower() == scheme else ""


def _pair(credentials: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(credentials.encode("utf-8", "surrogatepass"), validate=True).decode()
    except ValueError:
        return "", ""
    user, _, password = text.partition(":")
    return user, password
