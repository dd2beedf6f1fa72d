"""REDCap Data Entry Triggers: thin, unsigned, one attempt; sent on every save. The project's API gives the record.

Source: bdeveer/REDCap_KB_RAG RC-INTG-01, derived from REDCap's help. The address holds a token; a save is believed
for nothing but which record to fetch, and the server asked is the one in the settings, never one that the request
names. The same bytes come for every save of a record, so none is taken for a repeat. Unverified, each one line below:
the column `<instrument>_timestamp` of the export and its zone (`time_zone`); identity by fields of the record; that the
first column of a flat export is the record's id (`_save_of`). Back-fill exports what was created or changed since the
newest time that was seen (`dateRangeBegin`), in one answer: REDCap has no pages. REDCap does not say when a finished
record was changed by a project member: that comes by its trigger only, and of two states with one time stamp the
evidence id decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from pydantic import Field

from services.intake.core.api import responses_of, segment
from services.intake.core.errors import ReasonCode, Unreadable
from services.intake.core.form import Asks, Form, Question, choices
from services.intake.core.form_body import fields_of
from services.intake.core.json_body import parsed
from services.intake.core.polling import Backfilled, Turned, form_of, moved_on
from services.intake.core.proofs import SecretAddress
from services.intake.core.registering import SECRET, Paste, Steps, Wanted
from services.intake.core.shapes import Shape, answers_of, moment, shaped
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import (
    TOKEN,
    ApiAnswer,
    Reading,
    RequestNeeded,
    Response,
    Responses,
)
from services.intake.core.webhook import host_of, local, setting, time_zone_setting

TOOL = "REDCap"
COMPLETE = "2"
STATUS = "_complete"
RECORDS = {"content": "record", "format": "json", "type": "flat", "exportSurveyFields": "true"}
ZONES_APART = timedelta(days=1)
"""How far the server's clock may be from UTC, generously."""
HOUSEKEEPING = ("redcap_",)


class _Save(Shape):
    project_id: str = Field(pattern=r"^[0-9]{1,20}$")
    instrument: str = Field(pattern=r"^[a-z0-9_]{1,100}$")
    record: str = Field(min_length=1, max_length=100)
    redcap_event_name: str = ""
    redcap_repeat_instance: str = ""
    redcap_url: str = ""

    @property
    def name(self) -> str:
        """Record, event and instance, as far as they were sent: a response's id within the project."""
        return ":".join(part for part in (self.record, self.redcap_event_name, self.redcap_repeat_instance) if part)

    def is_in(self, row: dict[str, Any]) -> bool:
        """Whether a row of an export is the one that was saved."""
        event, instance = row.get("redcap_event_name", ""), str(row.get("redcap_repeat_instance", ""))
        return self.redcap_event_name in {"", event} and (self.redcap_repeat_instance or "1") == (instance or "1")


class _Field(Shape):
    """A row of the data dictionary."""

    field_name: str
    field_type: str = ""
    field_label: str = ""
    select_choices_or_calculations: str = ""

    @property
    def question(self) -> Question:
        """What it asks: choices are `code, label` divided by bars; the code is what is sent."""
        if self.field_type == "notes":
            return Question(self.field_name, self.field_label, Asks.TEXT)
        listed = self.select_choices_or_calculations if self.field_type in {"radio", "dropdown"} else ""
        pairs = (each.partition(",") for each in listed.split("|"))
        return choices(self.field_name, self.field_label, ((code.strip(), label.strip()) for code, _, label in pairs))


@dataclass(frozen=True)
class RedcapDataEntryTrigger(Backfilled, SecretAddress):
    """REDCap's trigger: the last segment of the address is the secret."""

    api_url: str = setting("address of the project's API, such as https://redcap.example.ac.uk/api/")
    time_zone: str = time_zone_setting()
    instrument: str = setting("the instrument that back-fill reads, if the project has several", "")

    @property
    def each_is_new(self) -> bool:
        """Every save of one record sends the same bytes."""
        return True

    def steps(self, wanted: Wanted) -> Steps:
        """The project's setting."""
        return Steps(
            (
                f"In REDCap open project {wanted.form_id}, Project Setup, Additional customizations.",
                "Tick Data Entry Trigger, paste the address, press Test and save.",
                "Give an API token with export rights to the workers (the connection's variable with _TOKEN).",
            ),
            (Paste("Data Entry Trigger address", f"{wanted.address}/{SECRET}"),),
        )

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:
        """The record's instrument as the API has it, in raw codes; finished once its form status is complete."""
        save = shaped(_Save, fields_of(request), TOOL)
        if save.redcap_url and self.api_url and host_of(save.redcap_url) != host_of(self.api_url):
            words = "the trigger comes from another REDCap server than the connection's `api_url` names; correct either"
            raise Unreadable(ReasonCode.NOT_CONFIRMED, words, form_id=save.project_id)
        if not answers:
            return self._export(save)
        rows = parsed(answers[0].body)
        row = (
            next((row for row in rows if isinstance(row, dict) and save.is_in(row)), None)
            if isinstance(rows, list)
            else None
        )
        if row is None:
            raise Unreadable(ReasonCode.NOT_CONFIRMED, f"{TOOL} has no such record", form_id=save.project_id)
        return Responses((self._response(save, row),))

    def starting(self, since: datetime) -> str | None:
        """A day earlier: the server's clock shows its own zone."""
        return super().starting(since - ZONES_APART)

    def ask(self, form_id: str, cursor: str | None) -> RequestNeeded:
        """Every record that was created or changed since a moment, on the server's clock."""
        since = {"dateRangeBegin": cursor.replace("T", " ").removesuffix("Z")} if cursor else {}
        return self._post(RECORDS | since, segment(form_id, TOOL), "")

    def turned(self, cursor: str | None, asked: RequestNeeded, answer: ApiAnswer) -> Turned:  # noqa: ARG002
        """One answer holds everything."""
        rows = _rows(answer)
        times = [moment(str(row.get(f"{self._instrument_of(row)}_timestamp") or "")) for row in rows]
        return Turned(moved_on(cursor, times, ZONES_APART), page=bool(rows))

    def read_page(self, page: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """Rows as the export after a save has them."""
        project = form_of(page)
        rows = _rows(ApiAnswer(page.body))
        return responses_of(rows, lambda row: self._response(self._save_of(row, project), row))

    def _instrument_of(self, row: Mapping[str, Any]) -> str:
        """The instrument that counts: the one in the settings, else the only one that has a status."""
        there = [name.removesuffix(STATUS) for name in row if name.endswith(STATUS)]
        return self.instrument or (there[0] if len(there) == 1 else "")

    def _save_of(self, row: Mapping[str, Any], project: str) -> _Save:
        """The save that a row of an export is the state of."""
        instrument = self._instrument_of(row)
        if not instrument:
            words = "the project has several instruments, or none: name the one that counts in the setting `instrument`"
            raise Unreadable(ReasonCode.UNEXPECTED_SHAPE, words, form_id=project)
        first = next(iter(row.values()), "")
        about = {name: str(row.get(name) or "") for name in ("redcap_event_name", "redcap_repeat_instance")}
        return shaped(_Save, about | {"project_id": project, "instrument": instrument, "record": str(first)}, TOOL)

    def define(self, form_id: str, answers: Sequence[ApiAnswer] = ()) -> Form | RequestNeeded | None:
        """The project's data dictionary. REDCap names a form by its project."""
        if answers:
            rows = parsed(answers[0].body)
            fields = [shaped(_Field, row, TOOL) for row in rows] if isinstance(rows, list) else []
            return Form(form_id, tuple(each.question for each in fields if each.field_type != "descriptive"))
        return self._post({"content": "metadata", "format": "json"}, form_id, "")

    def _export(self, save: _Save) -> RequestNeeded:
        wanted = RECORDS | {"records[0]": save.record, "forms[0]": save.instrument}
        wanted |= {"events[0]": save.redcap_event_name} if save.redcap_event_name else {}
        return self._post(wanted, save.project_id, save.name)

    def _post(self, wanted: dict[str, str], form: str, response: str) -> RequestNeeded:
        return RequestNeeded(
            "POST",
            self.api_url,
            (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")),
            f"token={TOKEN}&{urlencode(wanted)}".encode(),
            form_id=form,
            response_id=response,
        )

    def _response(self, save: _Save, row: dict[str, Any]) -> Response:
        status, stamp = f"{save.instrument}{STATUS}", f"{save.instrument}_timestamp"
        fields = {name: value for name, value in row.items() if not name.startswith(HOUSEKEEPING)}
        return Response(
            form_id=save.project_id,
            response_id=save.name,
            answers=answers_of(fields, without=(status, stamp)),
            hidden={},
            submitted_at=local(moment(str(row.get(stamp) or "")), self.time_zone),
            partial=str(row.get(status, "")) != COMPLETE,
        )


def _rows(answer: ApiAnswer) -> list[dict[str, Any]]:
    """The rows of an export."""
    rows = parsed(answer.body)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unreadable(ReasonCode.UNEXPECTED_SHAPE, f"what {TOOL} sent is no export of records")
    return rows
