"""Typeform webhooks: the whole response in one signed JSON body.

Sources: https://www.typeform.com/developers/webhooks/example-payload/ (shape) and
https://www.typeform.com/developers/webhooks/secure-your-webhooks/ (signature). Typeform switches a webhook off when it
sees 404 or 410, and sends the same event again after any other failure. Unverified: whether a response can be edited
(then a new event would carry a later `submitted_at`, which is what counts here).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from services.intake.core.form import Asks, Form, Question, choices
from services.intake.core.json_body import parsed, text_at
from services.intake.core.schemes.hmac_signature import HmacHeader
from services.intake.core.shapes import Shape, put, shaped, unknown_event
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import (
    AnswerValue,
    ApiAnswer,
    Reading,
    Refused,
    Response,
    Responses,
    Secrets,
    Verified,
)
from services.intake.core.webhook import Webhook

SIGNATURE = HmacHeader("Typeform-Signature", prefix="sha256=")
TEXTS = frozenset({"long_text", "short_text"})


class _Field(Shape):
    id: str = ""
    ref: str = ""


class _Choice(Shape):
    label: str | None = None
    other: str | None = None


class _Choices(Shape):
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


class _Asked(Shape):
    id: str = ""
    ref: str = ""
    type: str = ""
    title: str = ""
    choices: tuple[_Choice, ...] = ()
    properties: "_Properties | None" = None

    def questions(self) -> Iterator[Question]:
        """The question, or those of the group or matrix that it stands for."""
        inner = self.properties or _Properties()
        if inner.fields:
            for each in inner.fields:
                yield from each.questions()
            return
        labels = [each.label or "" for each in self.choices or inner.choices]
        question = choices(self.ref or self.id, self.title, zip(labels, labels, strict=True))
        yield Question(question.ref, self.title, Asks.TEXT) if self.type in TEXTS else question


class _Properties(Shape):
    choices: tuple[_Choice, ...] = ()
    fields: tuple[_Asked, ...] = ()


class _Definition(Shape):
    id: str
    fields: tuple[_Asked, ...] = ()
    hidden: tuple[str, ...] = ()

    @property
    def form(self) -> Form:
        """The form that it defines."""
        asked = [question for each in self.fields for question in each.questions()]
        return Form(self.id, (*asked, *(Question(name, asks=Asks.HIDDEN) for name in self.hidden)))


class _FormResponse(Shape):
    form_id: str
    token: str = ""
    submitted_at: datetime | None = None
    hidden: dict[str, Any] | None = None
    answers: tuple[_Answer, ...] = ()
    definition: Any = None


class _Body(Shape):
    event_type: str
    form_response: _FormResponse


@dataclass(frozen=True)
class Typeform(Webhook):
    """Typeform's webhook: HMAC-SHA256 of the raw body, base64, after `sha256=`; the event's id names the delivery."""

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:  # noqa: ARG002
        """The signature covers the raw body and no time, so a replay is stopped by its event id instead."""
        return SIGNATURE.verify(request, secrets)

    def delivery_id(self, request: RawRequest) -> str | None:
        """The event's id, the same in every retry."""
        return text_at(request.body, "event_id")

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """The response that the body holds. Choices become their labels, fields are keyed by their ref."""
        body = shaped(_Body, parsed(request.body), "Typeform")
        if body.event_type not in {"form_response", "form_response_partial"}:
            raise unknown_event("Typeform", "form_response")
        return Responses((_response(body),))

    def forms(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> tuple[Form, ...]:  # noqa: ARG002
        """The definition that goes with each response."""
        defined = shaped(_Body, parsed(request.body), "Typeform").form_response.definition
        return (shaped(_Definition, defined, "Typeform").form,) if defined else ()


def _response(body: _Body) -> Response:
    sent = body.form_response
    answered: dict[str, AnswerValue | None] = {}
    for answer in sent.answers:
        put(answered, answer.field.ref or answer.field.id, answer.value())
    hidden = {key: str(value) for key, value in (sent.hidden or {}).items() if isinstance(value, str | int | float)}
    return Response(
        form_id=sent.form_id,
        response_id=sent.token,
        answers=answered,
        hidden=hidden,
        submitted_at=sent.submitted_at,
        partial=body.event_type == "form_response_partial",
    )
