"""What becomes of a recorded delivery, step by step as the door and the handlers would have it, in the words of the
samples: `action` is handshake, reject, ignore, quarantine, defer_fetch, store, fetch_then_store, fetch_list_then_store,
store_partial, update, duplicate or per_response.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from services.intake.core.door import judge, status_of
from services.intake.core.errors import Reason, ReasonCode, Unreadable
from services.intake.core.explaining.recorded import Recorded
from services.intake.core.explaining.said import Explained, Memory, quarantined, response_said
from services.intake.core.matching import unmapped_form
from services.intake.core.polling import METHOD as POLLED
from services.intake.core.reading import read
from services.intake.core.submission import delivery_key
from services.intake.core.vendor import (
    ApiAnswer,
    NothingSaid,
    Refusal,
    Refused,
    Reply,
    RequestNeeded,
    Responses,
    Vendor,
    Verified,
)

NOTHING: Explained = {
    "verified": None,
    "reason": None,
    "action": None,
    "http_status": None,
    "delivery_id": None,
    "form_id": None,
    "response_id": None,
    "revision": None,
    "submitted_at": None,
    "answers": {},
    "items": {},
    "not_observed": [],
    "unanswered": [],
    "texts": {},
    "hidden": {},
    "identity": {},
}
"""What is said of a delivery that says nothing, or nothing yet."""
MOST_REQUESTS = 10
TRY_LATER = frozenset({408, 425, 429})


def explain_all(deliveries: Sequence[Recorded], vendors: Mapping[str, Vendor]) -> dict[str, Explained]:
    """What becomes of each of several recordings, with those that it names in `after` taken first."""
    by_id = {delivery.id: delivery for delivery in deliveries}
    found: dict[str, Explained] = {}
    for delivery in deliveries:
        memory = Memory()
        for name in _before(delivery, by_id, frozenset()):
            explain(by_id[name], vendors[by_id[name].vendor], memory)
        found[delivery.id] = explain(delivery, vendors[delivery.vendor], memory)
    return found


def explain(delivery: Recorded, vendor: Vendor, memory: Memory) -> Explained:
    """What becomes of a delivery, given what came before it. `vendor` is as the registry has it."""
    return NOTHING | _explained(delivery, vendor.configured(delivery.settings), memory)


def explain_stored(delivery: Recorded, vendor: Vendor, memory: Memory) -> Explained:
    """What became of a delivery that is stored: whoever sent it was verified at the door, and it was answered 200."""
    said: Explained = {"verified": True, "reason": None, "http_status": status_of(Verified())}
    return NOTHING | said | _taken(delivery, vendor.configured(delivery.settings), memory)


def _explained(delivery: Recorded, configured: Vendor, memory: Memory) -> Explained:
    if delivery.request.method == POLLED:  # a page that was asked for: there is no sender to prove
        return {"verified": None, "reason": None, "http_status": None} | _taken(delivery, configured, memory)
    verdict = judge(configured, delivery.request, delivery.secrets, delivery.now)
    said: Explained = {"verified": True, "reason": None, "http_status": status_of(verdict)}
    if isinstance(verdict, Reply):
        proven = configured.verify(delivery.request, delivery.secrets, delivery.now) == Verified()
        headers = dict(verdict.headers)
        return said | {"verified": proven or None, "action": "handshake", "response_headers": headers}
    if isinstance(verdict, Refused):
        # Signed by whom it should be, yet of another app than the connection's: neither proven nor forged.
        verified = None if verdict.reason == Refusal.API_KEY_MISMATCH else False
        return said | {"verified": verified, "reason": verdict.reason, "action": "reject"}
    return said | _taken(delivery, configured, memory)


def _before(delivery: Recorded, by_id: Mapping[str, Recorded], seen: frozenset[str]) -> list[str]:
    """The recordings that came before, oldest first; what is not there, or names itself, is left out."""
    found: list[str] = []
    for name in delivery.after:
        if name in by_id and name not in seen and name != delivery.id:
            found += [*_before(by_id[name], by_id, seen | {delivery.id}), name]
    return list(dict.fromkeys(found))


def _taken(delivery: Recorded, vendor: Vendor, memory: Memory) -> Explained:
    request = delivery.request
    name = vendor.delivery_id(request)
    key = (delivery_key(name, request.sha256), request.sha256)
    repeat = key in memory.deliveries and not vendor.each_is_new
    memory.deliveries.add(key)
    about: Explained = {"delivery_id": name, "form_id": None, "response_id": None}
    try:
        found = _Reading(delivery, vendor)
    except Unreadable as error:
        return about | {"form_id": error.form_id or None} | quarantined(error.reason)
    if found.first is not None:
        about |= {"form_id": found.first.form_id, "response_id": found.first.response_id or None}
    if isinstance(found.reading, NothingSaid):
        reason = found.reading.reason
        return about | {"action": "ignore", "ignored_as": reason.code, "words": reason.words}
    if repeat and found.is_list:
        return about | {"action": "duplicate", "responses": [], "stored_count": 0}
    said = found.stopped or _responses(delivery, found, memory)
    return about | said | ({"action": "duplicate"} if repeat else {})


class _Reading:
    """What a delivery says, with what the recording says that the vendor's API answers. Raises Unreadable."""

    def __init__(self, delivery: Recorded, vendor: Vendor) -> None:
        request = delivery.request.kept
        reading = read(vendor, request)
        self.first = reading if isinstance(reading, RequestNeeded) else None
        self.stopped: Explained = {}
        """Why there is no reading."""
        answers: list[ApiAnswer] = list(delivery.answered)
        left = list(delivery.api)
        reading = read(vendor, request, answers) if answers else reading
        while isinstance(reading, RequestNeeded):
            unmapped = unmapped_form(reading.form_id, delivery.source, delivery.definition)
            if unmapped is not None:
                self.stopped = quarantined(unmapped)
                break
            answer = _answer(reading, vendor, left) if len(answers) < MOST_REQUESTS else None
            status = int(answer["status"]) if answer else 0
            if answer is None or not 200 <= status < 300:
                self.stopped = _unanswered(status, reading)
                break
            answers.append(ApiAnswer(json.dumps(answer.get("json")).encode()))
            reading = read(vendor, request, answers)
        self.reading = Responses(()) if isinstance(reading, RequestNeeded) else reading

    @property
    def is_list(self) -> bool:
        """Whether the delivery names no response, so that whatever is new is asked for."""
        return self.first is not None and not self.first.response_id


def _answer(needed: RequestNeeded, vendor: Vendor, left: list[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The recorded answer to a request; each is given once."""
    wanted = urlsplit(needed.url)
    if wanted.hostname not in vendor.api_hosts:
        return None
    for answer in left:
        there = urlsplit(str(answer["url"]))
        if (answer["method"], there.netloc, there.path) == (needed.method, wanted.netloc, wanted.path):
            left.remove(answer)
            return answer
    return None


def _unanswered(status: int, needed: RequestNeeded) -> Explained:
    if not status or status in needed.not_yet or status in TRY_LATER or status >= 500:
        return {"action": "defer_fetch", "words": f"the API answered {status or 'nothing'}: it is asked again later"}
    return quarantined(Reason(ReasonCode.API_REFUSED, f"the API answered {status}"))


def _responses(delivery: Recorded, found: _Reading, memory: Memory) -> Explained:
    reading = found.reading
    assert isinstance(reading, Responses)
    fetched = found.first is not None and not found.first.confirms and not found.is_list
    each = [
        response_said(delivery, response, memory, fetched=fetched)
        | ({"delivery_id": response.delivery_id} if response.delivery_id else {})
        for response in reading.each
    ]
    each += [quarantined(reason) for reason in reading.unread]
    if len(each) == 1 and not found.is_list:
        return each[0]
    each = [NOTHING | {"verified": True, "reason": None, "http_status": status_of(Verified())} | one for one in each]
    stored = sum(one["action"] in {"store", "fetch_then_store"} for one in each)
    action = "fetch_list_then_store" if found.is_list else "per_response"
    return {"action": action, "responses": each, "stored_count": stored}
