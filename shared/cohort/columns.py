"""The columns of every CSV file of a cohort folder: one model a file. A column without a field here is left alone."""

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict

from shared.cohort.cells import (
    Code,
    Email,
    MapsTo,
    MaxMark,
    OptionalEmail,
    OptionalRating,
    OptionalText,
    PersonCode,
    Rating,
    Text,
    known,
    word,
)
from shared.words import Facet, Relationship

CompetencyRef = Annotated[str, known("competency")]
ParticipantRef = Annotated[str, known("participant", person=True)]
FacetWord = Annotated[Facet, word(Facet)]
OptionalFacet = Annotated[Facet | None, word(Facet, optional=True)]
"""Blank: the domain as a whole."""


class Columns(BaseModel):
    """One row of a CSV file. The values of `personal` columns are never shown."""

    model_config = ConfigDict(frozen=True)
    personal: ClassVar[frozenset[str]] = frozenset()


class FrameworkRow(Columns):
    """One item, with its competency and domain."""

    domain: Code
    domain_name: Text
    competency: Code
    competency_name: Text
    item: Code
    statement: Text
    facet: FacetWord


class OrganisationRow(Columns):
    """One organisation that sends participants."""

    organisation: Code
    name: Text


class FormFieldRow(Columns):
    """One field of one form."""

    connection: Annotated[str, known("connection")]
    vendor: Text
    form_id: Text
    field_ref: Text
    maps_to: MapsTo


class ChoiceRow(Columns):
    """One answer label of the forms."""

    label: Text
    rating: OptionalRating


class ExerciseRow(Columns):
    """One competency that one exercise shows."""

    exercise: Code
    name: Text
    competency: CompetencyRef
    facet: FacetWord


class CriterionRow(Columns):
    """One criterion of the written assessment."""

    criterion: Code
    competency: CompetencyRef
    name: Text
    max_mark: MaxMark
    facet: FacetWord


class TargetRow(Columns):
    """What the role asks for in one domain, or one facet of it."""

    domain: Annotated[str, known("domain")]
    facet: OptionalFacet
    target: Rating


class RosterRow(Columns):
    """One participant. People with one name have it in either column."""

    personal = frozenset({"given_name", "family_name", "email"})

    participant: PersonCode
    given_name: OptionalText
    family_name: OptionalText
    email: Email
    organisation: Annotated[str, known("organisation")]
    pool_consent: Annotated[str, known("pool level", optional=True)]


class RaterRow(Columns):
    """One rater of one participant. Name and address may be blank: nothing is ever sent to a rater."""

    personal = frozenset({"name", "email"})

    rater: PersonCode
    participant: ParticipantRef
    relationship: Annotated[Relationship, word(Relationship)]
    name: OptionalText
    email: OptionalEmail


class AssessorRow(Columns):
    """One assessor of the development day. Name and address may be blank."""

    personal = frozenset({"name", "email"})

    assessor: PersonCode
    name: OptionalText
    email: OptionalEmail
