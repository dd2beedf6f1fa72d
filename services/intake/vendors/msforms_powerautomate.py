"""Microsoft Forms by a Power Automate flow: the body is ours (template `msforms.v1`), the flow's HTTP action sends it.

Microsoft Forms has no webhook for others; docs/vendors.md has the flow and the text to paste. Sources: public write-ups
of such flows, for `responder`, `submitDate` (M/d/yyyy h:mm:ss AM/PM in UTC), one key `r` + 32 hexadecimal digits a
question, every answer a text, a skipped one empty, several choices a JSON list inside a text; Microsoft's documentation
for retries (408, 429, 5xx; any other 4xx loses the response). Unverified: whether editing a response starts the flow
again (then its `submitDate` decides which state counts), and the date's format in other locales (`_submitted`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from services.intake.core import probing
from services.intake.core.errors import ReasonCode, Unreadable
from services.intake.core.json_body import parsed
from services.intake.core.registering import SECRET, Paste, Steps, Wanted
from services.intake.core.schemes import tokens
from services.intake.core.shapes import Shape, answer_of, moment, shaped
from services.intake.core.submission import SECRET_HEADER, RawRequest
from services.intake.core.vendor import (
    AnswerValue,
    ApiAnswer,
    Reading,
    Refused,
    Response,
    Responses,
    Secrets,
    Verified,
)
from services.intake.core.webhook import Webhook, in_utc, setting

TOOL = "the flow"
BODY = """{
  "template": "msforms.v1",
  "form_id": %s,
  "response_id": "@{triggerOutputs()?['body/resourceData/responseId']}",
  "response": @{body('Get_response_details')}
}"""
DATE_FORMAT = "%m/%d/%Y %I:%M:%S %p"
UNFILLED = ("@{outputs(", "@{body(", "@{triggerOutputs(", "@{items(", "@outputs(", "@body(", "@triggerOutputs(")
"""How an expression begins that Power Automate did not evaluate."""


class _Body(Shape):
    template: str = ""
    form_id: str
    response_id: str
    response: Any


@dataclass(frozen=True)
class MicrosoftForms(Webhook):
    """A flow's delivery: the secret is the value of a header, or the password of Basic authentication."""

    header: str = setting("the header that carries the secret; its name must say so (token, secret)", "X-Intake-Token")
    username: str = setting("user name of Basic authentication, if the flow uses that instead of a header", "")

    def _is_right(self, name: str, value: str) -> bool:
        return super()._is_right(name, value) and (name != "header" or bool(SECRET_HEADER.search(value)))

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:  # noqa: ARG002
        """The secret proves the flow; body and time are not signed."""
        if self.username:
            return tokens.basic(request, self.username, secrets)
        return tokens.in_header(request, self.header, secrets)

    def probe(self, mark: str, secrets: Secrets, now: datetime) -> RawRequest | None:  # noqa: ARG002
        """With the header or the password, as the flow has it."""
        user = self.username
        proof = tokens.basic_header(user, secrets.each[0]) if user else (self.header, secrets.each[0])
        return RawRequest(probing.body_of(mark), (probing.JSON, proof))

    def steps(self, wanted: Wanted) -> Steps:
        """A flow of three steps."""
        proof = Paste(f"Headers: {self.header}", SECRET)
        if self.username:
            proof = Paste(f"Authentication: Basic, user name {self.username}, password", SECRET)
        return Steps(
            (
                "In Power Automate make an automated cloud flow with these three steps:",
                "1. When a new response is submitted (Microsoft Forms): choose the form.",
                "2. Get response details (Microsoft Forms): the same form, Response Id of step 1.",
                "3. HTTP (a premium connector): method POST; paste URI, headers and body from below.",
                "In the settings of step 3 switch Secure inputs on. Leave the names of the steps as they are.",
            ),
            (
                Paste("URI", wanted.address),
                Paste("Headers: Content-Type", "application/json"),
                proof,
                Paste("Body", BODY % json.dumps(wanted.form_id)),
            ),
        )

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """The response that the flow was started by."""
        if any(expression.encode() in request.body for expression in UNFILLED):
            _check_filled(request)
        body = shaped(_Body, parsed(request.body), TOOL)
        response = _unwrapped(body.response)
        details = {name: _answer(value) for name, value in response.items() if name != "submitDate"}
        return Responses(
            (
                Response(
                    form_id=body.form_id,
                    response_id=body.response_id,
                    answers={name: value for name, value in details.items() if value not in (None, "", ())},
                    hidden={},
                    submitted_at=_submitted(response.get("submitDate")),
                ),
            )
        )


def _check_filled(request: RawRequest) -> None:
    """Raises Unreadable if an expression stands where its value should."""
    body = parsed(request.body)
    sent = body if isinstance(body, dict) else {}
    response = sent.get("response")
    values = [
        sent.get("response_id"),
        sent.get("form_id"),
        *(response.values() if isinstance(response, dict) else [response]),
    ]
    if any(isinstance(value, str) and value.lstrip().startswith(UNFILLED) for value in values):
        raise Unreadable(
            ReasonCode.TEMPLATE_NOT_FILLED,
            "the flow sent its template's expressions (@{…}) as they stand; paste the body from docs/vendors.md into"
            " the HTTP action again so that Power Automate shows the expressions as tokens, and resubmit the run",
            form_id=str(sent.get("form_id") or ""),
        )


def _unwrapped(value: Any) -> dict[str, Any]:
    """The details of a response, also where the flow sent them as a text that holds JSON."""
    details = parsed(value.encode("utf-8", "surrogatepass")) if isinstance(value, str) else value
    if not isinstance(details, dict):
        raise Unreadable(ReasonCode.UNEXPECTED_SHAPE, "the flow's `response` is not what “Get response details” gives")
    return details


def _answer(value: Any) -> AnswerValue | None:
    """A text; several choices, which come as a JSON list inside a text, one by one."""
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        try:
            several = json.loads(value)
        except (ValueError, RecursionError):
            return value
        if isinstance(several, list) and all(isinstance(each, str) for each in several):
            return tuple(several)
    return answer_of(value)


def _submitted(sent: Any) -> datetime | None:
    text = sent.strip() if isinstance(sent, str) else ""
    try:
        return datetime.strptime(text, DATE_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return in_utc(moment(text))
