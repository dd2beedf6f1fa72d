"""SurveyMonkey webhooks: thin. The notification names a response; two requests to the API give its answers.

Source: SurveyMonkey/public_api_docs (includes/_webhooks.md, _responses.md, _surveys.md, _overview.md). The signature's
key is the app's client id, `&`, and its secret; there is no time in it. `response_updated` comes once for each page. A
private app may ask 120 times a minute and 500 times a day, so the survey's details are asked for once (`same_for_all`),
and anew where a choice is not in them. A webhook is known by its name, since the list of webhooks shows no more.
Unverified: retries, and when a webhook is switched off.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.intake.core import probing
from services.intake.core.api import json_request, responses_of, segment
from services.intake.core.errors import Reason, ReasonCode, Unreadable
from services.intake.core.form import Asks, Form, Question, choices
from services.intake.core.json_body import parsed, text_at
from services.intake.core.polling import Backfilled, Turned, form_of, moved_on, with_query
from services.intake.core.registering import Change, Outcome, Registered, Wanted, changed
from services.intake.core.schemes.hmac_signature import HmacHeader
from services.intake.core.shapes import Shape, moment, shaped, texts_of, unknown_event
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import (
    TOKEN,
    AnswerValue,
    ApiAnswer,
    NothingSaid,
    Pace,
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
PROOF = ("Authorization", f"Bearer {TOKEN}")
PAGE = 100
EVENT = "response_completed"
"""What the webhook tells of: `response_updated` would come for each page of a survey. Edits come by back-fill."""
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


class _Links(Shape):
    next: str | None = None


class _Page(Shape):
    data: tuple[Any, ...] = ()
    page: int = 1
    links: _Links = _Links()


class _Hook(Shape):
    id: str
    name: str = ""
    subscription_url: str = ""
    event_type: str = ""
    object_ids: tuple[str, ...] | None = None


class _Hooks(Shape):
    data: tuple[_Hook, ...] = ()


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
class SurveyMonkey(Backfilled, Webhook):
    """SurveyMonkey's webhook: HMAC-SHA1 of the raw body, base64, keyed with client id and secret."""

    client_id: str = setting("the app's client id; the connection's secret is the app's secret")
    api_host: str = setting("host of the API; api.eu.surveymonkey.com for accounts in Europe", "api.surveymonkey.com")

    @property
    def api_hosts(self) -> frozenset[str]:
        """The account's API."""
        return frozenset({self.api_host})

    @property
    def pace(self) -> Pace:
        """What a private app may ask."""
        return Pace(per_minute=120, per_day=500)

    def handshake(self, request: RawRequest, secrets: Secrets) -> Reply | Refused | None:  # noqa: ARG002
        """HEAD must be answered 200 at once, or the webhook can't be made."""
        return Reply() if request.method == "HEAD" else None

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:  # noqa: ARG002
        """The signature covers the raw body and no time; the API key, if sent, is the app's."""
        verdict = self._scheme.verify(request, secrets)
        other_app = any(sent.strip() != self.client_id for sent in request.header("Sm-Apikey"))
        return Refused(Refusal.API_KEY_MISMATCH) if verdict == Verified() and other_app else verdict

    @property
    def _scheme(self) -> HmacHeader:
        return HmacHeader("Sm-Signature", algorithm="sha1", key=lambda secret: f"{self.client_id}&{secret}")

    def probe(self, mark: str, secrets: Secrets, now: datetime) -> RawRequest | None:  # noqa: ARG002
        """Signed as the tool signs."""
        body = probing.body_of(mark)
        return RawRequest(body, (probing.JSON, self._scheme.signed(body, secrets.each[0])))

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
        texts = _texts(parsed(answers[-1].body))
        if len(answers) == 2 and not _labels_of(details) <= texts.keys():
            return self._get(f"/surveys/{_id(survey)}/details", survey, response)
        return Responses((_response(details, texts),))

    def ask(self, form_id: str, cursor: str | None) -> RequestNeeded:
        """The survey's responses that changed since a moment, oldest first."""
        since = {"start_modified_at": cursor.removesuffix("Z")} if cursor else {}
        wanted = {"per_page": PAGE, "page": 1, "sort_by": "date_modified", "sort_order": "ASC"} | since
        url = f"https://{self.api_host}/v3/surveys/{segment(form_id, TOOL)}/responses/bulk"
        return json_request("GET", url, PROOF, form_id=form_id, query=wanted)

    def turned(self, cursor: str | None, asked: RequestNeeded, answer: ApiAnswer) -> Turned:
        """Page after page. Only the number of the next is taken from the answer, never its address."""
        page = shaped(_Page, parsed(answer.body), TOOL)
        times = [moment(str(each.get("date_modified") or "")) for each in page.data if isinstance(each, dict)]
        more = with_query(asked, page=page.page + 1) if page.links.next else None
        return Turned(moved_on(cursor, times), more, page=bool(page.data))

    def read_page(self, page: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:
        """Responses with their details; the survey's own details name the choices."""
        form, sent = form_of(page), shaped(_Page, parsed(page.body), TOOL).data
        if not answers:
            return self._get(f"/surveys/{_id(form)}/details", form, "", same_for_all=True)
        texts = _texts(parsed(answers[-1].body))

        def read(value: Any) -> Response | None:
            details = shaped(_Details, {"survey_id": form} | value if isinstance(value, dict) else value, TOOL)
            named.update(_labels_of(details))
            return None if details.collection_mode in PREVIEWS else _response(details, texts)

        named: set[str] = set()
        found = responses_of(sent, read)
        if len(answers) == 1 and not named <= texts.keys():
            return self._get(f"/surveys/{_id(form)}/details", form, "")
        return found

    def register(self, wanted: Wanted, answers: Sequence[ApiAnswer]) -> RequestNeeded | Change | Registered:
        """POST; a webhook of the connection's name is looked at, and changed by PATCH if it differs."""
        url, name = f"https://{self.api_host}/v3/webhooks", f"talentline {wanted.connection}"
        if not answers:
            return json_request("GET", url, PROOF, query={"per_page": 1000})
        hooks = shaped(_Hooks, parsed(answers[0].body), TOOL).data
        known = next((each for each in hooks if each.name == name), None)
        if known and len(answers) == 1:
            return json_request("GET", f"{url}/{segment(known.id, TOOL)}", PROOF)
        there = shaped(_Hook, parsed(answers[1].body), TOOL) if known else None
        forms = (there.object_ids or ()) if there else ()
        right = there and (there.subscription_url, there.event_type) == (wanted.address, EVENT)
        if right and wanted.form_id in forms:
            return Registered(Outcome.UNCHANGED)  # its secret is the app's: there is none to renew
        hook = {
            "name": name,
            "event_type": EVENT,
            "object_type": "survey",
            "object_ids": sorted({*forms, wanted.form_id}),
            "subscription_url": wanted.address,
        }
        if there:
            return changed(True, json_request("PATCH", f"{url}/{segment(there.id, TOOL)}", PROOF, hook))
        return changed(False, json_request("POST", url, PROOF, hook))

    def forms(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> tuple[Form, ...]:  # noqa: ARG002
        """The survey's details were asked for to read the response, or the page of responses."""
        return tuple(_form(answer) for answer in answers[-1:])

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


def _labels_of(sent: _Details) -> set[str]:
    """The choices that a response names, for which the survey's details have the texts."""
    answers = (answer for page in sent.pages for question in page.questions for answer in question.answers)
    return {answer.choice_id for answer in answers if answer.choice_id and not answer.text}


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
