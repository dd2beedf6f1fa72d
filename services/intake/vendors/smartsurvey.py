"""SmartSurvey webhooks: a signed JSON array of responses, batched about once a minute.

Source: https://docs.smartsurvey.io/docs/webhooks-introduction, /docs/samples, /docs/errors-1. Anything but exactly
200 is a failure to SmartSurvey, and while one batch fails nothing else is sent to the address; the door answers 200.
Unverified, each one line below: free text stands in `value` of an answer (`_Answer.label`); matrix rows are named by
`row_id` (`_Answer.field`); custom variables stand in `variables`, else in the query of `entry_url` (`_hidden`); any
status but `completed` is unfinished (`FINISHED`); the signature is over the raw bytes. XML is not supported.
Responses are listed at /v1/surveys/{id}/responses with Basic authentication (documented) by `since` (a secondary
source); that the list's elements are those of the webhook is unverified (`read_page`). No API makes webhooks. The API
token is the whole value of the Authorization header, `Basic …`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from services.intake.core.api import json_request, responses_of, segment
from services.intake.core.errors import ReasonCode, Unreadable
from services.intake.core.form import Asks, Form, Question
from services.intake.core.json_body import parsed
from services.intake.core.polling import Backfilled, Turned, moved_on, with_query
from services.intake.core.proofs import SignedBody
from services.intake.core.registering import SECRET, Steps, Wanted
from services.intake.core.schemes.hmac_signature import HmacHeader, hexadecimal
from services.intake.core.shapes import Shape, moment, shaped, texts_of
from services.intake.core.submission import RawRequest
from services.intake.core.text import plain
from services.intake.core.vendor import (
    TOKEN,
    AnswerValue,
    ApiAnswer,
    Reading,
    RequestNeeded,
    Response,
)

SIGNATURE = HmacHeader("X-SmartSurvey-Signature", encode=hexadecimal)
TOOL = "SmartSurvey"
FINISHED = "completed"
API = "api.smartsurvey.io"
PROOF = ("Authorization", TOKEN)
PAGE = 100

TEXTS = frozenset({"open_ended", "essay", "comment"})


class _Answer(Shape):
    choice_title: str | None = None
    value: str | None = None
    row_id: str | None = None

    @property
    def label(self) -> str:
        """The choice's title; of free text what was written."""
        return self.choice_title or self.value or ""

    def field(self, question: str) -> str:
        """The field that it answers."""
        return f"{question}.{self.row_id}" if self.row_id else question


class _Question(Shape):
    id: str
    title: Any = None
    type: Any = None
    answers: tuple[_Answer, ...] | None = None


class _Page(Shape):
    questions: tuple[_Question, ...] | None = None


class _Response(Shape):
    id: str
    survey_id: str
    status: str
    date_ended: str | None = None
    date_modified: str | None = None
    entry_url: str | None = None
    contact_email: str | None = None
    variables: Any = None
    pages: tuple[_Page, ...] | None = None


@dataclass(frozen=True)
class SmartSurvey(Backfilled, SignedBody):
    """SmartSurvey's webhook: HMAC-SHA256 of the raw body in hexadecimal; deliveries have no id."""

    signature: ClassVar[HmacHeader] = SIGNATURE

    @property
    def api_hosts(self) -> frozenset[str]:
        """SmartSurvey's API."""
        return frozenset({API})

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """The responses of the batch; one that can't be read does not hold up the others."""
        if request.body.lstrip()[:1] == b"<":
            words = "SmartSurvey sent XML; choose JSON as the webhook's format, and leave this delivery where it is"
            raise Unreadable(ReasonCode.UNSUPPORTED_FORMAT, words)
        return responses_of(_batch(request.body), _read)

    def ask(self, form_id: str, cursor: str | None) -> RequestNeeded:
        """The responses since a moment."""
        since = moment(cursor)
        wanted = {"page": 1, "page_size": PAGE} | ({"since": int(since.timestamp())} if since else {})
        url = f"https://{API}/v1/surveys/{segment(form_id, TOOL)}/responses"
        return json_request("GET", url, PROOF, form_id=form_id, query=wanted)

    def turned(self, cursor: str | None, asked: RequestNeeded, answer: ApiAnswer) -> Turned:
        """Page after page, until one is not full."""
        sent = [each for each in _batch(answer.body) if isinstance(each, dict)]
        number = int(dict(parse_qsl(urlsplit(asked.url).query)).get("page", "1"))
        times = [moment(str(each.get("date_modified") or each.get("date_ended") or "")) for each in sent]
        more = with_query(asked, page=number + 1) if len(sent) >= PAGE else None
        return Turned(moved_on(cursor, times), more)

    def read_page(self, page: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """Responses as in the webhook."""
        return responses_of(_batch(page.body), _read)

    def steps(self, wanted: Wanted) -> Steps:
        """The survey's Automate tab."""
        return Steps(
            (
                f"In SmartSurvey open survey {wanted.form_id}, Automate, Webhooks, and add a webhook.",
                f"Address: {wanted.address}",
                "Format: JSON. Events: completed, updated.",
                f"Signature key: {SECRET}",
            )
        )

    def forms(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> tuple[Form, ...]:  # noqa: ARG002
        """The questions' titles; of their options only those that were chosen are sent. Rows of a matrix have none."""
        batch = parsed(request.body)
        sent = [shaped(_Response, each, "SmartSurvey") for each in batch] if isinstance(batch, list) else []
        return tuple(Form(each.survey_id, tuple(_questions(each))) for each in sent)


def _batch(body: bytes) -> list[Any]:
    batch = parsed(body)
    if not isinstance(batch, list):
        raise Unreadable(ReasonCode.UNEXPECTED_SHAPE, "the body is not SmartSurvey's list of responses")
    return batch


def _read(element: Any) -> Response:
    return _response(shaped(_Response, element, TOOL))


def _questions(sent: _Response) -> Iterator[Question]:
    for page in sent.pages or ():
        for each in page.questions or ():
            asks = Asks.TEXT if each.type in TEXTS else Asks.ANYTHING
            if not any(answer.row_id for answer in each.answers or ()):
                yield Question(each.id, str(each.title or ""), asks)


def _response(sent: _Response) -> Response:
    labels: defaultdict[str, list[str]] = defaultdict(list)
    for page in sent.pages or ():
        for question in page.questions or ():
            for answer in question.answers or ():
                if answer.label:
                    labels[answer.field(question.id)].append(answer.label)
    answered: dict[str, AnswerValue | None] = {
        field: each[0] if len(each) == 1 else tuple(each) for field, each in labels.items()
    }
    return Response(
        form_id=sent.survey_id,
        response_id=sent.id,
        answers=answered | ({"contact_email": sent.contact_email} if sent.contact_email else {}),
        hidden=_hidden(sent),
        submitted_at=moment(sent.date_ended),
        partial=sent.status != FINISHED,
        revision=sent.date_modified,
        revised_at=moment(sent.date_modified),
    )


def _hidden(sent: _Response) -> dict[str, str]:
    if isinstance(sent.variables, dict):
        return texts_of(sent.variables)
    if isinstance(sent.variables, list):
        named = [each for each in sent.variables if isinstance(each, dict) and isinstance(each.get("name"), str)]
        return texts_of({each["name"]: each.get("value") for each in named})
    try:
        query = urlsplit(sent.entry_url or "").query
        return {plain(name): plain(value) for name, value in parse_qsl(query, max_num_fields=200)}
    except ValueError:
        return {}
