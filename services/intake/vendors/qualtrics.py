"""Qualtrics event subscriptions: thin. A form-encoded event with an HMAC among its fields; the API gives the
answers.

Sources: https://api.qualtrics.com (subscriptions, responses, survey-definitions), read through mirrors; the signature
from a public receiver with test vectors (kyma-incubator/connector-tools). There is no delivery id and no signed time.
Right after the event the response may not be readable: 404 means "not yet". Unverified, each one line below: how often
an event is sent again; statuses of previews and tests (`TESTS`); the parts of a definition (`_Defined`);
`encrypt: true` is not supported (leave it false).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.intake.core.errors import Reason, ReasonCode, Unreadable
from services.intake.core.form import Asks, Form, Option, Question, choices
from services.intake.core.form_body import fields_of
from services.intake.core.json_body import parsed
from services.intake.core.schemes.hmac_signature import HmacField
from services.intake.core.shapes import Shape, answers_of, moment, shaped, unknown_event
from services.intake.core.submission import RawRequest
from services.intake.core.text import spelled
from services.intake.core.vendor import (
    TOKEN,
    AnswerValue,
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
    labels: Any = None


class _Answer(Shape):
    result: _Result


class _Choice(Shape):
    Display: str = ""


class _Defined(Shape):
    """A question of a survey's definition; a matrix has statements in `Choices` and what is chosen in `Answers`."""

    QuestionText: str = ""
    QuestionType: str = ""
    Choices: Any = None
    Answers: Any = None
    RecodeValues: Any = None

    def questions(self, name: str) -> Iterator[Question]:
        """What it asks; of a matrix each row, `QID_row`."""
        if self.QuestionType == "TE":
            yield Question(f"{name}_TEXT", self.QuestionText, Asks.TEXT)
        elif self.QuestionType == "Matrix":
            for row, text in _named(self.Choices):
                yield choices(f"{name}_{row}", text, self._recoded(self.Answers))
        elif self.QuestionType != "DB":
            yield choices(name, self.QuestionText, self._recoded(self.Choices))

    def _recoded(self, options: Any) -> Iterator[tuple[str, str]]:
        """What is sent for an option is its recode value."""
        values = self.RecodeValues if isinstance(self.RecodeValues, dict) else {}
        return ((str(values.get(number, number)), label) for number, label in _named(options))


class _Survey(Shape):
    SurveyID: str
    Questions: dict[str, _Defined]


class _Definition(Shape):
    result: _Survey


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

    def forms(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> tuple[Form, ...]:
        """What people chose stands in `labels` beside the recode values; what was asked is not told."""
        event = shaped(_Event, parsed(fields_of(request).get("MSG", "").encode("utf-8", "surrogatepass")), TOOL)
        result = shaped(_Answer, parsed(answers[0].body), TOOL).result
        labels = answers_of(result.labels if isinstance(result.labels, dict) else {}, without=HOUSEKEEPING)
        sent = answers_of(result.values)
        chosen = (
            Question(name, options=(Option(_sent(sent[name]), str(label)),))
            for name, label in labels.items()
            if name in sent
        )
        return (Form(event.SurveyID, tuple(chosen)),)

    def define(self, form_id: str, answers: Sequence[ApiAnswer] = ()) -> Form | RequestNeeded | None:
        """The survey's definition."""
        if answers:
            survey = shaped(_Definition, parsed(answers[0].body), TOOL).result
            asked = [each for name, about in survey.Questions.items() for each in about.questions(name)]
            return Form(survey.SurveyID, tuple(asked))
        if not _is_id(form_id):
            raise Unreadable(ReasonCode.UNKNOWN_FORM, f"this is no id of a survey of {TOOL}, such as SV_…")
        url = f"https://{self.api_host}/API/v3/survey-definitions/{form_id}"
        return RequestNeeded("GET", url, (("X-API-TOKEN", TOKEN), ("Accept", "application/json")), form_id=form_id)


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


def _sent(value: AnswerValue | None) -> str:
    return spelled(value) if isinstance(value, int | float) else str(value)


def _named(options: Any) -> Iterator[tuple[str, str]]:
    for number, about in options.items() if isinstance(options, dict) else ():
        yield str(number), shaped(_Choice, about, TOOL).Display


def _is_id(name: str) -> bool:
    """Whether this may stand in an address."""
    return bool(re.fullmatch(r"[A-Za-z0-9_-]{1,100}", name))
