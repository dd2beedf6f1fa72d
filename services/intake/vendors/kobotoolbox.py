"""KoboToolbox REST Services: flat JSON of one submission, with a password and no signature.

Source: kobotoolbox/kpi at 2e5efb01 (kobo/apps/hook). Only 502, 503, 504 and time-outs are tried again; edits are not
sent again. Unverified, each one line below: `_submission_time` is UTC unless the setting `time_zone` says otherwise
(`in_utc`); several choices are divided by spaces (they stay one text here).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import Field

from services.intake.core.errors import ReasonCode, Unreadable
from services.intake.core.json_body import parsed
from services.intake.core.schemes import tokens
from services.intake.core.shapes import Shape, answers_of, moment, shaped
from services.intake.core.submission import SECRET_HEADER, RawRequest
from services.intake.core.vendor import ApiAnswer, Reading, Refused, Response, Responses, Secrets, Verified
from services.intake.core.webhook import Webhook, in_utc, local, setting, time_zone_setting

HOUSEKEEPING = ("_", "formhub/", "meta/")


class _Body(Shape):
    uuid: str = Field(alias="_uuid", min_length=1)
    form: str = Field(alias="_xform_id_string")
    submitted: str | None = Field(default=None, alias="_submission_time")


@dataclass(frozen=True)
class KoboToolbox(Webhook):
    """Kobo's REST service: Basic authentication, whose password is the secret, or a header of the project's choice."""

    username: str = setting("user name of Basic authentication in the REST service's settings", "kobo")
    header: str = setting("the custom header that carries the secret instead; its name must say so (token, secret)", "")
    time_zone: str = time_zone_setting()

    def _is_right(self, name: str, value: str) -> bool:
        return super()._is_right(name, value) and (name != "header" or bool(SECRET_HEADER.search(value)))

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:  # noqa: ARG002
        """The secret proves the server; body and time are not signed."""
        if self.header:
            return tokens.in_header(request, self.header, secrets)
        return tokens.basic(request, self.username, secrets)

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """The submission; fields are keyed with their groups, such as `ratings/c01`."""
        value: Any = parsed(request.body)
        if not isinstance(value, dict):
            raise Unreadable(ReasonCode.UNEXPECTED_SHAPE, "the body is not a submission of KoboToolbox")
        sent = shaped(_Body, value, "KoboToolbox")
        fields = {name: each for name, each in value.items() if not name.startswith(HOUSEKEEPING)}
        response = Response(
            form_id=sent.form,
            response_id=sent.uuid,
            answers=answers_of(fields),
            hidden={},
            submitted_at=in_utc(local(moment(sent.submitted), self.time_zone)),
        )
        return Responses((response,))
