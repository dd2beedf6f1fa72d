"""Who is to rate whom, as it is planned; no evidence is needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from shared.cohort.definition import CohortDefinition
from shared.ids import OrganisationId, ParticipantId, RaterId
from shared.words import Instrument, Relationship

FEW = 12
"""Ids that a sentence names."""


@dataclass(frozen=True, slots=True, order=True)
class Watch:
    """An assessor is to watch a participant in an exercise."""

    participant: ParticipantId
    exercise: str
    assessor: RaterId


@dataclass(frozen=True, slots=True, order=True)
class Marking:
    """A marker is to mark a participant's written assessment, every criterion of it."""

    participant: ParticipantId
    marker: RaterId


@dataclass(frozen=True)
class Design:
    """A cohort before the day. `watches` and `markings` may be empty: then nothing is planned yet, and what is looked
    at is what the cohort asks for.
    """

    definition: CohortDefinition
    participants: Mapping[ParticipantId, OrganisationId]
    raters: Sequence[tuple[RaterId, ParticipantId, Relationship]]
    assessors: Mapping[RaterId, OrganisationId | None]
    """Their own organisation, None where it is not known."""
    watches: tuple[Watch, ...] = ()
    markings: tuple[Marking, ...] = ()
    answering: float = 1.0
    """The share of the raters listed for the 360 appraisal who are expected to answer."""

    @cached_property
    def exercises_of(self) -> Mapping[str, tuple[str, ...]]:
        """Domain → the exercises, of those asked for, that show it."""
        day = self.definition.evidence.development_day
        pack = self.definition.framework
        asked = day.exercises if day else ()
        shown = {(pack.domain_of(cell.competency), cell.exercise) for cell in self.definition.exercises}
        return {
            domain.code: tuple(exercise for exercise in asked if (domain.code, exercise) in shown)
            for domain in pack.domains
        }

    @cached_property
    def cells_of(self) -> Mapping[tuple[str, str], int]:
        """Domain and exercise → competencies of the domain that the exercise shows."""
        count: dict[tuple[str, str], int] = {}
        for cell in self.definition.exercises:
            key = self.definition.framework.domain_of(cell.competency), cell.exercise
            count[key] = count.get(key, 0) + 1
        return count

    @cached_property
    def criteria_of(self) -> Mapping[str, int]:
        """Domain → criteria of the written assessment that show it."""
        count: dict[str, int] = {}
        for criterion in self.definition.criteria:
            domain = self.definition.framework.domain_of(criterion.competency)
            count[domain] = count.get(domain, 0) + 1
        return count

    @cached_property
    def others(self) -> Mapping[ParticipantId, tuple[RaterId, ...]]:
        """Each participant's listed raters of the 360 appraisal, self apart."""
        found: dict[ParticipantId, list[RaterId]] = {participant: [] for participant in self.participants}
        for rater, participant, relationship in self.raters:
            if relationship is not Relationship.SELF and participant in found:
                found[participant].append(rater)
        return {participant: tuple(sorted(some)) for participant, some in found.items()}

    @cached_property
    def watches_of(self) -> Mapping[ParticipantId, tuple[Watch, ...]]:
        """By participant, of those who are to be watched."""
        found: dict[ParticipantId, list[Watch]] = {}
        for watch in sorted(self.watches):
            found.setdefault(watch.participant, []).append(watch)
        return {participant: tuple(some) for participant, some in found.items()}

    @cached_property
    def markers_of(self) -> Mapping[ParticipantId, frozenset[RaterId]]:
        """By participant, of those whose work is given to somebody."""
        found: dict[ParticipantId, set[RaterId]] = {}
        for marking in self.markings:
            found.setdefault(marking.participant, set()).add(marking.marker)
        return {participant: frozenset(some) for participant, some in found.items()}

    @property
    def sources(self) -> tuple[Instrument, ...]:
        """The instruments that are asked for and weigh something."""
        return tuple(i for i in Instrument if self.definition.weights.get(i, 0) > 0)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a design. `mend`: it should be put right before the day; otherwise it is good to know."""

    what: str
    words: str
    mend: bool
    about: tuple[str, ...] = field(default=())
    """Ids that it is about, all of them."""


def named(ids: Sequence[str]) -> str:
    """Ids in a sentence; a long row is cut.

    >>> named(["a", "b"]), named([str(n) for n in range(20)])[-17:]
    ('a, b', '10, 11 and 8 more')
    """
    return ", ".join(ids[:FEW]) + (f" and {len(ids) - FEW} more" if len(ids) > FEW else "")
