"""Qualtrics event subscriptions: thin. A form-encoded event with an HMAC among its fields; the API gives the
answers.

Sources: https://api.qualtrics.com (subscriptions, responses, survey-definitions), read through mirrors; the signature
from a public receiver with test vectors (kyma-incubator/connector-tools). There is no delivery id and no signed time.
Right after the event the response may not be readable: 404 means "not yet". Unverified, each one line below: how often
an event is sent again; statuses of previews and tests (`TESTS`); the parts of a definition (`_Defined`);
`encrypt: true` is not supported (leave it false).
Back-fill is an export in three steps (secondary sources agree): begun, waited for, and got as a zip with one JSON file;
that `startDate` filters by when a response was recorded is unverified. Only a brand administrator may subscribe.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.intake.core import probing
from services.intake.core.api import json_request, responses_of, segment
from services.intake.core.errors import Reason, ReasonCode, Unreadable
from services.intake.core.form import Asks, Form, Option, Question, choices
from services.intake.core.form_body import fields_of
from services.intake.core.json_body import parsed
from services.intake.core.polling import Backfilled, Turned, form_of, moved_on
from services.intake.core.registering import Change, Outcome, Registered, Wanted, changed
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
PROOF = ("X-API-TOKEN", TOKEN)
TOPIC = "surveyengine.completedResponse"
EXPORT_WAIT = timedelta(seconds=5)
"""Between two looks at how far an export is."""
LARGEST_EXPORT = 64 * 2**20
"""Bytes of an export when it is unpacked."""
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


class _Exporting(Shape):
    progressId: str = ""  # noqa: N815
    fileId: str = ""  # noqa: N815
    status: str = ""


class _Progress(Shape):
    result: _Exporting


class _Export(Shape):
    responses: tuple[Any, ...] = ()


class _Subscription(Shape):
    id: str
    topics: str | None = None
    publicationUrl: str | None = None  # noqa: N815


class _Elements(Shape):
    elements: tuple[_Subscription, ...] = ()


class _Subscriptions(Shape):
    result: _Elements


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
class Qualtrics(Backfilled, Webhook):
    """Qualtrics' subscription: HMAC-SHA512 of the decoded field `MSG` in the field `HMAC`, hexadecimal."""

    api_host: str = setting(
        "host of the brand's data centre, such as lhr1.qualtrics.com (Account settings, Qualtrics IDs)"
    )

    def handshake(self, request: RawRequest, secrets: Secrets) -> Reply | Refused | None:  # noqa: ARG002
        """The publication address must answer GET as well."""
        return Reply() if request.method in {"GET", "HEAD"} else None

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:  # noqa: ARG002
        """The signature covers `MSG`: of the other fields nothing is believed."""
        return SIGNATURE.verify(request, secrets)

    def probe(self, mark: str, secrets: Secrets, now: datetime) -> RawRequest | None:  # noqa: ARG002
        """An event whose `MSG` is the probe."""
        return RawRequest(SIGNATURE.signed(probing.body_of(mark), secrets.each[0]), (probing.FORM,))

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
        response = _response(event.SurveyID, result)
        if response is None:
            return NothingSaid(Reason(ReasonCode.TEST_DELIVERY, f"the response was given in {TOOL}'s preview"))
        return Responses((response,))

    def ask(self, form_id: str, cursor: str | None) -> RequestNeeded:
        """Begin an export of what was recorded since a moment."""
        wanted = {"format": "json"} | ({"startDate": cursor} if cursor else {})
        return json_request("POST", self._exports(form_id), PROOF, wanted, form_id=form_id)

    def turned(self, cursor: str | None, asked: RequestNeeded, answer: ApiAnswer) -> Turned:
        """How far the export is, until there is a file; then that file, which is all."""
        if asked.url.endswith("/file"):
            return Turned(moved_on(cursor, [moment(each) for each in _recorded(answer.body)]))
        said = shaped(_Progress, parsed(answer.body), TOOL).result
        exports = self._exports(asked.form_id)
        if said.status == "failed":
            raise Unreadable(ReasonCode.API_REFUSED, f"{TOOL} could not make the export; try again later")
        if said.fileId:
            url = f"{exports}/{segment(said.fileId, TOOL)}/file"
            return Turned(cursor, json_request("GET", url, PROOF, form_id=asked.form_id), page=False)
        url = f"{exports}/{segment(said.progressId, TOOL)}" if said.progressId else asked.url
        more = json_request("GET", url, PROOF, form_id=asked.form_id)
        return Turned(cursor, more, page=False, wait=EXPORT_WAIT)

    def read_page(self, page: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """The responses of an exported file."""
        form = form_of(page)
        return responses_of(_exported(page.body), lambda sent: _response(form, shaped(_Result, sent, TOOL)))

    def register(self, wanted: Wanted, answers: Sequence[ApiAnswer]) -> RequestNeeded | Change | Registered:
        """POST; a subscription can't be changed, so one that is to be made anew is deleted first."""
        url = f"https://{self.api_host}/API/v3/eventsubscriptions"
        if not answers:
            return json_request("GET", url, PROOF)
        topic = f"{TOPIC}.{segment(wanted.form_id, TOOL)}"
        there = [
            each
            for each in shaped(_Subscriptions, parsed(answers[0].body), TOOL).result.elements
            if (each.publicationUrl, each.topics) == (wanted.address, topic)
        ]
        if there and not wanted.anew:
            return Registered(Outcome.UNCHANGED)
        if there and len(answers) == 1:
            return json_request("DELETE", f"{url}/{segment(there[0].id, TOOL)}", PROOF)
        wish = {"topics": topic, "publicationUrl": wanted.address, "encrypt": False, "sharedKey": wanted.secret}
        return changed(bool(there), json_request("POST", url, PROOF, wish))

    def _exports(self, form: str) -> str:
        return f"https://{self.api_host}/API/v3/surveys/{segment(form, TOOL)}/export-responses"

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
        url = f"https://{self.api_host}/API/v3/survey-definitions/{segment(form_id, TOOL)}"
        return json_request("GET", url, PROOF, form_id=form_id)


def _recorded(body: bytes) -> list[str]:
    """When each response of an export was recorded."""
    values = [each.get("values") for each in _exported(body) if isinstance(each, dict)]
    return [str(each.get("recordedDate") or "") for each in values if isinstance(each, dict)]


def _exported(body: bytes) -> tuple[Any, ...]:
    """The responses in an export: the one JSON file of a zip. Raises Unreadable."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            (file,) = archive.infolist()
            is_usual = file.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
            if file.file_size > LARGEST_EXPORT:
                raise Unreadable(ReasonCode.UNEXPECTED_SHAPE, f"{TOOL}'s export is too large; ask for a later --since")
            text = archive.read(file) if is_usual else b""  # never more than `file_size`
    except (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, RuntimeError, EOFError):
        raise Unreadable(ReasonCode.UNEXPECTED_SHAPE, f"what {TOOL} exported is no zip with one file") from None
    return shaped(_Export, parsed(text), TOOL).responses


def _response(form: str, result: _Result) -> Response | None:
    """None for a preview or a test."""
    values = shaped(_Values, result.values, TOOL)
    if values.status in TESTS:
        return None
    return Response(
        form_id=form,
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
