"""Tally webhooks: the whole response in one signed JSON body; choices are lists of option ids.

Sources: https://tally.so/help/webhooks and https://developers.tally.so (envelope, signature, retries); the shape of a
matrix is from public samples; webhooks and submissions by the API there. Unverified, each one line below: the vendor's
sample code signs `JSON.stringify(body)`, which gives the raw bytes as sent; whether edited submissions are sent again;
how the API names fields (`_key`) and gives hidden ones (`_listed_hidden`); that PATCH changes a webhook (`register`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from services.intake.core.api import json_request, responses_of, segment
from services.intake.core.form import Asks, Form, Question, choices
from services.intake.core.json_body import parsed
from services.intake.core.polling import Backfilled, Turned, moved_on, with_query
from services.intake.core.proofs import SignedBody
from services.intake.core.registering import Change, Outcome, Registered, Wanted, changed
from services.intake.core.schemes.hmac_signature import HmacHeader
from services.intake.core.shapes import Shape, answer_of, moment, put, shaped, texts_of, unknown_event
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

TOOL = "Tally"
SIGNATURE = HmacHeader("Tally-Signature")
PROOF = ("Authorization", f"Bearer {TOKEN}")
API = "api.tally.so"
PAGE = 200
EVENTS = ["FORM_RESPONSE"]
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


class _Given(Shape):
    questionId: str  # noqa: N815
    answer: Any = None


class _Submission(Shape):
    id: str
    formId: str  # noqa: N815
    isCompleted: bool = True  # noqa: N815
    submittedAt: str | None = None  # noqa: N815
    responses: tuple[_Given, ...] = ()


class _Part(Shape):
    uuid: str = ""
    title: str | None = None


class _Question(Shape):
    id: str
    type: str = ""
    title: str | None = None
    fields: tuple[_Part, ...] = ()

    def asked(self) -> Iterator[Question]:
        """What it asks, as far as the API tells: no options, no rows."""
        if self.type == HIDDEN:
            names = [part.title or part.uuid for part in self.fields] or [self.title or self.id]
            yield from (Question(name, asks=Asks.HIDDEN) for name in names)
        else:
            kind = Asks.TEXT if self.type in TEXTS else Asks.ANYTHING
            yield Question(_key(self.id), self.title or "", kind)


class _Questions(Shape):
    questions: tuple[_Question, ...] = ()


class _Page(Shape):
    page: int = 1
    hasMore: bool = False  # noqa: N815
    questions: tuple[_Question, ...] = ()
    submissions: tuple[Any, ...] = ()


class _Hook(Shape):
    id: str
    formId: str = ""  # noqa: N815
    url: str = ""
    isEnabled: bool = True  # noqa: N815


class _Hooks(Shape):
    webhooks: tuple[_Hook, ...] = ()
    page: int = 1
    hasMore: bool = False  # noqa: N815


@dataclass(frozen=True)
class Tally(Backfilled, SignedBody):
    """Tally's webhook: HMAC-SHA256 of the raw body, base64; the event's id names the delivery."""

    signature: ClassVar[HmacHeader] = SIGNATURE
    id_field: ClassVar[str] = "eventId"

    @property
    def api_hosts(self) -> frozenset[str]:
        """Tally's API."""
        return frozenset({API})

    @property
    def pace(self) -> Pace:
        """A hundred a minute."""
        return Pace(per_minute=100)

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """The response that the body holds. Option ids become their texts, fields are keyed by their key."""
        body = shaped(_Body, parsed(request.body), "Tally")
        if body.eventType != "FORM_RESPONSE" or body.data is None:
            raise unknown_event("Tally", "FORM_RESPONSE")
        return Responses((_response(body.data),))

    def ask(self, form_id: str, cursor: str | None) -> RequestNeeded:  # noqa: ARG002  (there is no filter by time)
        """The newest submissions, finished or not."""
        wanted = {"page": 1, "limit": PAGE, "filter": "all"}
        return json_request(
            "GET", f"https://{API}/forms/{segment(form_id, TOOL)}/submissions", PROOF, form_id=form_id, query=wanted
        )

    def turned(self, cursor: str | None, asked: RequestNeeded, answer: ApiAnswer) -> Turned:
        """Older pages, until one is older than the cursor."""
        page = shaped(_Page, parsed(answer.body), TOOL)
        sent = [moment(str(each.get("submittedAt") or "")) for each in page.submissions if isinstance(each, dict)]
        known = moment(cursor)
        times = [each for each in sent if each is not None]
        is_old = known is not None and bool(times) and min(times) < known
        more = with_query(asked, page=page.page + 1) if page.hasMore and not is_old else None
        return Turned(moved_on(cursor, times), more)

    def read_page(self, page: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """Submissions as the API lists them: questions apart from their answers, choices as texts."""
        listed = shaped(_Page, parsed(page.body), TOOL)
        questions = {each.id: each for each in listed.questions}
        return responses_of(listed.submissions, lambda sent: _listed(shaped(_Submission, sent, TOOL), questions))

    def register(self, wanted: Wanted, answers: Sequence[ApiAnswer]) -> RequestNeeded | Change | Registered:
        """POST, or PATCH where the form has a webhook to this address already."""
        pages = [shaped(_Hooks, parsed(each.body), TOOL) for each in answers]
        last = pages[-1] if pages else None
        if last is None or last.hasMore:
            query = {"page": last.page + 1 if last else 1}
            return json_request("GET", f"https://{API}/webhooks", PROOF, query=query)
        hooks = [each for page in pages for each in page.webhooks]
        there = next((each for each in hooks if (each.formId, each.url) == (wanted.form_id, wanted.address)), None)
        if there and there.isEnabled and not wanted.anew:
            return Registered(Outcome.UNCHANGED)
        hook = {"formId": wanted.form_id, "url": wanted.address, "eventTypes": EVENTS, "signingSecret": wanted.secret}
        if there:
            url = f"https://{API}/webhooks/{segment(there.id, TOOL)}"
            return changed(True, json_request("PATCH", url, PROOF, hook | {"isEnabled": True}))
        return changed(False, json_request("POST", f"https://{API}/webhooks", PROOF, hook))

    def forms(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> tuple[Form, ...]:  # noqa: ARG002
        """Labels and options stand beside the answers."""
        sent = shaped(_Body, parsed(request.body), "Tally").data
        asked = [question for field in sent.fields for question in field.questions()] if sent else []
        return (Form(sent.formId, tuple(asked)),) if sent else ()

    def define(self, form_id: str, answers: Sequence[ApiAnswer] = ()) -> Form | RequestNeeded | None:
        """The form's questions; their options show in a delivery only."""
        if answers:
            listed = shaped(_Questions, parsed(answers[0].body), TOOL).questions
            return Form(form_id, tuple(question for each in listed for question in each.asked()))
        return json_request("GET", f"https://{API}/forms/{segment(form_id, TOOL)}/questions", PROOF, form_id=form_id)


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


def _listed(sent: _Submission, questions: Mapping[str, _Question]) -> Response:
    answered: dict[str, AnswerValue | None] = {}
    hidden: dict[str, str] = {}
    for given in sent.responses:
        question = questions.get(given.questionId, _Question(id=given.questionId))
        if question.type == HIDDEN:
            hidden |= _listed_hidden(question, given.answer)
        elif isinstance(given.answer, dict):
            for row, chosen in given.answer.items():
                put(answered, f"{_key(given.questionId)}.{row}", _labels(chosen, None))
        else:
            put(answered, _key(given.questionId), _labels(given.answer, None))
    return Response(
        form_id=sent.formId,
        response_id=sent.id,
        answers=answered,
        hidden=hidden,
        submitted_at=moment(sent.submittedAt),
        partial=not sent.isCompleted,
    )


def _key(question: str) -> str:
    """The field as the webhook names it."""
    return f"question_{question}"


def _listed_hidden(question: _Question, answer: Any) -> dict[str, str]:
    """Hidden fields: one by its question's title, or several by the ids of the question's parts."""
    names = {part.uuid: part.title or part.uuid for part in question.fields}
    several = answer if isinstance(answer, dict) else {question.title or question.id: answer}
    return texts_of({names.get(name, name): value for name, value in several.items()})


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
