"""Formbricks webhooks: Standard Webhooks with the whole response, hidden fields among the answers.

Source: formbricks/formbricks at b66c1dd9 (docs/platform/features/integrations/webhooks.mdx and code). One response
comes as `responseCreated`, `responseUpdated` and `responseFinished`; when one webhook of a job fails all are sent
again. The API (v2 management: webhooks, responses) shows a webhook's secret only when it is made, so Formbricks' secret
is the connection's. What a survey asks is from version 1 (management/surveys; docs/api-reference/openapi.json).
Unverified: its newer `blocks`; rows and columns of a matrix; `startDate` filters by when a response was begun, hence
the overlap of days.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import Field

from services.intake.core.api import json_request, responses_of, segment
from services.intake.core.errors import Reason, ReasonCode
from services.intake.core.form import Asks, Form, Question, choices
from services.intake.core.json_body import parsed
from services.intake.core.polling import Backfilled, Turned, moved_on, with_query
from services.intake.core.proofs import SignedMessage
from services.intake.core.registering import Change, Outcome, Registered, Wanted
from services.intake.core.shapes import Shape, answers_of, moment, shaped, texts_of, unknown_event
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import (
    TOKEN,
    ApiAnswer,
    NothingSaid,
    Pace,
    Reading,
    RequestNeeded,
    Response,
    Responses,
)
from services.intake.core.webhook import setting

TOOL = "Formbricks"
PROOF = ("x-api-key", TOKEN)
PAGE = 250
LONGEST_ANSWERING = timedelta(days=2)
"""How long a response may be under way and still be found by a later run."""
SILENT = frozenset({"cta", "consent", "fileUpload", "cal", "pictureSelection"})
"""Questions that no rating and no comment answers."""
EVENTS = frozenset({"responseCreated", "responseUpdated", "responseFinished"})


class _Data(Shape):
    id: str
    surveyId: str  # noqa: N815  (the sender's names)
    createdAt: str | None = None  # noqa: N815
    updatedAt: str | None = None  # noqa: N815
    finished: bool
    data: dict[str, Any]
    variables: dict[str, Any] | None = Field(default=None)


class _Event(Shape):
    event: str
    data: Any = None


class _Meta(Shape):
    total: int = 0
    offset: int = 0


class _Page(Shape):
    data: tuple[Any, ...] = ()
    meta: _Meta = _Meta()


class _Hook(Shape):
    id: str
    url: str = ""
    surveyIds: tuple[str, ...] | None = None  # noqa: N815
    secret: str | None = None


class _Hooks(Shape):
    data: tuple[_Hook, ...] = ()


class _Choice(Shape):
    label: Any = None


class _Asked(Shape):
    """A question, or an element of a block: newer surveys have their questions there."""

    id: str
    type: str = ""
    headline: Any = None
    choices: tuple[_Choice, ...] = ()
    rows: tuple[Any, ...] = ()
    columns: tuple[Any, ...] = ()
    range: int = 0

    def questions(self) -> Iterator[Question]:
        """What it asks; of a matrix each row, which is named by its words."""
        title, columns = _words(self.headline), [_words(each) for each in self.columns]
        for row in self.rows:
            yield choices(f"{self.id}.{_words(row)}", _words(row), zip(columns, columns, strict=True))
        if self.type == "openText":
            yield Question(self.id, title, Asks.TEXT)
        elif not self.rows and self.type not in SILENT:
            labels = [_words(each.label) for each in self.choices] or [str(n + 1) for n in range(min(self.range, 10))]
            yield choices(self.id, title, zip(labels, labels, strict=True))


class _Block(Shape):
    elements: tuple[_Asked, ...] = ()


class _HiddenFields(Shape):
    fieldIds: tuple[str, ...] = ()  # noqa: N815


class _Survey(Shape):
    id: str
    questions: tuple[_Asked, ...] = ()
    blocks: tuple[_Block, ...] = ()
    hiddenFields: _HiddenFields = _HiddenFields()  # noqa: N815


class _Defined(Shape):
    data: _Survey


class _Made(Shape):
    data: _Hook


@dataclass(frozen=True)
class Formbricks(Backfilled, SignedMessage):
    """Formbricks' webhook; the message id names the delivery."""

    chooses_secret: ClassVar[bool] = True

    api_host: str = setting("host of Formbricks, if it is the project's own server", "app.formbricks.com")

    @property
    def pace(self) -> Pace:
        """A hundred a minute."""
        return Pace(per_minute=100)

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """The response as it stands; of each state of it the later `updatedAt` counts."""
        event = shaped(_Event, parsed(request.body), "Formbricks")
        if event.event == "testEndpoint":
            return NothingSaid(Reason(ReasonCode.TEST_DELIVERY, "Formbricks asked whether the address works; it does"))
        if event.event not in EVENTS:
            raise unknown_event("Formbricks", "responseFinished")
        sent = shaped(_Data, event.data, "Formbricks")
        return Responses((_response(sent),))

    def ask(self, form_id: str, cursor: str | None) -> RequestNeeded:
        """The survey's responses that were begun since a moment."""
        wanted = {"surveyId": form_id, "limit": PAGE, "skip": 0} | ({"startDate": cursor} if cursor else {})
        return json_request("GET", self._url("responses"), PROOF, form_id=form_id, query=wanted)

    def turned(self, cursor: str | None, asked: RequestNeeded, answer: ApiAnswer) -> Turned:
        """The next ones, as long as there are more."""
        page = shaped(_Page, parsed(answer.body), TOOL)
        begun = [moment(str(each.get("createdAt") or "")) for each in page.data if isinstance(each, dict)]
        there = page.meta.offset + len(page.data)
        more = with_query(asked, skip=there) if page.data and there < page.meta.total else None
        return Turned(moved_on(cursor, begun, LONGEST_ANSWERING), more)

    def read_page(self, page: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """Responses as in the webhook, but for the event around them."""
        listed = shaped(_Page, parsed(page.body), TOOL)
        return responses_of(listed.data, lambda sent: _response(shaped(_Data, sent, TOOL)))

    def register(self, wanted: Wanted, answers: Sequence[ApiAnswer]) -> RequestNeeded | Change | Registered:
        """POST; a webhook that is there has a secret that only its maker knows, so it is left, or replaced."""
        if not answers:
            return json_request("GET", self._url("webhooks"), PROOF, query={"limit": PAGE})
        hooks = shaped(_Hooks, parsed(answers[0].body), TOOL).data
        there = next((each for each in hooks if each.url == wanted.address), None)
        if there and not wanted.anew and wanted.form_id in (there.surveyIds or (wanted.form_id,)):
            return Registered(Outcome.UNCHANGED)
        if there and len(answers) == 1:
            return json_request("DELETE", f"{self._url('webhooks')}/{segment(there.id, TOOL)}", PROOF)
        forms = sorted({wanted.form_id, *((there.surveyIds or ()) if there else ())})
        hook = {
            "url": wanted.address,
            "name": f"talentline {wanted.connection}",
            "triggers": ["responseFinished"],
            "surveyIds": forms,
        }
        outcome = Outcome.CHANGED if there else Outcome.MADE

        def made(answer: ApiAnswer) -> Registered:
            return Registered(outcome, secret=shaped(_Made, parsed(answer.body), TOOL).data.secret or "")

        return Change(json_request("POST", self._url("webhooks"), PROOF, hook), outcome, made)

    def define(self, form_id: str, answers: Sequence[ApiAnswer] = ()) -> Form | RequestNeeded | None:
        """GET of the survey, which version 1 of the API has."""
        if answers:
            survey = shaped(_Defined, parsed(answers[0].body), TOOL).data
            asked = [*survey.questions, *(each for block in survey.blocks for each in block.elements)]
            hidden = (Question(name, asks=Asks.HIDDEN) for name in survey.hiddenFields.fieldIds)
            return Form(survey.id, (*(question for each in asked for question in each.questions()), *hidden))
        url = f"https://{self.api_host}/api/v1/management/surveys/{segment(form_id, TOOL)}"
        return json_request("GET", url, PROOF, form_id=form_id)

    def _url(self, what: str) -> str:
        return f"https://{self.api_host}/api/v2/management/{what}"


def _words(text: Any) -> str:
    """A text in the survey's default language: plain, `{"default": …}`, or under `label`."""
    if isinstance(text, dict):
        return _words(text.get("default", text.get("label")))
    return text if isinstance(text, str) else ""


def _response(sent: _Data) -> Response:
    return Response(
        form_id=sent.surveyId,
        response_id=sent.id,
        answers=texts_of(sent.variables) | answers_of(dict(_flat(sent.data))),
        hidden={},
        submitted_at=moment(sent.updatedAt) if sent.finished else None,
        partial=not sent.finished,
        revision=sent.updatedAt,
        revised_at=moment(sent.updatedAt),
    )


def _flat(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Answers by field; of a matrix each row's under `field.row`."""
    for name, value in data.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{row}", chosen) for row, chosen in value.items())
        else:
            yield name, value
