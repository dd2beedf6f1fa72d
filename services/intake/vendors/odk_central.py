"""ODK Central, polled: the OData feed of a form's submissions.

Source: https://docs.getodk.org/central-api-odata-endpoints (data document, `$filter` by `__system/submissionDate` and
`updatedAt`, `@odata.nextLink`). ODK Central has no webhook of its own. Unverified, each one line below: which review
states there are besides `rejected` (`REJECTED`), and that an edit moves `updatedAt` (`_response`). The API token is the
whole value of the Authorization header, such as `Basic …` (RFC 7617) of a viewer of the project.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from pydantic import Field

from services.intake.core.api import responses_of
from services.intake.core.errors import ReasonCode, Unreadable
from services.intake.core.json_body import parsed
from services.intake.core.polling import Polled, Turned, form_of
from services.intake.core.shapes import Shape, answers_of, moment, shaped
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import TOKEN, ApiAnswer, Reading, RequestNeeded, Response
from services.intake.core.webhook import setting

TOOL = "ODK Central"
REJECTED = "rejected"
PAGE = 250


class _System(Shape):
    submissionDate: str | None = None  # noqa: N815  (the sender's names)
    updatedAt: str | None = None  # noqa: N815
    reviewState: str | None = None  # noqa: N815


class _Submission(Shape):
    name: str = Field(alias="__id")
    system: _System = Field(alias="__system")


class _Page(Shape):
    value: tuple[Any, ...]
    following: str | None = Field(default=None, alias="@odata.nextLink")


@dataclass(frozen=True)
class OdkCentral(Polled):
    """The submissions that came, or were edited, since the newest change that was seen."""

    api_host: str = setting("host of the server, such as central.example.org")
    project: str = setting("number of the project")

    def _is_right(self, name: str, value: str) -> bool:
        return super()._is_right(name, value) and (name != "project" or value.isdecimal())

    def ask(self, form_id: str, cursor: str | None) -> RequestNeeded:
        """Submissions that came or changed at or after `cursor` (a moment in ISO 8601)."""
        since = f"__system/submissionDate ge {cursor} or __system/updatedAt ge {cursor}"
        wanted = {"$top": str(PAGE)} | ({"$filter": since} if cursor else {})
        return self._get(f"{self._feed(form_id)}?{urlencode(wanted, quote_via=quote)}", form_id)

    def starting(self, since: datetime) -> str | None:
        """The moment itself."""
        return since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def turned(self, cursor: str | None, asked: RequestNeeded, answer: ApiAnswer) -> Turned:
        """Page after page; then on from the newest change that was seen."""
        page = shaped(_Page, parsed(answer.body), TOOL)
        changes = [_changed(each) for each in page.value]
        newest = max([cursor or "", *changes]) or None
        if page.following is None:
            return Turned(newest)
        # Only the place in the feed is taken from the link: where the server is, the settings say.
        query = urlsplit(page.following).query
        return Turned(newest, self._get(f"{self._feed(asked.form_id)}?{query}", asked.form_id))

    def _feed(self, form_id: str) -> str:
        if not form_id.strip(".") or not re.fullmatch(r"[^/?#\s]{1,200}", form_id):
            raise Unreadable(ReasonCode.UNKNOWN_FORM, "this is no id of a form of ODK Central")
        form = quote(form_id, safe="")
        return f"https://{self.api_host}/v1/projects/{self.project}/forms/{form}.svc/Submissions"

    def _get(self, url: str, form_id: str) -> RequestNeeded:
        return RequestNeeded("GET", url, (("Authorization", TOKEN), ("Accept", "application/json")), form_id=form_id)

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """The submissions of one page; fields are keyed with their groups, such as `ratings/c01`."""
        page = shaped(_Page, parsed(request.body), TOOL)
        form = form_of(request)
        return responses_of(page.value, lambda sent: _response(form, sent))


def _response(form: str, value: Any) -> Response:
    sent = shaped(_Submission, value, TOOL)
    changed = sent.system.updatedAt or sent.system.submissionDate
    return Response(
        form_id=form,
        response_id=sent.name,
        answers=answers_of(dict(_flat(value))),
        hidden={},
        submitted_at=moment(sent.system.submissionDate),
        partial=sent.system.reviewState == REJECTED,
        revision=changed,
        revised_at=moment(changed),
    )


def _flat(fields: Mapping[str, Any], group: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if name.startswith("__") or "@odata" in name or (not group and name == "meta"):
            continue
        if isinstance(value, dict) and group.count("/") < 20:
            yield from _flat(value, f"{group}{name}/")
        else:
            yield f"{group}{name}", value


def _changed(value: Any) -> str:
    """When a submission came or was edited last, as text that sorts as time does; empty for what is none."""
    system = value.get("__system") if isinstance(value, dict) else None
    about = system if isinstance(system, dict) else {}
    times = [about.get("submissionDate"), about.get("updatedAt")]
    return max([each for each in times if isinstance(each, str) and each.endswith("Z")], default="")
