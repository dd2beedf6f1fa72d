"""Whether a request is let in: what the door asks of a vendor, in which order. Pure; the door stores and answers."""

from datetime import datetime

from services.intake.core.polling import Polled
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import Refusal, Refused, Reply, Secrets, Vendor, Verified

OURS = frozenset({Refusal.SECRET_NOT_SET, Refusal.KEYS_NOT_KNOWN, Refusal.UNKNOWN_VENDOR})
"""Refusals that are our fault: the sender did nothing wrong, and should come again."""


def judge(vendor: Vendor, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused | Reply:
    """A reply to a vendor that asks whether anybody is there; else whether the request comes from who it should."""
    reply = vendor.handshake(request, secrets)
    if reply is not None:
        return reply
    if request.method != "POST":
        return Refused(Refusal.NOT_A_POST)
    if not secrets.each and not isinstance(vendor, Polled):
        return Refused(Refusal.SECRET_NOT_SET)
    return vendor.verify(request, secrets, now)


def status_of(verdict: Verified | Refused | Reply) -> int:
    """The HTTP status of the answer. Never 404 or 410, for which some vendors switch a webhook off for good."""
    if isinstance(verdict, Reply):
        return verdict.status
    if isinstance(verdict, Verified):
        return 200
    if verdict.reason in OURS:
        return 503
    return 405 if verdict.reason == Refusal.NOT_A_POST else 401
