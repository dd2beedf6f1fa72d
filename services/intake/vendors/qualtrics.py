"""Qualtrics event subscriptions: thin. A form-encoded event with an HMAC among its fields; the API gives the
answers.

Sources: https://api.qualtrics.com (subscriptions, responses), read through mirrors; the signature from a public
receiver with test vectors (kyma-incubator/connector-tools). There is no delivery id and no signed time. Right after
the event the response may not be readable: 404 means "not yet". Unverified, each one line below: how often an event
is sent again; statuses of previews and tests (`TESTS`); `encrypt: true` is not supported (leave it false).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.intake.core.errors import Reason, ReasonCode, Unreadable
from services.intake.core.form_body import fields_of
from services.intake.core.json_body import parsed
from services.intake.core.schemes.hmac_signature import HmacField
from services.intake.core.shapes import Shape, answers_of, moment, shaped, unknown_event
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import (
    TOKEN,
    ApiAnswer,
    NothingSaid,
    Reading,
    Refused,
    Reply,
    RequestNeeded,
    Response,
    Responses,
    Secrets,
    Verified,
)
from services.intake.core.webhook import Webhook, in_utc, setting

TOOL = "Qualtrics"
SIGNATURE = HmacField("HMAC", signed_field="MSG", algorithm="sha512")
TESTS = frozenset({"1", "2", "9", "17"})
"""`values.status` of previews and test responses."""
HOUSEKEEPING = frozenset(
    {"startDate", "endDate", "status", "ipAddress", "progress", "duration", "finished", "recordedDate", "_recordId"}
    | {"locationLatitude", "locationLongitude", "distributionChannel", "userLanguage"}
)


class _Event(Shape):
    SurveyID: str = ""
    ResponseID: str = ""


class _Values(Shape):
    finished: bool
    status: str = ""
    endDate: str | None = None  # noqa: N815  (the sender's names)
    recordedDate: str | None = None  # noqa: N815


class _Result(Shape):
    responseId: str  # noqa: N815
    values: dict[str, Any]


class _Answer(Shape):
    result: _Result


@dataclass(frozen=True)
class Qualtrics(Webhook):
    """Qualtrics' subscription: HMAC-SHA512 of the decoded field `MSG` in the field `HMAC`, hexadecimal."""

    api_host: str = setting(
        "host of the brand's data centre, such as lhr1.qualtrics.com (Account settings, Qualtrics IDs)"
    )

    @property
    def api_hosts(self) -> frozenset[str]:
        """The brand's data centre."""
        return frozenset({self.api_host})

    def handshake(self, request: RawRequest, secrets: Secrets) -> Reply | Refused | None:  # noqa: ARG002
        """The publication address must answer GET as well."""
        return Reply() if request.method in {"GET", "HEAD"} else None

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:  # noqa: ARG002
        """The signature covers `MSG`: of the other fields nothing is believed."""
        return SIGNATURE.verify(request, secrets)

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:
        """The response, once the API has given it. Ratings are recode values, fields `QID…` and embedded data."""
        event = shaped(_Event, parsed(fields_of(request).get("MSG", "").encode("utf-8", "surrogatepass")), TOOL)
        if not (_is_id(event.SurveyID) and _is_id(event.ResponseID)):
            raise unknown_event(TOOL, "surveyengine.completedResponse")
        if not answers:
            return RequestNeeded(
                "GET",
                f"https://{self.api_host}/API/v3/surveys/{event.SurveyID}/responses/{event.ResponseID}",
                (("X-API-TOKEN", TOKEN), ("Accept", "application/json")),
                form_id=event.SurveyID,
                response_id=event.ResponseID,
                not_yet=frozenset({404}),
            )
        result = shaped(_Answer, parsed(answers[0].body), TOOL).result
        if result.responseId != event.ResponseID:
            raise Unreadable(ReasonCode.NOT_CONFIRMED, f"{TOOL} answered with another response than was asked for")
        values = shaped(_Values, result.values, TOOL)
        if values.status in TESTS:
            return NothingSaid(Reason(ReasonCode.TEST_DELIVERY, f"the response was given in {TOOL}'s preview"))
        return Responses((_response(event, result, values),))


def _response(event: _Event, result: _Result, values: _Values) -> Response:
    return Response(
        form_id=event.SurveyID,
        response_id=result.responseId,
        answers=answers_of(result.values, without=HOUSEKEEPING),
        hidden={},
        submitted_at=in_utc(moment(values.endDate)) if values.finished else None,
        partial=not values.finished,
        revision=values.recordedDate,
        revised_at=in_utc(moment(values.recordedDate)),
    )


def _is_id(name: str) -> bool:
    """Whether this may stand in an address."""
    return bool(re.fullmatch(r"[A-Za-z0-9_-]{1,100}", name))
