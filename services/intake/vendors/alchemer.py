"""Alchemer (once SurveyGizmo), polled: API v5, GET survey/{id}/surveyresponse.

Sources: https://apihelp.alchemer.com/help/list-responses (request, paging), /help/surveyresponse-returned-fields-v5
(fields), /help/filters-v5. `date_submitted` is US Eastern time. A response may take five minutes to appear, the same
call within 60 s gives the same answer, 240 calls a minute are allowed. The API token stands in the address, as
Alchemer wants it: the variable holds `api_token=…&api_token_secret=…`. Unverified, each one line below: the shape of
`url_variables` (`_hidden`), of several chosen options and of grids (`_answers`), a zone's name after a time
(`_eastern`). Alchemer's webhooks are not used: there is no public sample of what they send.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from pydantic import Field

from services.intake.core.api import ACCEPT, responses_of
from services.intake.core.errors import ReasonCode, Unreadable
from services.intake.core.form import Asks, Form, Question
from services.intake.core.json_body import parsed
from services.intake.core.polling import Polled, Turned, form_of, with_query
from services.intake.core.shapes import Shape, answer_of, moment, shaped, texts_of
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import (
    TOKEN,
    AnswerValue,
    ApiAnswer,
    Pace,
    Reading,
    RequestNeeded,
    Response,
)
from services.intake.core.webhook import local, setting

TOOL = "Alchemer"
EASTERN = "America/New_York"
COMPLETE = "Complete"
PAGE = 100


class _Response(Shape):
    id: str
    status: str
    is_test_data: Any = None
    date_submitted: str | None = None
    url_variables: Any = None
    survey_data: Any = None


class _Page(Shape):
    page: int = 1
    total_pages: int = 1
    data: tuple[Any, ...] = Field(default=())


@dataclass(frozen=True)
class Alchemer(Polled):
    """Alchemer's responses since the newest that was seen."""

    api_host: str = setting(
        "host of the API; api.alchemer.eu or api.alchemer-ca.com for such accounts", "api.alchemer.com"
    )

    @property
    def pace(self) -> Pace:
        """The account's limit."""
        return Pace(per_minute=240)

    def ask(self, form_id: str, cursor: str | None) -> RequestNeeded:
        """Responses submitted at or after `cursor` (a time in US Eastern), oldest first."""
        if not re.fullmatch(r"[0-9]{1,20}", form_id):
            raise Unreadable(ReasonCode.UNKNOWN_FORM, "this is no id of a survey of Alchemer, which is a number")
        since = {
            "filter[field][0]": "date_submitted",
            "filter[operator][0]": ">=",
            "filter[value][0]": cursor,
        }
        wanted = {"page": 1, "resultsperpage": PAGE, "order_by": "date_submitted"} | (since if cursor else {})
        url = f"https://{self.api_host}/v5/survey/{form_id}/surveyresponse?{TOKEN}&{urlencode(wanted)}"
        return RequestNeeded("GET", url, (ACCEPT,), form_id=form_id)

    def starting(self, since: datetime) -> str | None:
        """The moment as the US East Coast writes it."""
        return since.astimezone(ZoneInfo(EASTERN)).strftime("%Y-%m-%d %H:%M:%S")

    def turned(self, cursor: str | None, asked: RequestNeeded, answer: ApiAnswer) -> Turned:
        """Page after page; then on from the newest time that was seen."""
        page = shaped(_Page, parsed(answer.body), TOOL)
        sent = [str(each.get("date_submitted") or "") for each in page.data if isinstance(each, dict)]
        newest = max([cursor or "", *(_plain(text) for text in sent)]) or None
        more = with_query(asked, page=page.page + 1) if page.page < page.total_pages else None
        return Turned(newest, more)

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """The responses of one page; tests and unfinished ones never count."""
        page = shaped(_Page, parsed(request.body), TOOL)
        form = form_of(request)
        return responses_of(page.data, lambda sent: _response(form, shaped(_Response, sent, TOOL)))

    def forms(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> tuple[Form, ...]:  # noqa: ARG002
        """The questions' words; of their options only those that were chosen are sent."""
        page = shaped(_Page, parsed(request.body), TOOL)
        sent = [shaped(_Response, each, TOOL) for each in page.data]
        return tuple(Form(form_of(request), tuple(_questions(each.survey_data))) for each in sent)


def _response(form: str, sent: _Response) -> Response:
    is_test = str(sent.is_test_data).lower() in {"1", "true"}
    return Response(
        form_id=form,
        response_id=sent.id,
        answers=dict(_answers(sent.survey_data)),
        hidden=_hidden(sent.url_variables),
        submitted_at=_eastern(sent.date_submitted),
        partial=sent.status != COMPLETE or is_test,
    )


def _answers(questions: Any) -> Iterator[tuple[str, AnswerValue | None]]:
    """Answers by question id; of a grid each row's under `question.row` and under the row's own id."""
    for number, about in questions.items() if isinstance(questions, Mapping) else ():
        if not isinstance(about, Mapping):
            continue
        options, rows = about.get("options"), about.get("subquestions")
        if isinstance(options, Mapping):
            chosen = [each.get("answer") for each in options.values() if isinstance(each, Mapping)]
            yield str(number), answer_of([label for label in chosen if label])
        elif about.get("answer") not in (None, ""):
            yield str(number), answer_of(about["answer"])
        for row, answer in _answers(rows):
            yield f"{number}.{row}", answer
            yield row, answer


def _questions(asked: Any, parent: str = "") -> Iterator[Question]:
    for number, about in asked.items() if isinstance(asked, Mapping) else ():
        if isinstance(about, Mapping) and isinstance(about.get("subquestions"), Mapping):
            yield from _questions(about["subquestions"], f"{number}.")
        elif isinstance(about, Mapping):
            asks = Asks.TEXT if about.get("type") == "ESSAY" else Asks.ANYTHING
            yield Question(f"{parent}{number}", str(about.get("question") or ""), asks)


def _hidden(variables: Any) -> dict[str, str]:
    """URL variables, as `name: value` or as `name: {"value": …}`."""
    named = variables if isinstance(variables, Mapping) else {}
    flat = {name: each.get("value") if isinstance(each, Mapping) else each for name, each in named.items()}
    return texts_of(flat)


def _plain(text: str) -> str:
    """A time without the name of its zone."""
    return re.sub(r"\s+[A-Z]{3,4}$", "", text.strip())


def _eastern(text: str | None) -> datetime | None:
    return local(moment(_plain(text or "")), EASTERN)
