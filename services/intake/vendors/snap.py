"""Snap Surveys (Snap XMP), polled: GET surveys/{guid}/responses with a progress token.

Source: https://www.snapsurveys.com/support-snapxmp/snapxmp/api-get-survey-responses (v3: `id`, `v`, `s` of a value, the
parameters `startingFrom`, `maxResponses`, `returnCaseIds`). Each delivered response costs 0.1 unit, also when delivered
again: the token must be kept before anything else is asked, and nothing is fetched twice. Unverified, each one line
below: names of the answer's parts other than those of a value (`_Page`, `_Case`, in any case of letters), and of the
headers that carry user and key (`HEADERS`). Snap says no time of submission here, so the time of arrival counts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from services.intake.core.api import responses_of
from services.intake.core.errors import ReasonCode, Unreadable
from services.intake.core.json_body import parsed
from services.intake.core.polling import Polled, Turned, form_of
from services.intake.core.shapes import Shape, answers_of, shaped
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import TOKEN, ApiAnswer, Reading, RequestNeeded, Response
from services.intake.core.webhook import setting

TOOL = "Snap"
HEADERS = ("X-USERNAME", "X-API-KEY")
PAGE = 500
START = "0"


class _Value(Shape):
    id: str
    v: Any = None


class _Case(Shape):
    caseid: str = ""
    values: tuple[_Value, ...] = ()


class _Page(Shape):
    responses: tuple[Any, ...] = ()
    progresstoken: str | None = None
    uptodate: bool = True


@dataclass(frozen=True)
class Snap(Polled):
    """Snap's responses from where the progress token stands."""

    api_host: str = setting("host of the Snap XMP server, such as online1.snapsurveys.com")
    username: str = setting("user name of the account that the API key belongs to")

    def ask(self, form_id: str, cursor: str | None) -> RequestNeeded:
        """Responses from `cursor` on, which is Snap's progress token."""
        if not re.fullmatch(r"[0-9a-fA-F-]{32,38}", form_id):
            raise Unreadable(ReasonCode.UNKNOWN_FORM, "this is no id of a survey of Snap, which is a GUID")
        wanted = {"startingFrom": cursor or START, "maxResponses": PAGE, "returnCaseIds": "true"}
        url = f"https://{self.api_host}/snaponline/api/surveys/{form_id}/responses?{urlencode(wanted)}"
        user, key = HEADERS
        return RequestNeeded("GET", url, ((user, self.username), (key, TOKEN)), form_id=form_id)

    def starting(self, since: datetime) -> str | None:  # noqa: ARG002
        """Snap goes by its own token: from the beginning."""
        return None

    def turned(self, cursor: str | None, asked: RequestNeeded, answer: ApiAnswer) -> Turned:
        """On from the progress token, at once while Snap says that there is more."""
        page = _page(answer.body)
        mark = page.progresstoken or cursor
        more = None if page.uptodate or mark == cursor else self.ask(asked.form_id, mark)
        return Turned(mark, more)

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """The responses of one page; fields are variable ids such as V1, answers as Snap labels or codes them."""
        form = form_of(request)
        return responses_of(_page(request.body).responses, lambda sent: _response(form, shaped(_Case, sent, TOOL)))


def _response(form: str, sent: _Case) -> Response:
    return Response(
        form_id=form,
        response_id=sent.caseid,
        answers=answers_of({value.id: value.v for value in sent.values}),
        hidden={},
        submitted_at=None,
    )


def _page(body: bytes) -> _Page:
    return shaped(_Page, _lowered(parsed(body)), TOOL)


def _lowered(value: Any, depth: int = 0) -> Any:
    """The value with the names of its parts in lower case."""
    if isinstance(value, dict) and depth < 10:
        return {name.lower(): _lowered(each, depth + 1) for name, each in value.items()}
    return [_lowered(each, depth + 1) for each in value] if isinstance(value, list) and depth < 10 else value
