"""Matching a response with the cohort's mapping and roster: evidence, or every reason why it is none.

The mapping says which field is which item and what a choice is worth; the roster says who may speak about whom. What
is not mapped stays in the raw submission and is ignored; what is mapped and not answered is absent; a choice that is
mapped to nothing is "not observed" (None).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from services.intake.core.errors import Reason, ReasonCode
from services.intake.core.evidence import Evidence
from services.intake.core.identity import Identity, identity_of
from services.intake.core.instruments import COMMENT, IDENTITY, cell_for
from services.intake.core.moments import in_utc
from services.intake.core.naming import who
from services.intake.core.roster import Roster
from services.intake.core.source import Source
from services.intake.core.text import listed, shown
from services.intake.core.vendor import AnswerValue, Response
from services.intake.core.worth import rating_of, words_of
from shared.cohort.definition import CohortDefinition, FormField
from shared.ids import CohortId, ParticipantId, RaterId
from shared.words import Instrument, Relationship

NULL = "null"
"""The label in choices.csv by which a cohort says what an outright `null` means."""


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
    identity, strangers = who(identity_of(response, fields, source.identity), source, roster)
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
            self._comment(mapped.maps_to.removeprefix(COMMENT), words_of(value))
            return
        cell = cell_for(self.definition, self.source.instrument, mapped.maps_to)
        if cell is None:
            self.reasons.append(_bad_mapping(mapped, self.source))
            return
        rating = rating_of(value, mapped, cell, self.definition.choices)
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


def _bad_mapping(field: FormField, source: Source) -> Reason:
    return Reason(
        ReasonCode.BAD_MAPPING,
        f"field {field.field_ref} of form {field.form_id} is mapped to “{field.maps_to}”, which this cohort does not"
        f" have in the {source.instrument.label}; correct programme/form_fields.csv and update the cohort",
    )


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
