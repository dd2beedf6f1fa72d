"""Google Forms by an Apps Script of our own: Standard Webhooks headers, a body that the script composes.

`steps` has the script (an installable onFormSubmit trigger). Sources:
https://developers.google.com/apps-script (FormResponse, ItemResponse, Utilities.computeHmacSha256Signature). The
script signs at the moment of sending; nothing is sent again by itself. Unverified: the script has not been run at
Google.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from services.intake.core.form import Asks, Form, Question
from services.intake.core.json_body import parsed
from services.intake.core.proofs import SignedMessage
from services.intake.core.registering import SECRET, Paste, Steps, Wanted
from services.intake.core.shapes import Shape, answer_of, moment, put, shaped
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import (
    AnswerValue,
    ApiAnswer,
    Reading,
    Response,
    Responses,
)

SCRIPT = """// Google Forms to talentline. Script properties: SECRET. Trigger: onSubmit, from form, on form submit.
const ADDRESS = %s;

function onSubmit(e) {
  const response = e.response, time = String(Math.floor(Date.now() / 1000));
  const id = response.getId() + ':' + response.getTimestamp().getTime();
  const body = JSON.stringify({
    source: 'google_apps_script', form_id: e.source.getId(), response_id: response.getId(),
    timestamp: response.getTimestamp().toISOString(), respondent_email: response.getRespondentEmail(),
    items: response.getItemResponses().map(item => ({
      id: String(item.getItem().getId()), title: item.getItem().getTitle(),
      type: String(item.getItem().getType()), response: item.getResponse()}))});
  const secret = PropertiesService.getScriptProperties().getProperty('SECRET');
  const key = Utilities.base64Decode(secret.replace('whsec_', ''));
  const signed = Utilities.newBlob(id + '.' + time + '.' + body).getBytes();
  const signature = Utilities.base64Encode(Utilities.computeHmacSha256Signature(signed, key));
  UrlFetchApp.fetch(ADDRESS, {method: 'post', contentType: 'application/json',
    payload: Utilities.newBlob(body).getBytes(),
    headers: {'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': 'v1,' + signature}});
}
"""


class _Item(Shape):
    id: str
    title: Any = None
    type: Any = None
    response: Any = None

    @property
    def question(self) -> Question:
        """What it asks."""
        return Question(self.id, str(self.title or ""), Asks.TEXT if self.type == "PARAGRAPH_TEXT" else Asks.ANYTHING)

    def answers(self) -> Iterator[tuple[str, AnswerValue | None]]:
        """The answer under the item's id; of a grid each row's as well, under `id.1`, `id.2`, … in its order."""
        if isinstance(self.response, list):
            for number, row in enumerate(self.response, start=1):
                yield f"{self.id}.{number}", answer_of(row)
        yield self.id, answer_of(self.response)


class _Body(Shape):
    form_id: str
    response_id: str
    timestamp: str | None = None
    respondent_email: str | None = None
    items: tuple[_Item, ...] = ()


@dataclass(frozen=True)
class GoogleAppsScript(SignedMessage):
    """The script's delivery; the message id is the response's id and its time."""

    def steps(self, wanted: Wanted) -> Steps:
        """The script, and where it goes."""
        return Steps(
            (
                "Open the form, the three dots, Apps Script, and replace everything in Code.gs by the script below.",
                "Project settings, Script properties: add SECRET with the value below.",
                "Triggers, Add trigger: function onSubmit, event source From form, event type On form submit.",
                "Nothing is sent again by itself: compare the counts before the cohort closes.",
            ),
            (Paste("Code.gs", SCRIPT % json.dumps(wanted.address)), Paste("Script property SECRET", SECRET)),
        )

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """The response that the trigger was called with; items are keyed by their id."""
        sent = shaped(_Body, parsed(request.body), "the script of docs/vendors.md")
        answered: dict[str, AnswerValue | None] = {}
        for item in sent.items:
            for name, value in item.answers():
                put(answered, name, value)
        put(answered, "respondent_email", sent.respondent_email)
        response = Response(
            form_id=sent.form_id,
            response_id=sent.response_id,
            answers=answered,
            hidden={},
            submitted_at=moment(sent.timestamp),
        )
        return Responses((response,))

    def forms(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> tuple[Form, ...]:  # noqa: ARG002
        """The items' titles; the script sends no options, and no names of a grid's rows."""
        sent = shaped(_Body, parsed(request.body), "the script of docs/vendors.md")
        return (Form(sent.form_id, tuple(each.question for each in sent.items)),)
