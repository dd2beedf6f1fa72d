"""Jotform webhooks: unsigned. The delivery is believed for nothing but its submission's id; the API gives the answers.

Sources: recorded deliveries in zulip/zulip (zerver/webhooks/jotform/fixtures) for the parts and `rawRequest`;
https://api.jotform.com/docs for GET /submission/{id}. The address holds a token, which anybody who sees the address
knows, so every submission is confirmed by fetching it (404: invented, or deleted since). Unverified: whether an edit is
sent again, and the zone of the API's times (setting `time_zone`; without it the time of arrival counts), hence the
overlap of a day in back-fill. The API filters by when a submission was begun, so back-fill finds edits of the last day,
and older ones when it is told `--since`; it knows an edit by `updated_at`, with or without `time_zone`. A webhook is
made by POST /form/{id}/webhooks.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from pydantic import Field

from services.intake.core import probing
from services.intake.core.api import json_request, responses_of, segment
from services.intake.core.errors import ReasonCode, Unreadable
from services.intake.core.form import Asks, Form, Question, choices
from services.intake.core.form_body import fields_of
from services.intake.core.json_body import parsed
from services.intake.core.polling import Backfilled, Turned, moved_on, with_query
from services.intake.core.proofs import SecretAddress
from services.intake.core.registering import Change, Outcome, Registered, Wanted, changed
from services.intake.core.shapes import Shape, answers_of, moment, shaped
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import (
    TOKEN,
    ApiAnswer,
    Pace,
    Reading,
    RequestNeeded,
    Response,
    Responses,
)
from services.intake.core.webhook import local, setting, time_zone_setting

TOOL = "Jotform"
ALIVE = "ACTIVE"
PROOF = ("APIKEY", TOKEN)
PAGE = 100
ZONES_APART = timedelta(days=1)
"""How far the account's clock may be from UTC, generously."""

SILENT = frozenset({"control_head", "control_button", "control_text", "control_pagebreak", "control_divider"})
"""Parts of a form that ask nothing."""


class _Delivery(Shape):
    form: str = Field(alias="formID", pattern=r"^[0-9]{1,30}$")
    submission: str = Field(alias="submissionID", pattern=r"^[0-9]{1,30}$")


class _Content(Shape):
    id: str
    form_id: str
    created_at: str | None = None
    updated_at: str | None = None
    status: str = ALIVE
    answers: dict[str, dict[str, Any]] = Field(default_factory=dict)


class _Answer(Shape):
    content: _Content


class _Place(Shape):
    offset: int = 0
    limit: int = 0
    count: int = 0


class _Page(Shape):
    content: tuple[Any, ...] = ()
    resultSet: _Place = _Place()  # noqa: N815  (the API's names)


class _Hooks(Shape):
    content: Any = None


class _Asked(Shape):
    name: str = ""
    text: str = ""
    type: str = ""
    options: str = ""
    mrows: str = ""
    mcolumns: str = ""

    def questions(self, number: str) -> Iterator[Question]:
        """What it asks; of a matrix each row, which is named by its words. Lists are divided by bars."""
        ref = f"q{number}_{self.name}"
        columns = [(label, label) for label in (self.mcolumns or self.options).split("|")]
        if self.mrows:
            yield from (choices(f"{ref}.{row}", row, columns) for row in self.mrows.split("|"))
        elif self.type not in SILENT:
            asked = choices(ref, self.text, columns)
            yield Question(ref, self.text, Asks.TEXT) if self.type == "control_textarea" else asked


class _Questions(Shape):
    content: dict[str, _Asked]


@dataclass(frozen=True)
class Jotform(Backfilled, SecretAddress):
    """Jotform's webhook: the last segment of the address is the secret."""

    api_host: str = setting(
        "host of the API; eu-api.jotform.com or hipaa-api.jotform.com for such accounts", "api.jotform.com"
    )
    time_zone: str = time_zone_setting()

    @property
    def pace(self) -> Pace:
        """What the smallest plan may ask."""
        return Pace(per_day=1000)

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:
        """The submission as the API has it; fields are keyed as in the delivery, `q<number>_<name>`."""
        sent = shaped(_Delivery, fields_of(request), TOOL)
        if not answers:
            return RequestNeeded(
                "GET",
                f"https://{self.api_host}/submission/{sent.submission}",
                (("APIKEY", TOKEN), ("Accept", "application/json")),
                form_id=sent.form,
                response_id=sent.submission,
                confirms=True,
            )
        content = shaped(_Answer, parsed(answers[0].body), TOOL).content
        if (content.id, content.form_id, content.status) != (sent.submission, sent.form, ALIVE):
            words = f"{TOOL} does not confirm that this form has this submission; look whether it is there"
            raise Unreadable(ReasonCode.NOT_CONFIRMED, words, form_id=sent.form)
        return Responses((self._response(content),))

    def ask(self, form_id: str, cursor: str | None) -> RequestNeeded:
        """The form's submissions since a moment, oldest first as far as the API obeys."""
        since = {"filter": json.dumps({"created_at:gt": cursor.replace("T", " ").removesuffix("Z")})} if cursor else {}
        wanted = {"offset": 0, "limit": PAGE, "orderby": "created_at"} | since
        url = f"https://{self.api_host}/form/{segment(form_id, TOOL)}/submissions"
        return json_request("GET", url, PROOF, form_id=form_id, query=wanted)

    def turned(self, cursor: str | None, asked: RequestNeeded, answer: ApiAnswer) -> Turned:
        """The next ones, as long as a page is full."""
        page = shaped(_Page, parsed(answer.body), TOOL)
        times = [moment(str(each.get("created_at") or "")) for each in page.content if isinstance(each, dict)]
        there = len(page.content)
        more = with_query(asked, offset=page.resultSet.offset + there)
        full = there > 0 and there >= (page.resultSet.limit or PAGE)
        return Turned(moved_on(cursor, times, ZONES_APART), more if full else None)

    def read_page(self, page: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """Submissions as the API has them; deleted ones are none."""

        def read(sent: Any) -> Response | None:
            content = shaped(_Content, sent, TOOL)
            response = self._response(content)
            return replace(response, revision=content.updated_at) if content.status == ALIVE else None

        return responses_of(shaped(_Page, parsed(page.body), TOOL).content, read)

    def register(self, wanted: Wanted, answers: Sequence[ApiAnswer]) -> RequestNeeded | Change | Registered:
        """POST of the address with the secret at its end; one that ends in an older secret is taken away."""
        url = f"https://{self.api_host}/form/{segment(wanted.form_id, TOOL)}/webhooks"
        if not answers:
            return json_request("GET", url, PROOF)
        listed = shaped(_Hooks, parsed(answers[0].body), TOOL).content
        hooks = dict(enumerate(listed)) if isinstance(listed, list) else listed if isinstance(listed, dict) else {}
        if wanted.private_address in hooks.values():
            return Registered(Outcome.UNCHANGED)
        old = [number for number, each in hooks.items() if str(each).startswith(f"{wanted.address}/")]
        if old and len(answers) == 1:
            return json_request("DELETE", f"{url}/{segment(str(old[0]), TOOL)}", PROOF)
        sent = urlencode({"webhookURL": wanted.private_address}).encode()
        made = replace(json_request("POST", url, PROOF), body=sent)
        return changed(bool(old), replace(made, headers=(*made.headers, probing.FORM)))

    def forms(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> tuple[Form, ...]:
        """The API's answer has the questions' words beside the answers; options are not told."""
        form = shaped(_Delivery, fields_of(request), TOOL).form
        content = shaped(_Answer, parsed(answers[0].body), TOOL).content
        words = ((f"q{number}_{about.get('name', '')}", about.get("text")) for number, about in content.answers.items())
        return (Form(form, tuple(Question(ref, text) for ref, text in words if isinstance(text, str))),)

    def define(self, form_id: str, answers: Sequence[ApiAnswer] = ()) -> Form | RequestNeeded | None:
        """The form's questions, GET /form/{id}/questions."""
        if answers:
            asked = shaped(_Questions, parsed(answers[0].body), TOOL).content
            return Form(form_id, tuple(each for number, about in asked.items() for each in about.questions(number)))
        url = f"https://{self.api_host}/form/{segment(form_id, TOOL)}/questions"
        return json_request("GET", url, PROOF, form_id=form_id)

    def _response(self, content: _Content) -> Response:
        zoned = self.time_zone != ""
        return Response(
            form_id=content.form_id,
            response_id=content.id,
            answers=answers_of(dict(_flat(content.answers))),
            hidden={},
            submitted_at=local(moment(content.created_at), self.time_zone) if zoned else None,
            revised_at=local(moment(content.updated_at), self.time_zone) if zoned else None,
        )


def _flat(answers: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Answers by field; of a matrix each row's under `field.row`."""
    for number, about in answers.items():
        name, value = f"q{number}_{about.get('name', '')}", about.get("answer")
        if isinstance(value, dict):
            yield from ((f"{name}.{row}", chosen) for row, chosen in value.items())
        else:
            yield name, value
