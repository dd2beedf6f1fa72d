"""A small cohort whose participants are scored: each from ratings drawn around a level of theirs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from services.scoring import handlers as scoring
from services.scoring import store
from services.scoring.core.evidence import Piece
from shared.cohort.definition import CohortDefinition
from shared.cohort.folder import CohortFolder
from shared.cohort.opening import open_cohort
from shared.db import Database
from shared.events import CohortRunRequested
from shared.ids import CohortId, OrganisationId, ParticipantId, RunId, SubmissionId, new_id
from shared.people import Participant, Rater
from shared.words import Relationship
from tests.builders.scoring_case import (
    COMPETENCIES,
    ITEMS,
    OPENING,
    a_definition,
    a_mark,
    a_response,
    an_observation,
)


@dataclass(frozen=True, slots=True)
class Person:
    """A participant: `level` is where the others' ratings lie, `own` how far the self-rating lies above."""

    participant: str
    level: float = 3.0
    own: float = 0.0
    email: str = ""

    @property
    def enrolled(self) -> Participant:
        address = self.email or f"{self.participant.lower()}@example.org"
        return Participant(ParticipantId(self.participant), "Anna", "Example", address, OrganisationId("O1"), None)


def people(n: int, *, seed: int = 1, spread: float = 0.7) -> list[Person]:
    """P-001, …, with levels drawn around 3."""
    chance = np.random.default_rng(seed)
    return [Person(f"P-{at + 1:03}", float(level)) for at, level in enumerate(chance.normal(3, spread, n))]


def scored_cohort(
    db: Database, persons: Sequence[Person], *, definition: CohortDefinition | None = None, seed: int = 1
) -> CohortDefinition:
    """Open the cohort, record all evidence about these people, and run it."""
    chance = np.random.default_rng(seed)
    definition = definition or a_definition()
    cohort = CohortId(definition.cohort)
    evidence = {ParticipantId(each.participant): list(_evidence(each, chance)) for each in persons}
    with db.write() as uow:
        enrolled = tuple(each.enrolled for each in persons)
        raters = tuple(_raters(persons))
        folder = CohortFolder(definition, enrolled, raters, ())
        open_cohort(uow, folder, update=False, actor="test", has_evidence=False, people_with_evidence=set())
        for participant, pieces in evidence.items():
            store.hold_cases(uow, cohort, [participant], OPENING)
            store.add_pieces(uow, cohort, participant, SubmissionId(new_id()), pieces, OPENING)
    run = scoring.handlers()[CohortRunRequested.name]
    assert callable(run)
    with db.write() as uow:
        run(uow, CohortRunRequested(run=RunId(new_id()), cohort=cohort))
    return definition


def _raters(persons: Sequence[Person]) -> Iterator[Rater]:
    for each in persons:
        for by, relationship in _who(each):
            yield Rater(by, ParticipantId(each.participant), relationship, "", "")  # type: ignore[arg-type]


def _who(person: Person) -> Iterator[tuple[str, Relationship]]:
    yield f"{person.participant}-S", Relationship.SELF
    yield f"{person.participant}-L", Relationship.LINE_MANAGER
    for peer in range(4):
        yield f"{person.participant}-PE{peer}", Relationship.PEER


def _evidence(person: Person, chance: np.random.Generator) -> Iterator[Piece]:
    def given(level: float, codes: Sequence[str]) -> dict[str, float | None]:
        drawn = np.clip(np.rint(level + chance.normal(0, 0.7, len(codes))), 1, 5)
        return {code: float(value) for code, value in zip(codes, drawn, strict=True)}

    for by, relationship in _who(person):
        own = person.own if relationship is Relationship.SELF else float(chance.normal(0, 0.4))
        yield a_response(by, relationship, given(person.level + own, ITEMS))
    first, second = ("A1", "B1"), ("A2",)
    assert {*first, *second} == set(COMPETENCIES)
    for assessor in ("A-1", "A-2"):
        yield an_observation("X1", f"{assessor}", given(person.level, first))
        yield an_observation("X2", f"{assessor}", given(person.level, second))
    for criterion, most in (("K1", 10), ("K2", 20)):
        mark = round(most * (person.level - 1) / 4)
        for marker in ("M-1", "M-2"):
            yield a_mark(criterion, marker, float(np.clip(mark + chance.integers(-1, 1), 0, most)))
