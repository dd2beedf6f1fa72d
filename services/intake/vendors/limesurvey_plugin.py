"""LimeSurvey by the plugin LimeSurveyWebhook: JSON on each completed response, with a token in the body.

Source: triat/LimeSurveyWebhook v3.0.0 (LimeSurveyWebhook.php). One attempt, the reply is ignored: what is missed
comes by back-fill. `submitDate` is the server's local time without a zone (setting `time_zone`). Unverified: newer
LimeSurvey versions may name columns otherwise than `<survey>X<group>X<question><subquestion>`; whatever they are,
they are the keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.intake.core import probing
from services.intake.core.errors import Unreadable
from services.intake.core.json_body import parsed
from services.intake.core.registering import SECRET, Paste, Steps, Wanted
from services.intake.core.schemes import tokens
from services.intake.core.shapes import Shape, answers_of, moment, shaped, unknown_event
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import (
    ApiAnswer,
    Reading,
    Refusal,
    Refused,
    Response,
    Responses,
    Secrets,
    Verified,
)
from services.intake.core.webhook import Webhook, local, time_zone_setting

COMPLETED = "afterSurveyComplete"
HOUSEKEEPING = frozenset({"id", "submitdate", "startdate", "datestamp", "lastpage", "startlanguage", "seed", "ipaddr"})


class _Body(Shape):
    survey: str
    event: str
    respondId: str  # noqa: N815  (the sender's names)
    response: dict[str, Any]
    submitDate: str | None = None  # noqa: N815


@dataclass(frozen=True)
class LimeSurveyPlugin(Webhook):
    """The plugin's delivery; `api_token` in the body is the secret, and nothing is signed."""

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
                "Missed responses do not come again: compare the counts before the cohort closes.",
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
