"""Typeform webhooks: the whole response in one signed JSON body.

Sources: https://www.typeform.com/developers/webhooks/example-payload/ (shape) and
https://www.typeform.com/developers/webhooks/secure-your-webhooks/ (signature). Typeform switches a webhook off when it
sees 404 or 410, and sends the same event again after any other failure. Webhooks are made by PUT under a tag
(/developers/webhooks/reference/create-or-update-webhook), responses listed newest first
(/developers/responses/reference/retrieve-responses; the newest may be missing for half an hour), a form defined
(/developers/create/reference/retrieve-form). Unverified: the API's host of accounts in Europe (setting `api_host`);
whether a response can be edited (then a new event would carry a later `submitted_at`, which is what counts here).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from services.intake.core.api import json_request, responses_of, segment
from services.intake.core.form import Asks, Form, Question, choices
from services.intake.core.json_body import parsed
from services.intake.core.polling import Backfilled, Turned, form_of, moved_on, with_query
from services.intake.core.proofs import SignedBody
from services.intake.core.registering import Change, Outcome, Registered, Wanted, changed
from services.intake.core.schemes.hmac_signature import HmacHeader
from services.intake.core.shapes import Shape, put, shaped, unknown_event
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import (
    TOKEN,
    AnswerValue,
    ApiAnswer,
    Pace,
    Reading,
    RequestNeeded,
    Response,
    Responses,
)
from services.intake.core.webhook import setting

TOOL = "Typeform"
PROOF = ("Authorization", f"Bearer {TOKEN}")
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


class _Item(_FormResponse):
    """A response as the API lists it: its form is the one that was asked for."""

    form_id: str = ""
    response_type: str = "completed"


class _Page(Shape):
    page_count: int = 1
    items: tuple[Any, ...] = ()


class _Hook(Shape):
    tag: str
    url: str = ""
    enabled: bool = False
    verify_ssl: bool | None = None


class _Hooks(Shape):
    items: tuple[_Hook, ...] = ()


class _Body(Shape):
    event_type: str
    form_response: _FormResponse


@dataclass(frozen=True)
class Typeform(Backfilled, SignedBody):
    """Typeform's webhook: HMAC-SHA256 of the raw body, base64, after `sha256=`; the event's id names the delivery."""

    signature: ClassVar[HmacHeader] = SIGNATURE
    id_field: ClassVar[str] = "event_id"

    page_size: ClassVar[int] = 250

    api_host: str = setting("host of the API; api.eu.typeform.com for accounts in Europe", "api.typeform.com")

    @property
    def pace(self) -> Pace:
        """Two a second for each token."""
        return Pace(per_minute=120)

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """The response that the body holds. Choices become their labels, fields are keyed by their ref."""
        body = shaped(_Body, parsed(request.body), "Typeform")
        if body.event_type not in {"form_response", "form_response_partial"}:
            raise unknown_event("Typeform", "form_response")
        return Responses((_response(body.form_response, partial=body.event_type == "form_response_partial"),))

    def ask(self, form_id: str, cursor: str | None) -> RequestNeeded:
        """The newest responses since a moment."""
        wanted = {"page_size": self.page_size} | ({"since": cursor} if cursor else {})
        url = f"{self._forms(form_id)}/responses"
        return json_request("GET", url, PROOF, form_id=form_id, query=wanted)

    def turned(self, cursor: str | None, asked: RequestNeeded, answer: ApiAnswer) -> Turned:
        """Older ones, before the last of the page."""
        page = shaped(_Page, parsed(answer.body), TOOL)
        items = [shaped(_Item, each, TOOL) for each in page.items if isinstance(each, dict)]
        more = with_query(asked, before=items[-1].token) if items and page.page_count > 1 else None
        return Turned(moved_on(cursor, [each.submitted_at for each in items]), more)

    def read_page(self, page: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """Responses as in the webhook, but for the event around them."""
        form = {"form_id": form_of(page)}

        def read(sent: Any) -> Response:
            item = shaped(_Item, sent, TOOL).model_copy(update=form)
            return _response(item, partial=item.response_type != "completed")

        return responses_of(shaped(_Page, parsed(page.body), TOOL).items, read)

    def register(self, wanted: Wanted, answers: Sequence[ApiAnswer]) -> RequestNeeded | Change | Registered:
        """PUT under the connection's name as tag, if what is there differs."""
        url = f"{self._forms(wanted.form_id)}/webhooks"
        if not answers:
            return json_request("GET", url, PROOF)
        hooks = shaped(_Hooks, parsed(answers[0].body), TOOL).items
        there = next((each for each in hooks if each.tag == wanted.connection), None)
        if there and (there.url, there.enabled) == (wanted.address, True) and not wanted.anew:
            return Registered(Outcome.UNCHANGED)
        hook = {"url": wanted.address, "enabled": True, "secret": wanted.secret, "verify_ssl": True}
        events = {"event_types": {"form_response": True}}
        put = json_request("PUT", f"{url}/{quote(wanted.connection, safe='')}", PROOF, hook | events)
        return changed(there is not None, put)

    def _forms(self, form: str) -> str:
        return f"https://{self.api_host}/forms/{segment(form, TOOL)}"

    def forms(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> tuple[Form, ...]:  # noqa: ARG002
        """The definition that goes with each response."""
        defined = shaped(_Body, parsed(request.body), "Typeform").form_response.definition
        return (shaped(_Definition, defined, "Typeform").form,) if defined else ()

    def define(self, form_id: str, answers: Sequence[ApiAnswer] = ()) -> Form | RequestNeeded | None:
        """GET of the form, which has the shape of the definition in a delivery."""
        if answers:
            return shaped(_Definition, parsed(answers[0].body), TOOL).form
        return json_request("GET", self._forms(form_id), PROOF, form_id=form_id)


def _response(sent: _FormResponse, *, partial: bool) -> Response:
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
        partial=partial,
    )
