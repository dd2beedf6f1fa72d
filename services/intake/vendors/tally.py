"""Tally webhooks: the whole response in one signed JSON body; choices are lists of option ids.

Sources: https://tally.so/help/webhooks and https://developers.tally.so (envelope, signature, retries); the shape of a
matrix is from public samples. Unverified: the vendor's sample code signs `JSON.stringify(body)`, which gives the raw
bytes as sent; whether edited submissions are sent again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.intake.core.form import Asks, Form, Question, choices
from services.intake.core.json_body import parsed, text_at
from services.intake.core.schemes.hmac_signature import HmacHeader
from services.intake.core.shapes import Shape, answer_of, moment, put, shaped, unknown_event
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

SIGNATURE = HmacHeader("Tally-Signature")
HIDDEN = "HIDDEN_FIELDS"
TEXTS = frozenset({"TEXTAREA", "INPUT_TEXT"})


class _Option(Shape):
    id: str
    text: str | None = None


class _Field(Shape):
    key: str
    label: str | None = None
    type: str
    value: Any = None
    options: tuple[_Option, ...] | None = None
    rows: tuple[_Option, ...] | None = None
    columns: tuple[_Option, ...] | None = None

    def answers(self) -> Iterator[tuple[str, AnswerValue | None]]:
        """The answer under the field's key; of a matrix each row's, under `key.row` and under the row's own id."""
        if isinstance(self.value, dict):
            for row, chosen in self.value.items():
                label = _labels(chosen, self.columns)
                yield f"{self.key}.{row}", label
                yield row, label
            return
        yield self.key, _labels(self.value, self.options)

    def questions(self) -> Iterator[Question]:
        """What it asks; of a matrix each row."""
        if self.type == HIDDEN:
            yield Question(self.label or self.key, asks=Asks.HIDDEN)
        elif self.rows:
            for row in self.rows:
                yield choices(f"{self.key}.{row.id}", row.text or "", _said(self.columns))
        else:
            question = choices(self.key, self.label or "", _said(self.options))
            yield Question(self.key, question.title, Asks.TEXT) if self.type in TEXTS else question


class _Data(Shape):
    responseId: str  # noqa: N815
    formId: str  # noqa: N815
    createdAt: str | None = None  # noqa: N815
    fields: tuple[_Field, ...] = ()


class _Body(Shape):
    eventType: str  # noqa: N815
    data: _Data | None = None


@dataclass(frozen=True)
class Tally(Webhook):
    """Tally's webhook: HMAC-SHA256 of the raw body, base64; the event's id names the delivery."""

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:  # noqa: ARG002
        """The signature covers the raw body and no time."""
        return SIGNATURE.verify(request, secrets)

    def delivery_id(self, request: RawRequest) -> str | None:
        """The event's id, the same in every retry."""
        return text_at(request.body, "eventId")

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """The response that the body holds. Option ids become their texts, fields are keyed by their key."""
        body = shaped(_Body, parsed(request.body), "Tally")
        if body.eventType != "FORM_RESPONSE" or body.data is None:
            raise unknown_event("Tally", "FORM_RESPONSE")
        return Responses((_response(body.data),))

    def forms(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> tuple[Form, ...]:  # noqa: ARG002
        """Labels and options stand beside the answers."""
        sent = shaped(_Body, parsed(request.body), "Tally").data
        asked = [question for field in sent.fields for question in field.questions()] if sent else []
        return (Form(sent.formId, tuple(asked)),) if sent else ()


def _response(sent: _Data) -> Response:
    answered: dict[str, AnswerValue | None] = {}
    hidden: dict[str, str] = {}
    for field in sent.fields:
        if field.type == HIDDEN:
            hidden |= {field.label or field.key: str(field.value)} if isinstance(field.value, str | int | float) else {}
            continue
        for name, value in field.answers():
            put(answered, name, value)
    return Response(
        form_id=sent.formId,
        response_id=sent.responseId,
        answers=answered,
        hidden=hidden,
        submitted_at=moment(sent.createdAt),
    )


def _said(options: tuple[_Option, ...] | None) -> Iterator[tuple[str, str]]:
    """Options as they are read: by their texts."""
    return ((option.text or option.id, option.text or option.id) for option in options or ())


def _labels(value: Any, options: tuple[_Option, ...] | None) -> AnswerValue | None:
    """Option ids as their texts; what is no option id (a text, a number) as it is."""
    texts = {option.id: option.text or option.id for option in options or ()}
    if not isinstance(value, list):
        return texts.get(value, value) if isinstance(value, str) else answer_of(value)
    labels = tuple(texts.get(each, each) for each in value if isinstance(each, str))
    return labels[0] if len(labels) == 1 else labels or None
