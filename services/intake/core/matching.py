"""Matching a response with the cohort's mapping and roster: evidence, or every reason why it is none.

The mapping says which field is which item and what a choice is worth; the roster says who may speak about whom. What
is not mapped stays in the raw submission and is ignored; what is mapped and not answered is absent; a choice that is
mapped to nothing is "not observed" (None).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from services.intake.core.errors import Reason, ReasonCode
from services.intake.core.evidence import Evidence
from services.intake.core.identity import Identity, identity_of, resolved
from services.intake.core.instruments import COMMENT, IDENTITY, Cell, cell_for
from services.intake.core.roster import Roster
from services.intake.core.text import LONGEST_ID, folded, listed, number_of, plain, shown, spelled
from services.intake.core.vendor import AnswerValue, Response
from shared.cohort.definition import CohortDefinition, FormField
from shared.ids import CohortId, ParticipantId, RaterId
from shared.words import IdentityBy, Instrument, Relationship

NULL = "null"
"""The label in choices.csv by which a cohort says what an outright `null` means."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a response came in: a connection's name, and what it collects."""

    connection: str
    instrument: Instrument
    identity: IdentityBy = IdentityBy.HIDDEN_FIELDS
    """How its responses say who speaks about whom."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What a response means. `comments` are (kind, text), each kind once."""

    participant: ParticipantId
    by: RaterId
    evidence: tuple[Evidence, ...]
    comments: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Why a response can't count yet: every reason at once, the gravest first."""

    reasons: tuple[Reason, ...]


def fields_of(response: Response, source: Source, definition: CohortDefinition) -> tuple[FormField, ...]:
    """The mapped fields of the form that was answered."""
    return tuple(
        each
        for each in definition.form_fields
        if each.connection == source.connection and each.form_id == response.form_id
    )


def match(response: Response, source: Source, definition: CohortDefinition, roster: Roster) -> Matched | Unmatched:
    """The evidence in a response, or why there is none. `roster` holds at least the people it names."""
    fields = fields_of(response, source, definition)
    identity, strangers = _who(identity_of(response, fields, source.identity), source, roster)
    if not fields:
        return Unmatched((_unknown_form(response.form_id, source, definition), *strangers))
    answers = _Answers(source, definition)
    for mapped in fields:
        value = answer_to(mapped, response, definition)
        if value is not None and value not in ("", ()):
            answers.take(mapped, value)
    reasons = (*strangers, *answers.reasons)
    if reasons:
        return Unmatched(reasons)
    return Matched(
        ParticipantId(identity.participant),
        RaterId(identity.by),
        tuple(_evidence(response, identity, source, definition, roster, answers.ratings)),
        tuple(sorted(answers.comments.items())),
    )


@dataclass(slots=True)
class _Answers:
    """Collects what the answers of one response mean."""

    source: Source
    definition: CohortDefinition
    ratings: dict[str, dict[str, float | None]] = field(default_factory=dict)
    """Element → rating."""
    comments: dict[str, str] = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)

    def take(self, mapped: FormField, value: AnswerValue) -> None:
        if mapped.maps_to.startswith(IDENTITY):
            return
        if mapped.maps_to.startswith(COMMENT):
            self._comment(mapped.maps_to.removeprefix(COMMENT), _words(value))
            return
        cell = cell_for(self.definition, self.source.instrument, mapped.maps_to)
        if cell is None:
            self.reasons.append(_bad_mapping(mapped, self.source))
            return
        rating = _rating(value, mapped, cell, self.definition.choices)
        if isinstance(rating, Reason):
            self.reasons.append(rating)
        else:
            self.ratings.setdefault(cell.element, {})[cell.rating] = rating

    def _comment(self, kind: str, words: str) -> None:
        if words.strip():
            self.comments[kind] = "\n\n".join(filter(None, (self.comments.get(kind), words)))


def answer_to(field: FormField, response: Response, definition: CohortDefinition) -> AnswerValue | None:
    """What was answered to a field, hidden or not. None: nothing."""
    if field.field_ref in response.answers:
        value = response.answers[field.field_ref]
        return NULL if value is None and NULL in definition.choices else value
    return response.hidden.get(field.field_ref)


def unmapped_form(form_id: str, source: Source, definition: CohortDefinition) -> Reason | None:
    """Why the responses of a form can't count: none of its fields is mapped. None: some are, or no form is named."""
    if not form_id or any(
        (field.connection, field.form_id) == (source.connection, form_id) for field in definition.form_fields
    ):
        return None
    return _unknown_form(form_id, source, definition)


def _unknown_form(form_id: str, source: Source, definition: CohortDefinition) -> Reason:
    known = sorted({field.form_id for field in definition.form_fields if field.connection == source.connection})
    return Reason(
        ReasonCode.UNKNOWN_FORM,
        f"form “{shown(form_id)}” is not mapped for connection {source.connection} (mapped: {listed(known)});"
        " add its fields to programme/form_fields.csv and update the cohort, or point the form's webhook elsewhere",
    )


def _who(identity: Identity, source: Source, roster: Roster) -> tuple[Identity, tuple[Reason, ...]]:
    """Who speaks about whom, and what is wrong with that."""
    found = resolved(identity, source.identity, source.instrument, roster)
    if isinstance(found, Reason):
        return identity, (found,)
    return found, tuple(_strangers(found, source, roster))


def _strangers(identity: Identity, source: Source, roster: Roster) -> Iterator[Reason]:
    """What is wrong with who speaks about whom."""
    participant = ParticipantId(identity.participant)
    if not participant:
        yield Reason(
            ReasonCode.UNKNOWN_PARTICIPANT,
            f"the response names no participant; {_carried('participant', source)}",
        )
    elif participant not in roster.participants:
        yield Reason(
            ReasonCode.UNKNOWN_PARTICIPANT,
            f"participant “{shown(participant)}” is not in roster.csv; add the participant and update the cohort, or"
            " correct the form's link and ask for the response again",
        )
    match source.instrument:
        case Instrument.APPRAISAL_360:
            yield from _strange_rater(identity, source, roster)
        case Instrument.DEVELOPMENT_DAY:
            if identity.by not in roster.assessors:
                yield _unknown("assessor", identity.by, "assessors.csv", source)
        case Instrument.WRITTEN_ASSESSMENT:
            if not identity.by or len(identity.by) > LONGEST_ID:
                yield _unknown("marker", identity.by, "", source)


def _strange_rater(identity: Identity, source: Source, roster: Roster) -> Iterator[Reason]:
    entry = roster.raters.get(RaterId(identity.by))
    if entry is None:
        yield _unknown("rater", identity.by, "raters.csv", source)
        return
    if entry.participant != identity.participant:
        yield Reason(
            ReasonCode.RATER_OF_SOMEBODY_ELSE,
            f"rater “{identity.by}” rates participant {entry.participant} in raters.csv, but the response is about"
            f" “{shown(identity.participant)}”; correct raters.csv or the link that the rater was sent",
        )
    sent = folded(identity.relationship).replace(" ", "_").replace("-", "_")
    if sent and sent != entry.relationship:
        yield Reason(
            ReasonCode.RELATIONSHIP_DIFFERS,
            f"rater “{identity.by}” is {entry.relationship.label} in raters.csv, but the response says"
            f" “{shown(identity.relationship)}”; correct raters.csv or the link that the rater was sent",
        )


def _carried(what: str, source: Source) -> str:
    """What to do about somebody whom a response does not name."""
    if source.identity is IdentityBy.HIDDEN_FIELDS:
        return f"the form's link must carry the hidden field “{what}”"
    return f"the form's link must fill in a question that is mapped to identity:{what}"


def _unknown(what: str, sent: str, file: str, source: Source) -> Reason:
    if not sent:
        words = f"the response names no {what}; {_carried(what, source)}"
    elif file:
        words = (
            f"{what} “{shown(sent)}” is not in {file}; add the {what} and update the cohort, or correct the form's"
            " link and ask for the response again"
        )
    else:
        words = f"{what} “{shown(sent)}” is longer than {LONGEST_ID} characters; correct the form's link"
    return Reason(ReasonCode.UNKNOWN_RATER, words)


def _bad_mapping(field: FormField, source: Source) -> Reason:
    return Reason(
        ReasonCode.BAD_MAPPING,
        f"field {field.field_ref} of form {field.form_id} is mapped to “{field.maps_to}”, which this cohort does not"
        f" have in the {source.instrument.label}; correct programme/form_fields.csv and update the cohort",
    )


def _rating(
    value: AnswerValue, field: FormField, cell: Cell, choices: Mapping[str, float | None]
) -> float | Reason | None:
    """The rating that an answer stands for: by its label, else by its number."""
    where = f"field {field.field_ref} ({field.maps_to}) of form {field.form_id}"
    label = _label(value)
    if label is None:
        several = f"{where} has several choices at once; allow one, and ask for the response again"
        return Reason(ReasonCode.UNMAPPED_CHOICE, several)
    if cell.labelled:
        if label in choices:
            return choices[label]
        for known, rating in choices.items():
            if folded(known) == folded(label):
                return rating
    number = number_of(value if isinstance(value, float | int) else label)
    if number is None:
        return Reason(
            ReasonCode.UNMAPPED_CHOICE,
            f"{where} was answered “{shown(label)}”, which is not in programme/choices.csv; add the label with its"
            " rating (empty for “not observed”) and update the cohort",
            shown(label),
        )
    if not cell.minimum <= number <= cell.maximum:
        return Reason(
            ReasonCode.OFF_SCALE,
            f"{where} was answered {shown(number)}, which is not between {cell.minimum:g} and {cell.maximum:g};"
            " correct the form's scale, or add the answer to programme/choices.csv, and update the cohort",
            shown(number),
        )
    return number


def _label(value: AnswerValue) -> str | None:
    if isinstance(value, tuple):
        return value[0].strip() if len(value) == 1 else None
    return value.strip() if isinstance(value, str) else spelled(value)


def _words(value: AnswerValue) -> str:
    if isinstance(value, tuple):
        return plain(", ".join(value))
    return plain(value) if isinstance(value, str) else spelled(value)


def _evidence(
    response: Response,
    identity: Identity,
    source: Source,
    definition: CohortDefinition,
    roster: Roster,
    ratings: Mapping[str, Mapping[str, float | None]],
) -> Iterator[Evidence]:
    """One piece an element. A 360 response is one piece even where nothing was rated: it replaces what was said."""
    elements = {"": {}, **ratings} if source.instrument is Instrument.APPRAISAL_360 else ratings
    for element, rated in sorted(elements.items()):
        yield Evidence(
            cohort=CohortId(definition.cohort),
            participant=ParticipantId(identity.participant),
            instrument=source.instrument,
            by=RaterId(identity.by),
            ratings=rated,
            element=element,
            relationship=_relationship(identity, source, roster),
            submitted_at=in_utc(response.revised_at or response.submitted_at, definition.time_zone),
        )


def _relationship(identity: Identity, source: Source, roster: Roster) -> Relationship | None:
    if source.instrument is not Instrument.APPRAISAL_360:
        return None
    return roster.raters[RaterId(identity.by)].relationship


def in_utc(moment: datetime | None, time_zone: str) -> datetime | None:
    """A moment in UTC; a naive one is local time in `time_zone`. None for a year that no response comes from.

    >>> in_utc(datetime(2017, 7, 1, 12, 0), "Europe/London").isoformat()
    '2017-07-01T11:00:00+00:00'
    """
    if moment is None or not 1990 <= moment.year <= 9000:
        return None
    local = moment.replace(tzinfo=ZoneInfo(time_zone)) if moment.tzinfo is None else moment
    return local.astimezone(UTC)
