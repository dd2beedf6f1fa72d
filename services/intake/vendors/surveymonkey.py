"""SurveyMonkey webhooks: thin. The notification names a response; two requests to the API give its answers.

Source: SurveyMonkey/public_api_docs (includes/_webhooks.md, _responses.md, _surveys.md, _overview.md). The signature's
key is the app's client id, `&`, and its secret; there is no time in it. `response_updated` comes once for each page. A
private app may ask 120 times a minute and 500 times a day, so the survey's details are asked for once (`same_for_all`).
Unverified: retries, and when a webhook is switched off.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.intake.core.errors import Reason, ReasonCode, Unreadable
from services.intake.core.form import Asks, Form, Question, choices
from services.intake.core.json_body import parsed, text_at
from services.intake.core.schemes.hmac_signature import HmacHeader
from services.intake.core.shapes import Shape, moment, shaped, texts_of, unknown_event
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import (
    TOKEN,
    AnswerValue,
    ApiAnswer,
    NothingSaid,
    Reading,
    Refusal,
    Refused,
    Reply,
    RequestNeeded,
    Response,
    Responses,
    Secrets,
    Verified,
)
from services.intake.core.webhook import Webhook, setting

TOOL = "SurveyMonkey"
READABLE = frozenset({"response_completed", "response_updated", "response_created"})
SCREENED = frozenset({"response_disqualified", "response_overquota"})
FINISHED = "completed"
PREVIEWS = frozenset({"preview", "survey_preview"})
"""Ways of collecting that are tests."""


class _Resources(Shape):
    survey_id: str = ""


class _Notice(Shape):
    event_type: str
    object_id: str
    resources: _Resources = _Resources()


class _Answer(Shape):
    choice_id: str | None = None
    row_id: str | None = None
    col_id: str | None = None
    other_id: str | None = None
    text: str | None = None


class _Answered(Shape):
    id: str
    answers: tuple[_Answer, ...] = ()


class _AnsweredPage(Shape):
    questions: tuple[_Answered, ...] = ()


class _Details(Shape):
    id: str
    survey_id: str
    response_status: str
    collection_mode: str = ""
    custom_variables: dict[str, Any] | None = None
    custom_value: str | None = None
    date_modified: str | None = None
    pages: tuple[_AnsweredPage, ...] = ()


class _Part(Shape):
    id: str
    text: str = ""


class _Parts(Shape):
    choices: tuple[_Part, ...] = ()
    rows: tuple[_Part, ...] = ()


class _Heading(Shape):
    heading: str = ""


class _Defined(Shape):
    """A question of the survey's details."""

    id: str
    family: str = ""
    headings: tuple[_Heading, ...] = ()
    answers: _Parts = _Parts()

    def each(self) -> Iterator[Question]:
        """What it asks; of a matrix each row."""
        title = " ".join(each.heading for each in self.headings)
        labels = [(each.text, each.text) for each in self.answers.choices]
        for row in self.answers.rows if self.answers.choices else ():
            yield choices(f"{self.id}.{row.id}", row.text, labels)
        if self.family == "open_ended":
            yield Question(self.id, title, Asks.TEXT)
        elif not (self.answers.rows and self.answers.choices):
            yield choices(self.id, title, labels)


class _DefinedPage(Shape):
    questions: tuple[_Defined, ...] = ()


class _Survey(Shape):
    id: str
    custom_variables: Any = None
    pages: tuple[_DefinedPage, ...] = ()


@dataclass(frozen=True)
class SurveyMonkey(Webhook):
    """SurveyMonkey's webhook: HMAC-SHA1 of the raw body, base64, keyed with client id and secret."""

    client_id: str = setting("the app's client id; the connection's secret is the app's secret")
    api_host: str = setting("host of the API; api.eu.surveymonkey.com for accounts in Europe", "api.surveymonkey.com")

    @property
    def api_hosts(self) -> frozenset[str]:
        """The account's API."""
        return frozenset({self.api_host})

    def handshake(self, request: RawRequest, secrets: Secrets) -> Reply | Refused | None:  # noqa: ARG002
        """HEAD must be answered 200 at once, or the webhook can't be made."""
        return Reply() if request.method == "HEAD" else None

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:  # noqa: ARG002
        """The signature covers the raw body and no time; the API key, if sent, is the app's."""
        scheme = HmacHeader("Sm-Signature", algorithm="sha1", key=lambda secret: f"{self.client_id}&{secret}")
        verdict = scheme.verify(request, secrets)
        other_app = any(sent.strip() != self.client_id for sent in request.header("Sm-Apikey"))
        return Refused(Refusal.API_KEY_MISMATCH) if verdict == Verified() and other_app else verdict

    def delivery_id(self, request: RawRequest) -> str | None:
        """The event's id."""
        return text_at(request.body, "event_id")

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:
        """The response, once its details and the survey's are there. Choices become their texts, rows of a matrix are
        `question.row`.
        """
        notice = shaped(_Notice, parsed(request.body), TOOL)
        survey, response = notice.resources.survey_id, notice.object_id
        if notice.event_type in SCREENED:
            return NothingSaid(Reason(ReasonCode.SCREENED_OUT, f"{TOOL} screened this respondent out"))
        if notice.event_type == "response_deleted":
            raise _deleted(survey)
        if notice.event_type not in READABLE or not survey:
            raise unknown_event(TOOL, "response_completed, response_updated")
        path = f"/surveys/{_id(survey)}/responses/{_id(response)}/details"
        if not answers:
            return self._get(path, survey, response)
        if len(answers) == 1:
            return self._get(f"/surveys/{_id(survey)}/details", survey, response, same_for_all=True)
        details = shaped(_Details, parsed(answers[0].body), TOOL)
        if details.collection_mode in PREVIEWS:
            return NothingSaid(Reason(ReasonCode.TEST_DELIVERY, "the response was given in SurveyMonkey's preview"))
        return Responses((_response(details, _texts(parsed(answers[1].body))),))

    def forms(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> tuple[Form, ...]:  # noqa: ARG002
        """The survey's details were asked for to read the response."""
        return tuple(_form(answer) for answer in answers[1:2])

    def define(self, form_id: str, answers: Sequence[ApiAnswer] = ()) -> Form | RequestNeeded | None:
        """The survey's details."""
        if answers:
            return _form(answers[0])
        return self._get(f"/surveys/{_id(form_id)}/details", form_id, "", same_for_all=True)

    def _get(self, path: str, survey: str, response: str, *, same_for_all: bool = False) -> RequestNeeded:
        return RequestNeeded(
            "GET",
            f"https://{self.api_host}/v3{path}",
            (("Authorization", f"Bearer {TOKEN}"), ("Accept", "application/json")),
            form_id=survey,
            response_id=response,
            not_yet=frozenset() if same_for_all else frozenset({404}),
            same_for_all=same_for_all,
        )


def _form(answer: ApiAnswer) -> Form:
    survey = shaped(_Survey, parsed(answer.body), TOOL)
    asked = [question for page in survey.pages for each in page.questions for question in each.each()]
    named = survey.custom_variables if isinstance(survey.custom_variables, dict) else {}
    return Form(survey.id, (*asked, *(Question(name, asks=Asks.HIDDEN) for name in named)))


def _response(sent: _Details, texts: Mapping[str, str]) -> Response:
    finished = sent.response_status == FINISHED
    revision = re.sub(r"\+00:00$", "Z", sent.date_modified or "")
    hidden = texts_of(sent.custom_variables) | ({"custom_value": sent.custom_value} if sent.custom_value else {})
    found: dict[str, list[str]] = {}
    for page in sent.pages:
        for question in page.questions:
            for answer in question.answers:
                label = _label(answer, texts)
                for field in _fields(question.id, answer) if label else ():
                    found.setdefault(field, []).append(label)
    answered: dict[str, AnswerValue | None] = {
        field: labels[0] if len(labels) == 1 else tuple(labels) for field, labels in found.items()
    }
    return Response(
        form_id=sent.survey_id,
        response_id=sent.id,
        answers=answered,
        hidden=hidden,
        submitted_at=moment(revision) if finished else None,
        partial=not finished,
        revision=revision or None,
        revised_at=moment(revision),
    )


def _fields(question: str, answer: _Answer) -> Iterator[str]:
    """The fields that one answer is for: the question, or a row of it (and the row's own id, which is unique)."""
    column = f".{answer.col_id}" if answer.col_id else ""
    if not answer.row_id:
        yield question
        return
    yield f"{question}.{answer.row_id}{column}"
    yield f"{answer.row_id}{column}"


def _label(answer: _Answer, texts: Mapping[str, str]) -> str:
    if answer.text:
        return answer.text
    choice = answer.choice_id or answer.other_id or ""
    return texts.get(choice, choice)


def _texts(survey: Any) -> dict[str, str]:
    """The text of each choice of a survey, by its id: wherever in the survey's details it stands."""
    found: dict[str, str] = {}
    waiting = [survey]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
            name, text = value.get("id"), value.get("text")
            if isinstance(name, str | int) and isinstance(text, str):
                found[str(name)] = text
    return found


def _id(name: str) -> str:
    """An id as it may stand in an address: anything else could lead elsewhere."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", name):
        raise Unreadable(ReasonCode.UNEXPECTED_SHAPE, f"the notification names no id of a survey or response of {TOOL}")
    return name


def _deleted(survey: str) -> Unreadable:
    words = (
        f"the response was deleted in {TOOL}; what it said before still counts. If it must not, ask the rater to"
        " respond again, or have the evidence withdrawn"
    )
    return Unreadable(ReasonCode.RESPONSE_DELETED, words, form_id=survey)
