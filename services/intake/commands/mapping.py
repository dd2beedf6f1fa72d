"""Where a draft's forms come from (a tool's API, deliveries, a file), and looking a mapping through."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from services.intake import store
from services.intake.asking import asked
from services.intake.core.errors import ReasonCode, Unreadable
from services.intake.core.explaining import recorded
from services.intake.core.form import Form, Question, choices
from services.intake.core.identity import identity_of
from services.intake.core.known import key_of
from services.intake.core.mapping.check import Check, check_of
from services.intake.core.mapping.seen import seen
from services.intake.core.matching import fields_of
from services.intake.core.reading import read
from services.intake.core.submission import RawRequest
from services.intake.core.text import listed
from services.intake.core.vendor import ApiAnswer, RequestNeeded, Response, Responses, Vendor
from services.intake.store import Submission
from services.intake.vendors import VENDORS, Vendors
from shared.cohort.definition import CohortDefinition
from shared.db import Database
from shared.errors import PermanentError
from shared.http_client import HttpClient
from shared.ids import CohortId

NEWEST = 50
"""Deliveries that a form is gathered from, where no API defines it."""
MOST_REQUESTS = 10
TITLES = ("field_ref", "title")


class NoForm(PermanentError):
    """There is nothing to draft from; the message says where to take it from."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Forms, and from where, in words."""

    forms: tuple[Form, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Drafting:
    """What drafting one connection's mapping needs."""

    definition: CohortDefinition
    connection: str
    vendor: Vendor = field(repr=False)

    @classmethod
    def of(cls, definition: CohortDefinition, connection: str, vendors: Vendors = VENDORS) -> "Drafting":
        """Raises NoForm for a connection that the cohort does not have."""
        there = definition.connections.get(connection)
        if there is None:
            known = listed(sorted(definition.connections))
            raise NoForm(f"{connection} is no connection of cohort {definition.cohort} (it has: {known})")
        return cls(definition, connection, vendors[there.vendor].configured(there.settings))

    @property
    def mapped_forms(self) -> list[str]:
        """The forms that the cohort maps already."""
        return sorted({each.form_id for each in self.definition.form_fields if each.connection == self.connection})


def from_api(drafting: Drafting, form_ids: Sequence[str], token: str | None, client: HttpClient) -> Gathered | None:
    """The forms as the tool's API defines them; None: the tool has no such API. Raises what the client raises."""
    forms: list[Form] = []
    for form_id in form_ids:
        answers: list[ApiAnswer] = []
        found = drafting.vendor.define(form_id)
        while isinstance(found, RequestNeeded) and len(answers) < MOST_REQUESTS:
            answers.append(asked(client, drafting.vendor, found, token))
            found = drafting.vendor.define(form_id, answers)
        if not isinstance(found, Form):
            return None
        forms.append(found)
    return Gathered(tuple(forms), "the tool's API") if forms else None


def can_be_asked(drafting: Drafting, form_id: str) -> bool:
    """Whether the tool's API defines forms."""
    return drafting.vendor.define(form_id) is not None


def from_deliveries(drafting: Drafting, submissions: Iterable[Submission]) -> Gathered:
    """The forms that stored deliveries show; those that can't be read are left out."""
    said: list[Form] = []
    responses: list[Response] = []
    count = 0
    for each in submissions:
        try:
            found = _read(drafting.vendor, each.request, each.answers)
        except Unreadable:
            continue
        said += found[0]
        responses += found[1]
        count += 1
    return Gathered(seen(said, responses), f"{count} stored deliver{'y' if count == 1 else 'ies'}")


def _read(
    vendor: Vendor, request: RawRequest, answers: Sequence[ApiAnswer]
) -> tuple[tuple[Form, ...], tuple[Response, ...]]:
    reading = read(vendor, request, answers)
    if not isinstance(reading, Responses):
        return (), ()
    try:
        return vendor.forms(request, answers), reading.each
    except Unreadable:  # a page that was asked for has not the shape of a webhook; its answers are there all the same
        return (), reading.each


def from_file(drafting: Drafting, content: bytes, form_id: str) -> Gathered:
    """The forms in a file: a recorded delivery, the tool's own definition of a form, a delivery's body, or a table of
    titles. `form_id` names the form where the file does not.

    Raises:
        NoForm: the file is none of these.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return Gathered((_titled(content, form_id),), "a table of titles")
    if isinstance(value, dict) and {"vendor", "headers"} <= value.keys():
        return _recording(drafting, value)
    for gather in (_definition, _body):
        found = gather(drafting, content, form_id)
        if found is not None:
            return found
    raise NoForm(
        "the file is no recorded delivery, no definition of a form and no delivery's body of this tool; a CSV file with"
        " the columns field_ref,title (and options, divided by |) does for any tool"
    )


def _recording(drafting: Drafting, value: dict[str, object]) -> Gathered:
    vendor = drafting.definition.connections[drafting.connection].vendor
    if value["vendor"] != vendor:
        raise NoForm(f"the recorded delivery is of another tool than the connection's, which is {vendor}")
    try:
        delivery = recorded(value)
        answers = [ApiAnswer(json.dumps(each.get("json")).encode()) for each in delivery.api]
        found = _read(drafting.vendor.configured(delivery.settings), delivery.request.kept, answers)
    except (KeyError, TypeError, ValueError, Unreadable) as error:
        raise NoForm(f"the recorded delivery can't be read ({_why(error)})") from None
    return Gathered(seen(*found), "a recorded delivery")


def _definition(drafting: Drafting, content: bytes, form_id: str) -> Gathered | None:
    try:
        found = drafting.vendor.define(form_id, [ApiAnswer(content)])
    except Unreadable:
        return None
    if not isinstance(found, Form) or not found.questions:
        return None
    named = found if found.form_id else Form(_needed(form_id), found.questions)
    return Gathered((named,), "the tool's definition of the form")


def _body(drafting: Drafting, content: bytes, _form_id: str) -> Gathered | None:
    request = RawRequest(content, (("Content-Type", "application/json"),))
    try:
        found = seen(*_read(drafting.vendor, request, ()))
    except Unreadable:
        return None
    return Gathered(found, "the body of a delivery") if found else None


def _titled(content: bytes, form_id: str) -> Form:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NoForm("the file is neither JSON nor a CSV file in UTF-8") from None
    delimiter = ";" if text.split("\n", 1)[0].count(";") > text.split("\n", 1)[0].count(",") else ","
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    if not rows or not set(TITLES) <= set(rows[0]):
        raise NoForm(
            "the file is no JSON, and no CSV file with the columns field_ref,title (and options, divided by |)"
        )
    return Form(_needed(form_id), tuple(_question(row) for row in rows if (row["field_ref"] or "").strip()))


def _question(row: dict[str, str]) -> Question:
    options = [(each.strip(), each.strip()) for each in (row.get("options") or "").split("|")]
    return choices(row["field_ref"].strip(), (row["title"] or "").strip(), options)


def _needed(form_id: str) -> str:
    if not form_id:
        raise NoForm("the file does not say which form it is of; name it with --form")
    return form_id


def _why(error: Exception) -> str:
    return error.reason.words if isinstance(error, Unreadable) else f"it lacks {error}"


def looked_through(db: Database, definition: CohortDefinition, name: str) -> Check:
    """A connection's mapping compared with all that arrived on it."""
    cohort = CohortId(definition.cohort)
    drafting = Drafting.of(definition, name)
    check = check_of(name, definition)
    with db.read() as connection:
        for submission in store.deliveries_of(connection, cohort, name):
            finished = _finished(drafting.vendor, submission, check)
            named = [
                identity_of(each, fields_of(each, check.source, definition), check.source.identity) for each in finished
            ]
            roster = store.roster_named(connection, cohort, named)
            for response in finished:
                check.take(response, roster)
    return check


def _finished(vendor: Vendor, submission: Submission, check: Check) -> list[Response]:
    """The responses of a delivery that could count; one that can't be read is noted. What came by webhook and by asking
    is taken once.
    """
    if submission.reason == ReasonCode.NOTHING_NEW:
        return []
    try:
        reading = read(vendor, submission.request, submission.answers)
    except Unreadable as error:
        check.take_unread(error.reason, error.form_id)
        return []
    finished = [each for each in reading.each if not each.partial] if isinstance(reading, Responses) else []
    return [each for each in finished if not submission.brought or key_of(each) in submission.brought]
