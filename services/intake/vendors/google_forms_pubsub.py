"""Google Forms by watch and Pub/Sub push: the message says that a form has responses; the API lists them.

Sources: https://developers.google.com/forms/api/guides/push-notifications, the discovery document of forms v1, and
https://docs.cloud.google.com/pubsub/docs/authenticate-push-subscriptions. The message names a form and no response,
so responses are listed from the moment up to which they are known (`SINCE`), and those known already change nothing.
A watch lasts seven days: workers renew it, also one that Google has suspended; back-fill finds what a lost one missed.
Who sends is proven by a token that Google signed: the connection's
secret is the e-mail address of the service account that pushes (several while it changes), and `audience` what was
agreed for it. Unverified: whether Google throttles notifications to one in 30 s.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from pydantic import Field, ValidationError

from services.intake.core.api import json_request, responses_of, segment
from services.intake.core.errors import Reason, ReasonCode, Unreadable
from services.intake.core.form import Asks, Form, Question, choices
from services.intake.core.json_body import parsed
from services.intake.core.polling import Backfilled, Turned, form_of, moved_on, with_query
from services.intake.core.registering import Change, Outcome, Registered, Wanted
from services.intake.core.schemes import signed_token
from services.intake.core.shapes import Shape, moment, shaped, unknown_event
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import (
    SINCE,
    TOKEN,
    AnswerValue,
    ApiAnswer,
    NothingSaid,
    Reading,
    Refusal,
    Refused,
    RequestNeeded,
    Response,
    Responses,
    Secrets,
    Verified,
)
from services.intake.core.webhook import Webhook, setting

TOOL = "Google Forms"
API = "forms.googleapis.com"
ISSUERS = ("https://accounts.google.com", "accounts.google.com")
KEYS = "https://www.googleapis.com/oauth2/v3/certs"
PAGE = 1000
PROOF = ("Authorization", f"Bearer {TOKEN}")


class _Attributes(Shape):
    eventType: str = ""  # noqa: N815  (the sender's names)
    formId: str = ""  # noqa: N815


class _Message(Shape):
    messageId: str  # noqa: N815
    attributes: _Attributes = _Attributes()


class _Push(Shape):
    message: _Message


class _Text(Shape):
    value: str = ""


class _Texts(Shape):
    answers: tuple[_Text, ...] = ()


class _Answered(Shape):
    textAnswers: _Texts | None = None  # noqa: N815


class _FormResponse(Shape):
    responseId: str  # noqa: N815
    createTime: str | None = None  # noqa: N815
    lastSubmittedTime: str | None = None  # noqa: N815
    respondentEmail: str | None = None  # noqa: N815
    answers: dict[str, _Answered] = Field(default_factory=dict)


class _Page(Shape):
    responses: tuple[Any, ...] = ()
    nextPageToken: str | None = None  # noqa: N815


class _Topic(Shape):
    topicName: str = ""  # noqa: N815


class _Target(Shape):
    topic: _Topic = _Topic()


class _Watch(Shape):
    id: str
    eventType: str = ""  # noqa: N815
    expireTime: str | None = None  # noqa: N815
    target: _Target = _Target()


class _Watches(Shape):
    watches: tuple[_Watch, ...] = ()


class _Options(Shape):
    options: tuple[_Text, ...] = ()


class _Scale(Shape):
    low: int = 1
    high: int = 5


class _Row(Shape):
    title: str = ""


class _Asked(Shape):
    questionId: str  # noqa: N815
    choiceQuestion: _Options | None = None  # noqa: N815
    scaleQuestion: _Scale | None = None  # noqa: N815
    textQuestion: Any = None  # noqa: N815
    rowQuestion: _Row | None = None  # noqa: N815


class _One(Shape):
    question: _Asked


class _Grid(Shape):
    columns: _Options = _Options()


class _Group(Shape):
    questions: tuple[_Asked, ...] = ()
    grid: _Grid = _Grid()


class _Item(Shape):
    """An item of a form: a question, a group of them (a grid), or something that asks nothing."""

    title: str = ""
    questionItem: _One | None = None  # noqa: N815
    questionGroupItem: _Group | None = None  # noqa: N815

    def questions(self) -> Iterator[Question]:
        """What it asks; of a grid each row."""
        if self.questionItem:
            asked = self.questionItem.question
            plain = asked.textQuestion is not None
            yield (
                Question(asked.questionId, self.title, Asks.TEXT)
                if plain and _wants_words(asked.textQuestion)
                else choices(asked.questionId, self.title, _offered(asked))
            )
        if self.questionGroupItem:
            columns = [(each.value, each.value) for each in self.questionGroupItem.grid.columns.options]
            for row in self.questionGroupItem.questions:
                yield choices(row.questionId, row.rowQuestion.title if row.rowQuestion else "", columns)


class _Form(Shape):
    formId: str  # noqa: N815
    items: tuple[_Item, ...] = ()


@dataclass(frozen=True)
class GoogleFormsPubSub(Backfilled, Webhook):
    """Pub/Sub's push: a bearer token of a service account; the message's id names the delivery."""

    audience: str = setting("the audience of the push subscription's token, as set there (often the webhook's address)")

    topic: str = setting(
        "the Pub/Sub topic that watches tell, such as projects/PROJECT/topics/TOPIC, so that they can be made", ""
    )

    def _is_right(self, name: str, value: str) -> bool:
        right = super()._is_right(name, value)
        return right and (name != "topic" or bool(re.fullmatch(r"projects/[^/\s]+/topics/[^/\s]+", value)))

    @property
    def api_hosts(self) -> frozenset[str]:
        """The API of Google Forms."""
        return frozenset({API})

    @property
    def keys_url(self) -> str | None:
        """Google's public keys, which change every few days."""
        return KEYS

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:
        """The token is Google's, of the service account agreed, for this address, and still valid."""
        if not secrets.each:
            return Refused(Refusal.SECRET_NOT_SET)
        expected = signed_token.Expected(ISSUERS, self.audience, secrets.each)
        return signed_token.verify(request, secrets, expected, now)

    def delivery_id(self, request: RawRequest) -> str | None:
        """The message's id, the same in every retry."""
        try:
            return _Push.model_validate(parsed(request.body)).message.messageId
        except (ValidationError, Unreadable):
            return None

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:
        """The form's responses since what is known, page by page; the token in an answer leads to the next."""
        about = shaped(_Push, parsed(request.body), TOOL).message.attributes
        if about.eventType == "SCHEMA":
            words = f"somebody changed the questions of form {about.formId[:100]}; check that its mapping still holds"
            return NothingSaid(Reason(ReasonCode.FORM_CHANGED, words))
        if about.eventType != "RESPONSES" or not re.fullmatch(r"[A-Za-z0-9_-]{1,200}", about.formId):
            raise unknown_event(TOOL, "RESPONSES")
        pages = [shaped(_Page, parsed(answer.body), TOOL) for answer in answers]
        following = pages[-1].nextPageToken if pages else ""
        if following is not None and (following or not pages):
            return _list(about.formId, following)
        found = [_responses(about.formId, page) for page in pages]
        return Responses(
            tuple(each for some in found for each in some.each), tuple(each for some in found for each in some.unread)
        )

    def ask(self, form_id: str, cursor: str | None) -> RequestNeeded:
        """The form's responses since a moment, new and edited."""
        wanted = {"pageSize": PAGE} | ({"filter": f"timestamp >= {cursor}"} if cursor else {})
        url = f"https://{API}/v1/forms/{segment(form_id, TOOL)}/responses"
        return json_request("GET", url, PROOF, form_id=form_id, query=wanted)

    def turned(self, cursor: str | None, asked: RequestNeeded, answer: ApiAnswer) -> Turned:
        """Page after page, by the token in the answer."""
        page = shaped(_Page, parsed(answer.body), TOOL)
        times = [moment(str(each.get("lastSubmittedTime") or "")) for each in page.responses if isinstance(each, dict)]
        more = with_query(asked, pageToken=page.nextPageToken) if page.nextPageToken else None
        return Turned(moved_on(cursor, times), more)

    def read_page(self, page: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """Responses, as a notification leads to them."""
        return _responses(form_of(page), shaped(_Page, parsed(page.body), TOOL))

    def register(self, wanted: Wanted, answers: Sequence[ApiAnswer]) -> RequestNeeded | Change | Registered:
        """A watch that tells the topic: one that is there is renewed, else one is made."""
        if not self.topic:
            raise Unreadable(
                ReasonCode.UNEXPECTED_SHAPE, "the connection's setting `topic` is missing: without it no watch is made"
            )
        url = f"https://{API}/v1/forms/{segment(wanted.form_id, TOOL)}/watches"
        if not answers:
            return json_request("GET", url, PROOF)
        there = [
            each
            for each in shaped(_Watches, parsed(answers[0].body), TOOL).watches
            if (each.eventType, each.target.topic.topicName) == ("RESPONSES", self.topic)
        ]
        if there:
            renewal = json_request("POST", f"{url}/{segment(there[0].id, TOOL)}:renew", PROOF, {})
            return Change(renewal, Outcome.CHANGED, lambda answer: _watched(Outcome.CHANGED, answer))
        watch = {"watch": {"target": {"topic": {"topicName": self.topic}}, "eventType": "RESPONSES"}}
        return Change(
            json_request("POST", url, PROOF, watch), Outcome.MADE, lambda answer: _watched(Outcome.MADE, answer)
        )

    def define(self, form_id: str, answers: Sequence[ApiAnswer] = ()) -> Form | RequestNeeded | None:
        """The form itself: its token needs the scope `forms.body.readonly`."""
        if answers:
            form = shaped(_Form, parsed(answers[0].body), TOOL)
            return Form(form.formId, tuple(question for item in form.items for question in item.questions()))
        return json_request("GET", f"https://{API}/v1/forms/{segment(form_id, TOOL)}", PROOF, form_id=form_id)


def _watched(outcome: Outcome, answer: ApiAnswer) -> Registered:
    return Registered(outcome, until=shaped(_Watch, parsed(answer.body), TOOL).expireTime)


def _offered(asked: _Asked) -> list[tuple[str, str]]:
    if asked.scaleQuestion:
        return [(str(step), str(step)) for step in range(asked.scaleQuestion.low, asked.scaleQuestion.high + 1)][:20]
    return [(each.value, each.value) for each in (asked.choiceQuestion or _Options()).options]


def _wants_words(text: Any) -> bool:
    """Whether it is a paragraph: a short text may be a pre-filled id as well."""
    return isinstance(text, dict) and text.get("paragraph") is True


def _list(form: str, page: str) -> RequestNeeded:
    wanted = f"filter={quote('timestamp >= ', safe='')}{SINCE}&pageSize={PAGE}"
    after = f"&pageToken={quote(page, safe='')}" if page else ""
    return RequestNeeded(
        "GET",
        f"https://{API}/v1/forms/{form}/responses?{wanted}{after}",
        (("Authorization", f"Bearer {TOKEN}"), ("Accept", "application/json")),
        form_id=form,
    )


def _responses(form: str, page: _Page) -> Responses:
    return responses_of(page.responses, lambda sent: _response(form, shaped(_FormResponse, sent, TOOL)))


def _response(form: str, sent: _FormResponse) -> Response:
    answered: dict[str, AnswerValue | None] = {}
    for question, answer in sent.answers.items():
        values = tuple(text.value for text in (answer.textAnswers.answers if answer.textAnswers else ()) if text.value)
        if values:
            answered[question] = values[0] if len(values) == 1 else values
    if sent.respondentEmail:
        answered["respondentEmail"] = sent.respondentEmail
    last = sent.lastSubmittedTime or sent.createTime
    return Response(
        form_id=form,
        response_id=sent.responseId,
        answers=answered,
        hidden={},
        submitted_at=moment(last),
        revision=last,
        revised_at=moment(last),
    )
