"""CloudEvents 1.0 over HTTP with talentline's own `data`: structured, batched and binary, with a bearer token.

Source: cloudevents/spec at c2845a49 (spec.md, bindings/http-protocol-binding.md, http-webhook.md). CloudEvents has no
signature: who needs one wraps events in Standard Webhooks (`standardwebhooks`). Formats other than JSON are kept and
set in quarantine. Unverified: nothing; but senders differ in whether OPTIONS carries the token, so a missing one is
let pass there and a wrong one is not.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from services.intake.core import plain_event, probing
from services.intake.core.errors import Reason, ReasonCode, Unreadable
from services.intake.core.json_body import parsed, text_at
from services.intake.core.registering import SECRET, Steps, Wanted
from services.intake.core.schemes import tokens
from services.intake.core.submission import RawRequest
from services.intake.core.text import plain
from services.intake.core.vendor import (
    ApiAnswer,
    Reading,
    Refusal,
    Refused,
    Reply,
    Response,
    Responses,
    Secrets,
    Verified,
)
from services.intake.core.webhook import Webhook

STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
REQUIRED = ("id", "source", "specversion", "type")
VERSION = "1.0"
QUERY_FIELD = "access_token"


@dataclass(frozen=True)
class CloudEvents(Webhook):
    """CloudEvents by webhook; an event's id (unique for its source) names the delivery, a batch has none."""

    def handshake(self, request: RawRequest, secrets: Secrets) -> Reply | Refused | None:
        """OPTIONS asks whether this address wants events: of an origin that knows the token, yes."""
        if request.method != "OPTIONS":
            return None
        verdict = tokens.bearer(request, secrets, query_field=QUERY_FIELD)
        if verdict == Refused(Refusal.BAD_TOKEN):
            return verdict
        origin = next(iter(request.header("WebHook-Request-Origin")), "*")
        safe = origin if origin.isascii() and origin.isprintable() and len(origin) <= 253 else "*"
        return Reply(200, (("WebHook-Allowed-Origin", safe), ("WebHook-Allowed-Rate", "*"), ("Allow", "POST, OPTIONS")))

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:  # noqa: ARG002
        """The token stands in the Authorization header, or in the query field `access_token`."""
        return tokens.bearer(request, secrets, query_field=QUERY_FIELD)

    def delivery_id(self, request: RawRequest) -> str | None:
        """The event's id."""
        if request.header("ce-id"):
            return str(_binary(request)["id"]) or None
        return text_at(request.body, "id")

    def probe(self, mark: str, secrets: Secrets, now: datetime) -> RawRequest | None:  # noqa: ARG002
        """With the token, as the sender has it."""
        token = ("Authorization", f"Bearer {secrets.each[0]}")
        return RawRequest(probing.body_of(mark), (("Content-Type", STRUCTURED), token))

    def steps(self, wanted: Wanted) -> Steps:
        """What the sender must know."""
        return Steps(
            (
                f"Have the sender post CloudEvents 1.0 to {wanted.address}",
                f"Header: Authorization: Bearer {SECRET}",
                f"The data of an event is as docs/vendors.md has it, with form_id {wanted.form_id}.",
            )
        )

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """The responses of the events; in a batch one that can't be read does not hold up the others."""
        kind = next(iter(request.header("content-type")), "").partition(";")[0].strip().lower()
        if kind == BATCH:
            return _batch(parsed(request.body))
        if kind == STRUCTURED:
            return Responses((_response(parsed(request.body)),))
        if kind.startswith("application/cloudevents"):
            words = "the event came in a format that is not read here; have the sender use JSON"
            raise Unreadable(ReasonCode.UNSUPPORTED_FORMAT, words)
        return Responses((_response(_binary(request)),))


def _batch(events: Any) -> Responses:
    if not isinstance(events, list):
        raise Unreadable(ReasonCode.INVALID_EVENT, "a batch of CloudEvents is a JSON list")
    found: list[Response] = []
    unread: list[Reason] = []
    for event in events:
        try:
            found.append(_response(event))
        except Unreadable as error:
            unread.append(error.reason)
    return Responses(tuple(found), tuple(unread))


def _binary(request: RawRequest) -> dict[str, Any]:
    """An event in binary mode as if it were structured: attributes from the headers, percent-encoded UTF-8."""
    event: dict[str, Any] = {
        name.lower().removeprefix("ce-"): plain(unquote(value.strip().strip('"')))
        for name, value in request.headers
        if name.lower().startswith("ce-")
    }
    kind = next(iter(request.header("content-type")), "")
    return event | {"datacontenttype": kind, "raw": request.body}


def _response(event: Any) -> Response:
    if not isinstance(event, dict):
        raise Unreadable(ReasonCode.INVALID_EVENT, "this is no CloudEvent")
    missing = [name for name in REQUIRED if not (isinstance(event.get(name), str) and event[name])]
    if missing or event["specversion"] != VERSION:
        what = f"lacks {', '.join(missing)}" if missing else f"is not of version {VERSION}"
        raise Unreadable(ReasonCode.INVALID_EVENT, f"the event {what}, so it is no CloudEvent that can be read")
    time = event.get("time")
    said = plain_event.response_of(_data(event), "docs/vendors.md", time if isinstance(time, str) else None)
    return replace(said, delivery_id=event["id"])


def _data(event: Mapping[str, Any]) -> Any:
    """What the event says, from its JSON."""
    kind = event.get("datacontenttype") or "application/json"
    media = kind.partition(";")[0].strip().lower() if isinstance(kind, str) else ""
    if media != "application/json" and not media.endswith("+json"):
        raise Unreadable(ReasonCode.UNSUPPORTED_FORMAT, "the event's data is not JSON; have the sender use JSON")
    if "raw" in event and isinstance(event["raw"], bytes):
        return parsed(event["raw"])
    encoded = event.get("data_base64")
    if isinstance(encoded, str):
        try:
            return parsed(base64.b64decode(encoded.encode(), validate=True))
        except ValueError:
            raise Unreadable(ReasonCode.INVALID_EVENT, "`data_base64` is no base64") from None
    return event.get("data")
