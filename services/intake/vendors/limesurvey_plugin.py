"""LimeSurvey by the plugin LimeSurveyWebhook: JSON on each completed response, with a token in the body.

Sources: triat/LimeSurveyWebhook v3.0.0 (LimeSurveyWebhook.php) for the delivery; LimeSurvey's remotecontrol_handle.php
for back-fill and for what a form asks. One attempt, the reply is ignored: what is missed comes by back-fill. That opens
a session for each request, and exports the responses by their numbers, from the first on, finished or not; edits change
no time, so they are not found. `submitDate` is the server's local time without a zone (setting `time_zone`).
Unverified, each one line below: newer versions may name columns otherwise than
`<survey>X<group>X<question><subquestion>` (whatever a delivery names them, they are the keys; `_columns` says how an
export's codes become them); the two shapes of an export (`_rows`); what is said when there is nothing (`NOTHING`).
"""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.intake.core import probing
from services.intake.core.api import ACCEPT, responses_of
from services.intake.core.errors import ReasonCode, Unreadable
from services.intake.core.form import Asks, Form, Question
from services.intake.core.json_body import parsed
from services.intake.core.polling import Backfilled, Turned, form_of
from services.intake.core.registering import SECRET, Paste, Steps, Wanted
from services.intake.core.schemes import tokens
from services.intake.core.shapes import Shape, answers_of, moment, shaped, unknown_event
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import (
    SESSION,
    TOKEN,
    ApiAnswer,
    Reading,
    Refusal,
    Refused,
    RequestNeeded,
    Response,
    Responses,
    Secrets,
    Verified,
)
from services.intake.core.webhook import Webhook, local, setting, time_zone_setting

TOOL = "LimeSurvey"
PAGE = 250
NOTHING = "No Data"
LONG = frozenset({"T", "U"})
"""Types of questions that want words."""
SILENT = frozenset({"X", "*", "|"})
"""Types that ask nothing, or for a file."""
COMPLETED = "afterSurveyComplete"
HOUSEKEEPING = frozenset({"id", "submitdate", "startdate", "datestamp", "lastpage", "startlanguage", "seed", "ipaddr"})


class _Body(Shape):
    survey: str
    event: str
    respondId: str  # noqa: N815  (the sender's names)
    response: dict[str, Any]
    submitDate: str | None = None  # noqa: N815


class _Row(Shape):
    id: str
    submitdate: str | None = None


class _Asked(Shape):
    """A question, or a part of one (`parent_qid`), as `list_questions` has it."""

    qid: str
    parent_qid: str = "0"
    gid: str = ""
    sid: str = ""
    title: str = ""
    type: str = ""
    question: str | None = None


@dataclass(frozen=True)
class LimeSurveyPlugin(Backfilled, Webhook):
    """The plugin's delivery; `api_token` in the body is the secret, and nothing is signed."""

    api_url: str = setting(
        "for back-fill: the address of RemoteControl 2, https://survey.example.org/index.php/admin/remotecontrol", ""
    )
    username: str = setting("for back-fill: RemoteControl's user; the API token is the password", "")
    time_zone: str = time_zone_setting()

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:  # noqa: ARG002
        """The token proves the server."""
        try:
            body = parsed(request.body)
        except Unreadable:
            return Refused(Refusal.MISSING_TOKEN)
        token = body.get("api_token") if isinstance(body, dict) else None
        if token is None:
            return tokens.judged((), secrets)
        verdict = tokens.judged([token] if isinstance(token, str) else [], secrets)
        return Refused(Refusal.BAD_TOKEN) if verdict == Refused(Refusal.MISSING_TOKEN) else verdict

    def probe(self, mark: str, secrets: Secrets, now: datetime) -> RawRequest | None:  # noqa: ARG002
        """With the token in the body, as the plugin has it."""
        return RawRequest(probing.body_of(mark, api_token=secrets.each[0]), (probing.JSON,))

    def steps(self, wanted: Wanted) -> Steps:
        """The plugin's settings."""
        return Steps(
            (
                "In LimeSurvey install the plugin LimeSurveyWebhook and activate it (Configuration, Plugins).",
                f"Open survey {wanted.form_id}, Settings, Simple plugins, and paste what is below.",
                "Missed responses don't come again: with `api_url`, `username` and an API token they are asked for.",
            ),
            (Paste("Webhook URL", wanted.address), Paste("API token", SECRET)),
        )

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """The response's raw columns: answer codes such as A3, not their labels."""
        sent = shaped(_Body, parsed(request.body), "the LimeSurvey plugin")
        if sent.event != COMPLETED:
            raise unknown_event("LimeSurvey", COMPLETED)
        response = Response(
            form_id=sent.survey,
            response_id=sent.respondId,
            answers=answers_of(sent.response, without=HOUSEKEEPING),
            hidden={},
            submitted_at=local(moment(sent.submitDate), self.time_zone),
        )
        return Responses((response,))

    def session(self, answer: ApiAnswer) -> str:
        """A session is a text; anything else says why there is none."""
        key = _result(answer)
        if not isinstance(key, str):
            raise _refused(key, "check the setting `username` and the API token, which is the password")
        return key

    def starting(self, since: datetime) -> str | None:  # noqa: ARG002
        """It can't be asked by time."""
        return None

    def ask(self, form_id: str, cursor: str | None) -> RequestNeeded:  # noqa: ARG002
        """The responses by their numbers, from the first on."""
        return self._export(form_id, 1)

    def turned(self, cursor: str | None, asked: RequestNeeded, answer: ApiAnswer) -> Turned:  # noqa: ARG002
        """The next numbers, until there are none."""
        rows, first = list(_rows(answer)), json.loads(asked.body)["params"][7]
        return Turned(None, self._export(asked.form_id, first + PAGE) if rows else None, page=bool(rows))

    def read_page(self, page: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:
        """Responses by the codes of questions; the survey's questions say which columns those are."""
        form = form_of(page)
        if not answers:
            return replace(self._call("list_questions", form, _number(form)), same_for_all=True)
        columns = {code: column for _, code, column in _columns(answers[-1])}

        def read(sent: dict[str, Any]) -> Response:
            row = shaped(_Row, sent, TOOL)
            return Response(
                form_id=form,
                response_id=row.id,
                answers=answers_of({columns.get(name, name): sent[name] for name in sent}, without=HOUSEKEEPING),
                hidden={},
                submitted_at=local(moment(row.submitdate), self.time_zone),
                partial=not row.submitdate,
            )

        return responses_of(_rows(ApiAnswer(page.body)), read)

    def define(self, form_id: str, answers: Sequence[ApiAnswer] = ()) -> Form | RequestNeeded | None:
        """The survey's questions, without the labels of their answers; None without the address of RemoteControl."""
        if not answers:
            return self._call("list_questions", form_id, _number(form_id)) if self.api_url else None
        found = list(_columns(answers[0]))
        divided = {asked.parent_qid for asked, _, _ in found}
        return Form(
            form_id,
            tuple(
                Question(column, asked.question or "", Asks.TEXT if asked.type in LONG else Asks.ANYTHING)
                for asked, _, column in found
                if asked.qid not in divided and asked.type not in SILENT
            ),
        )

    def _export(self, form: str, first: int) -> RequestNeeded:
        wanted = ("json", None, "all", "code", "short", first, first + PAGE - 1)
        return self._call("export_responses", form, _number(form), *wanted)

    def _call(self, method: str, form: str, *params: Any) -> RequestNeeded:
        if not self.api_url or not self.username:
            words = "the connection needs the settings `api_url` and `username`: without them LimeSurvey can't be asked"
            raise Unreadable(ReasonCode.UNEXPECTED_SHAPE, words)
        opening = self._request("get_session_key", self.username, TOKEN)
        return replace(self._request(method, SESSION, *params), form_id=form, opening=opening)

    def _request(self, method: str, *params: Any) -> RequestNeeded:
        body = json.dumps({"method": method, "params": params, "id": 1}).encode()
        return RequestNeeded("POST", self.api_url, (ACCEPT, ("Content-Type", "application/json")), body)


def _number(form: str) -> int:
    if not (form.isascii() and form.isdigit() and len(form) <= 20):
        raise Unreadable(ReasonCode.UNKNOWN_FORM, f"this is no id of a survey of {TOOL}")
    return int(form)


def _result(answer: ApiAnswer) -> Any:
    said = parsed(answer.body)
    return said.get("result") if isinstance(said, dict) else None


def _refused(result: Any, cure: str) -> Unreadable:
    status = result.get("status") if isinstance(result, dict) else None
    return Unreadable(ReasonCode.UNEXPECTED_SHAPE, f"{TOOL} answered “{str(status or 'nothing')[:200]}”; {cure}")


def _rows(answer: ApiAnswer) -> Iterator[dict[str, Any]]:
    """The responses of an export: a list of them, in older versions each under its number. Raises Unreadable."""
    result = _result(answer)
    if isinstance(result, dict) and str(result.get("status", "")).startswith(NOTHING):
        return
    try:
        value = parsed(base64.b64decode(result, validate=True)) if isinstance(result, str) else None
    except ValueError:
        value = None
    listed = value.get("responses") if isinstance(value, dict) else None
    if not isinstance(listed, list):
        raise _refused(result, "check the survey's number, and the user's right to export its responses")
    for each in listed:
        inner = next(iter(each.values())) if isinstance(each, dict) and len(each) == 1 else each
        yield inner if isinstance(inner, dict) else {}


def _columns(answer: ApiAnswer) -> Iterator[tuple[_Asked, str, str]]:
    """Each question and each part of one: itself, its code in an export, and the column that a delivery names."""
    listed = _result(answer)
    if not isinstance(listed, list):
        raise _refused(listed, "check the survey's number, and the user's right to read it")
    asked = {each.qid: each for each in (shaped(_Asked, every, TOOL) for every in listed)}
    for each in asked.values():
        whole = asked.get(each.parent_qid)
        if whole is None:
            yield each, each.title, _column(each)
        else:
            yield each, f"{whole.title}[{each.title}]", f"{_column(whole)}{each.title}"


def _column(asked: _Asked) -> str:
    return f"{asked.sid}X{asked.gid}X{asked.qid}"
