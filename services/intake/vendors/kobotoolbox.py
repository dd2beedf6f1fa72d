"""KoboToolbox REST Services: flat JSON of one submission, with a password and no signature.

Source: kobotoolbox/kpi at 2e5efb01 (kobo/apps/hook). Only 502, 503, 504 and time-outs are tried again; edits are not
sent again. Unverified, each one line below: `_submission_time` is UTC unless the setting `time_zone` says otherwise
(`in_utc`); several choices are divided by spaces (they stay one text here); the API's data may be filtered by `query`
(`ask`); the names in an asset's `content` (`_Row`). REST services are made, data is listed and forms are defined by API
v2; a page holds at most 1000.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field

from services.intake.core import probing
from services.intake.core.api import json_request, responses_of, segment
from services.intake.core.errors import ReasonCode, Unreadable
from services.intake.core.form import Form, Question, choices
from services.intake.core.json_body import parsed
from services.intake.core.polling import Backfilled, Turned, form_of, moved_on, with_query
from services.intake.core.registering import Change, Outcome, Registered, Wanted, changed
from services.intake.core.schemes import tokens
from services.intake.core.shapes import Shape, answers_of, moment, shaped
from services.intake.core.submission import SECRET_HEADER, RawRequest
from services.intake.core.vendor import (
    TOKEN,
    ApiAnswer,
    Reading,
    Refused,
    RequestNeeded,
    Response,
    Responses,
    Secrets,
    Verified,
)
from services.intake.core.webhook import Webhook, in_utc, local, setting, time_zone_setting

TOOL = "KoboToolbox"
PROOF = ("Authorization", f"Token {TOKEN}")
PAGE = 250
ASKS = frozenset({"select_one", "integer", "decimal", "range", "hidden", "calculate"})
HOUSEKEEPING = ("_", "formhub/", "meta/")


class _Body(Shape):
    uuid: str = Field(alias="_uuid", min_length=1)
    form: str = Field(alias="_xform_id_string")
    submitted: str | None = Field(default=None, alias="_submission_time")


class _Page(Shape):
    next: str | None = None
    results: tuple[Any, ...] = ()


class _Row(Shape):
    """A row of the form's sheet `survey` or `choices`; names are set by the author or made up by Kobo."""

    type: str = ""
    name: str = ""
    made_up: str = Field(default="", alias="$autoname")
    place: str = Field(default="", alias="$xpath")
    label: tuple[str | None, ...] = ()
    list: str = Field(default="", alias="select_from_list_name")

    @property
    def title(self) -> str:
        """Its words in the form's first language that has any."""
        return next(filter(None, self.label), "")


class _Choice(Shape):
    list: str = Field(default="", alias="list_name")
    name: str = ""
    made_up: str = Field(default="", alias="$autovalue")
    label: tuple[str | None, ...] = ()


class _Content(Shape):
    survey: tuple[_Row, ...] = ()
    choices: tuple[_Choice, ...] = ()

    def questions(self) -> Iterator[Question]:
        """What it asks, by the place in the groups, under which its answer comes. Choices are known by their names."""
        for row in self.survey:
            kind, _, named = row.type.partition(" ")
            ref = row.place or row.name or row.made_up
            if kind == "text":
                yield Question(ref, row.title)
            elif kind in ASKS and ref:
                mine = (
                    [each for each in self.choices if each.list == (row.list or named)] if kind == "select_one" else []
                )
                labels = ((each.name or each.made_up, next(filter(None, each.label), "")) for each in mine)
                yield choices(ref, row.title, labels)


class _Asset(Shape):
    content: _Content


class _Hook(Shape):
    uid: str
    endpoint: str = ""
    active: bool = True


class _Hooks(Shape):
    results: tuple[_Hook, ...] = ()


@dataclass(frozen=True)
class KoboToolbox(Backfilled, Webhook):
    """Kobo's REST service: Basic authentication, whose password is the secret, or a header of the project's choice."""

    username: str = setting("user name of Basic authentication in the REST service's settings", "kobo")
    header: str = setting("the custom header that carries the secret instead; its name must say so (token, secret)", "")
    time_zone: str = time_zone_setting()
    api_host: str = setting("host of the server: eu.kobotoolbox.org, or the project's own", "kf.kobotoolbox.org")

    def _is_right(self, name: str, value: str) -> bool:
        return super()._is_right(name, value) and (name != "header" or bool(SECRET_HEADER.search(value)))

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:  # noqa: ARG002
        """The secret proves the server; body and time are not signed."""
        if self.header:
            return tokens.in_header(request, self.header, secrets)
        return tokens.basic(request, self.username, secrets)

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """The submission; fields are keyed with their groups, such as `ratings/c01`."""
        return Responses((self._response(parsed(request.body)),))

    def probe(self, mark: str, secrets: Secrets, now: datetime) -> RawRequest | None:  # noqa: ARG002
        """With the password or the header, as the server has it."""
        proof = (self.header, secrets.each[0]) if self.header else tokens.basic_header(self.username, secrets.each[0])
        return RawRequest(probing.body_of(mark), (probing.JSON, proof))

    def ask(self, form_id: str, cursor: str | None) -> RequestNeeded:
        """The asset's submissions since a moment."""
        since = {"query": json.dumps({"_submission_time": {"$gte": cursor.removesuffix("Z")}})} if cursor else {}
        wanted = {"format": "json", "limit": PAGE, "start": 0} | since
        return json_request("GET", f"{self._asset(form_id)}/data/", PROOF, form_id=form_id, query=wanted)

    def turned(self, cursor: str | None, asked: RequestNeeded, answer: ApiAnswer) -> Turned:
        """Page after page. Only the place is taken from the link to the next, never its address."""
        page = shaped(_Page, parsed(answer.body), TOOL)
        times = [moment(str(each.get("_submission_time") or "")) for each in page.results if isinstance(each, dict)]
        place = dict(parse_qsl(urlsplit(page.next or "").query)).get("start")
        return Turned(moved_on(cursor, times), with_query(asked, start=place) if place else None)

    def read_page(self, page: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """Submissions as in the delivery."""
        form = {"_xform_id_string": form_of(page)}
        results = shaped(_Page, parsed(page.body), TOOL).results
        return responses_of(results, lambda sent: self._response(form | sent if isinstance(sent, dict) else sent))

    def register(self, wanted: Wanted, answers: Sequence[ApiAnswer]) -> RequestNeeded | Change | Registered:
        """POST of a REST service, or PATCH of the one that sends to this address."""
        url = f"{self._asset(wanted.form_id)}/hooks/"
        if not answers:
            return json_request("GET", url, PROOF)
        hooks = shaped(_Hooks, parsed(answers[0].body), TOOL).results
        there = next((each for each in hooks if each.endpoint == wanted.address), None)
        if there and there.active and not wanted.anew:
            return Registered(Outcome.UNCHANGED)
        proof = (
            {"custom_headers": {self.header: wanted.secret}}
            if self.header
            else {"username": self.username, "password": wanted.secret}
        )
        hook = {
            "name": f"talentline {wanted.connection}",
            "endpoint": wanted.address,
            "active": True,
            "export_type": "json",
            "auth_level": "no_auth" if self.header else "basic_auth",
            "settings": proof,
        }
        if there:
            return changed(True, json_request("PATCH", f"{url}{segment(there.uid, TOOL)}/", PROOF, hook))
        return changed(False, json_request("POST", url, PROOF, hook))

    def define(self, form_id: str, answers: Sequence[ApiAnswer] = ()) -> Form | RequestNeeded | None:
        """The asset, whose `content` is the form's sheets."""
        if answers:
            return Form(form_id, tuple(shaped(_Asset, parsed(answers[0].body), TOOL).content.questions()))
        return json_request("GET", f"{self._asset(form_id)}/", PROOF, form_id=form_id, query={"format": "json"})

    def _asset(self, form: str) -> str:
        return f"https://{self.api_host}/api/v2/assets/{segment(form, TOOL)}"

    def _response(self, value: Any) -> Response:
        if not isinstance(value, dict):
            raise Unreadable(ReasonCode.UNEXPECTED_SHAPE, "the body is not a submission of KoboToolbox")
        sent = shaped(_Body, value, "KoboToolbox")
        fields = {name: each for name, each in value.items() if not name.startswith(HOUSEKEEPING)}
        return Response(
            form_id=sent.form,
            response_id=sent.uuid,
            answers=answers_of(fields),
            hidden={},
            submitted_at=in_utc(local(moment(sent.submitted), self.time_zone)),
        )
