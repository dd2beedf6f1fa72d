"""SurveyMonkey webhooks: thin. The notification names a response; two requests to the API give its answers.

Source: SurveyMonkey/public_api_docs (includes/_webhooks.md, _responses.md, _surveys.md, _overview.md). The signature's
key is the app's client id, `&`, and its secret; there is no time in it. `response_updated` comes once for each page. A
private app may ask 120 times a minute and 500 times a day, so the survey's details are asked for once (`same_for_all`),
and anew where a choice is not in them. A webhook is known by its name, since the list of webhooks shows no more.
Unverified: retries, and when a webhook is switched off. `shapes` is what the API sends, `responses` what it means.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.intake.core import probing
from services.intake.core.api import json_request, responses_of, segment
from services.intake.core.errors import Reason, ReasonCode, Unreadable
from services.intake.core.form import Form
from services.intake.core.json_body import parsed, text_at
from services.intake.core.polling import Backfilled, Turned, form_of, moved_on, with_query
from services.intake.core.registering import Change, Outcome, Registered, Wanted, changed
from services.intake.core.schemes.hmac_signature import HmacHeader
from services.intake.core.shapes import moment, shaped, unknown_event
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import (
    TOKEN,
    ApiAnswer,
    NothingSaid,
    Pace,
    Reading,
    Refusal,
    Refused,
    Reply,
    RequestNeeded,
    Response,
    Responses,
    Secrets,
    Verified,
)
from services.intake.core.webhook import Webhook, setting
from services.intake.vendors.surveymonkey.responses import TOOL, choices_in, form_of_survey, response_of, texts_in
from services.intake.vendors.surveymonkey.shapes import Details, Hook, Hooks, Notice, Page

PROOF = ("Authorization", f"Bearer {TOKEN}")
PAGE = 100
EVENT = "response_completed"
"""What the webhook tells of: `response_updated` would come for each page of a survey. Edits come by back-fill."""
READABLE = frozenset({"response_completed", "response_updated", "response_created"})
SCREENED = frozenset({"response_disqualified", "response_overquota"})
PREVIEWS = frozenset({"preview", "survey_preview"})
"""Ways of collecting that are tests."""


@dataclass(frozen=True)
class SurveyMonkey(Backfilled, Webhook):
    """SurveyMonkey's webhook: HMAC-SHA1 of the raw body, base64, keyed with client id and secret."""

    client_id: str = setting("the app's client id; the connection's secret is the app's secret")
    api_host: str = setting("host of the API; api.eu.surveymonkey.com for accounts in Europe", "api.surveymonkey.com")

    @property
    def pace(self) -> Pace:
        """What a private app may ask."""
        return Pace(per_minute=120, per_day=500)

    def handshake(self, request: RawRequest, secrets: Secrets) -> Reply | Refused | None:  # noqa: ARG002
        """HEAD must be answered 200 at once, or the webhook can't be made."""
        return Reply() if request.method == "HEAD" else None

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:  # noqa: ARG002
        """The signature covers the raw body and no time; the API key, if sent, is the app's."""
        verdict = self._scheme.verify(request, secrets)
        other_app = any(sent.strip() != self.client_id for sent in request.header("Sm-Apikey"))
        return Refused(Refusal.API_KEY_MISMATCH) if verdict == Verified() and other_app else verdict

    @property
    def _scheme(self) -> HmacHeader:
        return HmacHeader("Sm-Signature", algorithm="sha1", key=lambda secret: f"{self.client_id}&{secret}")

    def probe(self, mark: str, secrets: Secrets, now: datetime) -> RawRequest | None:  # noqa: ARG002
        """Signed as the tool signs."""
        body = probing.body_of(mark)
        return RawRequest(body, (probing.JSON, self._scheme.signed(body, secrets.each[0])))

    def delivery_id(self, request: RawRequest) -> str | None:
        """The event's id."""
        return text_at(request.body, "event_id")

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:
        """The response, once its details and the survey's are there. Choices become their texts, rows of a matrix are
        `question.row`.
        """
        notice = shaped(Notice, parsed(request.body), TOOL)
        survey, response = notice.resources.survey_id, notice.object_id
        if notice.event_type in SCREENED:
            return NothingSaid(Reason(ReasonCode.SCREENED_OUT, f"{TOOL} screened this respondent out"))
        if notice.event_type == "response_deleted":
            raise _deleted(survey)
        if notice.event_type not in READABLE or not survey:
            raise unknown_event(TOOL, "response_completed, response_updated")
        path = f"/surveys/{_id(survey)}/responses/{_id(response)}/details"
        if not answers:
            return self._get(path, survey, response)
        if len(answers) == 1:
            return self._get(f"/surveys/{_id(survey)}/details", survey, response, same_for_all=True)
        details = shaped(Details, parsed(answers[0].body), TOOL)
        if details.collection_mode in PREVIEWS:
            return NothingSaid(Reason(ReasonCode.TEST_DELIVERY, "the response was given in SurveyMonkey's preview"))
        texts = texts_in(parsed(answers[-1].body))
        if len(answers) == 2 and not choices_in(details) <= texts.keys():
            return self._get(f"/surveys/{_id(survey)}/details", survey, response)
        return Responses((response_of(details, texts),))

    def ask(self, form_id: str, cursor: str | None) -> RequestNeeded:
        """The survey's responses that changed since a moment, oldest first."""
        since = {"start_modified_at": cursor.removesuffix("Z")} if cursor else {}
        wanted = {"per_page": PAGE, "page": 1, "sort_by": "date_modified", "sort_order": "ASC"} | since
        url = f"https://{self.api_host}/v3/surveys/{segment(form_id, TOOL)}/responses/bulk"
        return json_request("GET", url, PROOF, form_id=form_id, query=wanted)

    def turned(self, cursor: str | None, asked: RequestNeeded, answer: ApiAnswer) -> Turned:
        """Page after page. Only the number of the next is taken from the answer, never its address."""
        page = shaped(Page, parsed(answer.body), TOOL)
        times = [moment(str(each.get("date_modified") or "")) for each in page.data if isinstance(each, dict)]
        more = with_query(asked, page=page.page + 1) if page.links.next else None
        return Turned(moved_on(cursor, times), more, page=bool(page.data))

    def read_page(self, page: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:
        """Responses with their details; the survey's own details name the choices."""
        form, sent = form_of(page), shaped(Page, parsed(page.body), TOOL).data
        if not answers:
            return self._get(f"/surveys/{_id(form)}/details", form, "", same_for_all=True)
        texts = texts_in(parsed(answers[-1].body))

        def read(value: Any) -> Response | None:
            details = shaped(Details, {"survey_id": form} | value if isinstance(value, dict) else value, TOOL)
            named.update(choices_in(details))
            return None if details.collection_mode in PREVIEWS else response_of(details, texts)

        named: set[str] = set()
        found = responses_of(sent, read)
        if len(answers) == 1 and not named <= texts.keys():
            return self._get(f"/surveys/{_id(form)}/details", form, "")
        return found

    def register(self, wanted: Wanted, answers: Sequence[ApiAnswer]) -> RequestNeeded | Change | Registered:
        """POST; a webhook of the connection's name is looked at, and changed by PATCH if it differs."""
        url, name = f"https://{self.api_host}/v3/webhooks", f"talentline {wanted.connection}"
        if not answers:
            return json_request("GET", url, PROOF, query={"per_page": 1000})
        hooks = shaped(Hooks, parsed(answers[0].body), TOOL).data
        known = next((each for each in hooks if each.name == name), None)
        if known and len(answers) == 1:
            return json_request("GET", f"{url}/{segment(known.id, TOOL)}", PROOF)
        there = shaped(Hook, parsed(answers[1].body), TOOL) if known else None
        forms = (there.object_ids or ()) if there else ()
        right = there and (there.subscription_url, there.event_type) == (wanted.address, EVENT)
        if right and wanted.form_id in forms:
            return Registered(Outcome.UNCHANGED)  # its secret is the app's: there is none to renew
        hook = {
            "name": name,
            "event_type": EVENT,
            "object_type": "survey",
            "object_ids": sorted({*forms, wanted.form_id}),
            "subscription_url": wanted.address,
        }
        if there:
            return changed(True, json_request("PATCH", f"{url}/{segment(there.id, TOOL)}", PROOF, hook))
        return changed(False, json_request("POST", url, PROOF, hook))

    def forms(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> tuple[Form, ...]:  # noqa: ARG002
        """The survey's details were asked for to read the response, or the page of responses."""
        return tuple(form_of_survey(answer) for answer in answers[-1:])

    def define(self, form_id: str, answers: Sequence[ApiAnswer] = ()) -> Form | RequestNeeded | None:
        """The survey's details."""
        if answers:
            return form_of_survey(answers[0])
        return self._get(f"/surveys/{_id(form_id)}/details", form_id, "", same_for_all=True)

    def _get(self, path: str, survey: str, response: str, *, same_for_all: bool = False) -> RequestNeeded:
        return RequestNeeded(
            "GET",
            f"https://{self.api_host}/v3{path}",
            (("Authorization", f"Bearer {TOKEN}"), ("Accept", "application/json")),
            form_id=survey,
            response_id=response,
            not_yet=frozenset() if same_for_all else frozenset({404}),
            same_for_all=same_for_all,
        )


def _id(name: str) -> str:
    """An id as it may stand in an address: anything else could lead elsewhere."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", name):
        raise Unreadable(ReasonCode.UNEXPECTED_SHAPE, f"the notification names no id of a survey or response of {TOOL}")
    return name


def _deleted(survey: str) -> Unreadable:
    words = (
        f"the response was deleted in {TOOL}; what it said before still counts. If it must not, ask the rater to"
        " respond again, or have the evidence withdrawn"
    )
    return Unreadable(ReasonCode.RESPONSE_DELETED, words, form_id=survey)
