"""Typeform webhooks: the whole response in one signed JSON body.

Sources: https://www.typeform.com/developers/webhooks/example-payload/ (shape) and
https://www.typeform.com/developers/webhooks/secure-your-webhooks/ (signature). Typeform switches a webhook off when it
sees 404 or 410, and sends the same event again after any other failure.
"""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.intake.core.errors import ReasonCode, Unreadable
from services.intake.core.json_body import parsed, text_at
from services.intake.core.signatures import signed
from services.intake.core.submission import RawRequest
from services.intake.core.text import listed
from services.intake.core.vendor import (
    AnswerValue,
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

HEADER = "Typeform-Signature"
PREFIX = "sha256="


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Field(_Shape):
    id: str = ""
    ref: str = ""


class _Choice(_Shape):
    label: str | None = None
    other: str | None = None


class _Choices(_Shape):
    labels: tuple[str, ...] = ()
    other: str | None = None


class _Answer(BaseModel):
    """An answer names its type, and its value stands under that name; types that are not listed here are text."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str
    field: _Field
    choice: _Choice | None = None
    choices: _Choices | None = None
    number: float | None = Field(default=None, strict=True)
    boolean: bool | None = Field(default=None, strict=True)

    def value(self) -> AnswerValue | None:
        """The label, labels, number or text; None for what can't be a rating or a comment, such as a payment."""
        if self.choice is not None:
            return self.choice.label or self.choice.other
        if self.choices is not None:
            return (*self.choices.labels, *([self.choices.other] if self.choices.other else []))
        if self.boolean is not None:
            return str(self.boolean).lower()
        if self.number is not None:
            return self.number
        text = (self.model_extra or {}).get(self.type)
        return text if isinstance(text, str) else None


class _FormResponse(_Shape):
    form_id: str
    token: str = ""
    submitted_at: datetime | None = None
    hidden: dict[str, Any] | None = None
    answers: tuple[_Answer, ...] = ()


class _Body(_Shape):
    event_type: str
    form_response: _FormResponse


class Typeform:
    """Typeform's webhook: HMAC-SHA256 of the raw body, base64, after `sha256=`; the event's id names the delivery."""

    api_hosts: frozenset[str] = frozenset()

    def handshake(self, request: RawRequest, secrets: Secrets) -> Reply | None:  # noqa: ARG002
        """Typeform does not ask before it sends."""
        return None

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:  # noqa: ARG002
        """The signature covers the raw body and no time, so a replay is stopped by its event id instead."""
        if not secrets.each:
            return Refused(Refusal.SECRET_NOT_SET)
        values = [value.strip() for value in request.header(HEADER)]
        if not any(values):
            return Refused(Refusal.MISSING_SIGNATURE)
        given = [value.removeprefix(PREFIX).encode() for value in values if value.startswith(PREFIX)]
        if not given:
            return Refused(Refusal.MALFORMED_SIGNATURE)
        good = signed(request.body, secrets.each, given, encode=base64.b64encode)
        return Verified() if good else Refused(Refusal.SIGNATURE_MISMATCH)

    def delivery_id(self, request: RawRequest) -> str | None:
        """The event's id, the same in every retry."""
        return text_at(request.body, "event_id")

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """The response that the body holds. Choices become their labels, fields are keyed by their ref."""
        try:
            body = _Body.model_validate(parsed(request.body))
        except ValidationError as error:
            raise _unreadable(error) from None
        if body.event_type not in {"form_response", "form_response_partial"}:
            raise Unreadable(
                ReasonCode.UNKNOWN_EVENT,
                "Typeform sent an event of a kind that holds no response; in the webhook's settings choose only"
                " “form_response”, and leave this delivery where it is",
            )
        return Responses((_response(body),))


def _response(body: _Body) -> Response:
    sent = body.form_response
    answered: dict[str, AnswerValue] = {}
    for answer in sent.answers:
        name, value = answer.field.ref or answer.field.id, answer.value()
        if value is None or not name:
            continue
        if answered.setdefault(name, value) != value:
            raise Unreadable(ReasonCode.CONTRADICTION, f"field {name} is answered twice, differently; ask for it again")
    hidden = {key: str(value) for key, value in (sent.hidden or {}).items() if isinstance(value, str | int | float)}
    return Response(
        form_id=sent.form_id,
        response_id=sent.token,
        answers=answered,
        hidden=hidden,
        submitted_at=sent.submitted_at,
        partial=body.event_type == "form_response_partial",
    )


def _unreadable(error: ValidationError) -> Unreadable:
    """Says where the body is not as documented, without quoting what stands there."""
    mistakes = error.errors(include_input=False, include_url=False, include_context=False)
    places = [".".join(str(part) for part in mistake["loc"]) or "the body" for mistake in mistakes]
    return Unreadable(
        ReasonCode.UNEXPECTED_SHAPE,
        f"the body is not what Typeform documents (look at {listed(places, most=5)}); check that the webhook is"
        " Typeform's own",
    )
