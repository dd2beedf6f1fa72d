"""A cohort whose truth is known: evidence drawn from the many-facet model, for the small cohort's framework and more.

Domain A has four competencies and B two; assessors and markers overlap, raters of the 360 appraisal rate one person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.evidence import Piece
from shared.cohort.definition import (
    Bands,
    CohortDefinition,
    Criterion,
    DayRequirement,
    ExerciseCell,
    Scoring,
    WrittenRequirement,
)
from shared.framework import Competency, Domain, FrameworkPack, Item, Scale
from shared.ids import ParticipantId
from shared.words import Facet, Instrument, Relationship
from tests.builders.scoring_case import a_definition, a_mark, a_response, an_observation, requirements

COMPETENCIES = {"A1": "A", "A2": "A", "A3": "A", "A4": "A", "B1": "B", "B2": "B"}
EXERCISES = {"X1": ("A1", "A2", "B1"), "X2": ("A3", "A4", "B2"), "X3": ("A1", "A3", "B1", "B2")}
PACK = FrameworkPack(
    pack="simulated",
    version="1",
    licence="CC0-1.0",
    scale=Scale(minimum=1, maximum=5),
    domains=(Domain(code="A", name="Aiming"), Domain(code="B", name="Building")),
    competencies=tuple(Competency(code=code, name=code, domain=domain) for code, domain in COMPETENCIES.items()),
    items=tuple(
        Item(code=f"{code}{facet[0]}", competency=code, statement=f"{code} {facet}", facet=facet)
        for code in COMPETENCIES
        for facet in Facet
    ),
)
STEPS = np.array([-1.5, -0.5, 0.5, 1.5])
METHOD, HALO, SEVERITY, SCENE = 0.3, 0.6, 0.6, 0.4
"""Standard deviations, in logits; participants have 1."""


def a_simulated_definition(**changes: Any) -> CohortDefinition:
    """The cohort's rules; it names the many-facet model and has bands."""
    asked = requirements(
        development_day=DayRequirement(exercises=tuple(EXERCISES), assessors=2),
        written_assessment=WrittenRequirement(markers=2, moderate_above=10),
    )
    settled: dict[str, Any] = {
        "cohort": "simulated",
        "framework": PACK,
        "evidence": asked,
        "weights": dict(zip(Instrument, (0.4, 0.4, 0.2), strict=True)),
        "exercises": tuple(
            ExerciseCell(exercise=exercise, name=exercise, competency=code, facet=Facet.APPLY)
            for exercise, codes in EXERCISES.items()
            for code in codes
        ),
        "criteria": tuple(
            Criterion(code=f"K{code}", competency=code, name=code, max_mark=4, facet=Facet.KNOW)
            for code in COMPETENCIES
        ),
        "scoring": Scoring(model="many-facet/1"),
        "bands": Bands(version="1", starts={"to build on": 1, "established": 2.75, "a strength": 3.75}),
    }
    return a_definition(**settled | changes)


@dataclass(frozen=True)
class Simulated:
    """`truth`: domain → participants' places; `severity`: of each assessor; evidence by participant."""

    definition: CohortDefinition
    pieces: Mapping[ParticipantId, list[Piece]]
    truth: Mapping[str, NDArray[np.float64]]
    severity: Mapping[str, float]

    @property
    def participants(self) -> list[ParticipantId]:
        """By id."""
        return sorted(self.pieces)


class _Drawing:
    def __init__(self, people: int, seed: int, assessors: int, severity: float) -> None:
        self.chance = np.random.default_rng(seed)
        self.place = {domain: self.chance.normal(0, 1, people) for domain in "AB"}
        self.method = {
            (domain, source): self.chance.normal(0, METHOD, people) for domain in "AB" for source in Instrument
        }
        names = [f"A-{n:03}" for n in range(assessors)] + [f"M-{n:03}" for n in range(max(4, assessors // 2))]
        self.severity = dict(zip(names, self.chance.normal(0, severity, len(names)).tolist(), strict=True))
        codes = [item.code for item in PACK.items] + [f"{x}/{c}" for x, cs in EXERCISES.items() for c in cs]
        codes += [f"K{code}" for code in COMPETENCIES]
        self.difficulty = dict(zip(codes, self.chance.normal(0, 0.4, len(codes)).tolist(), strict=True))

    def rating(self, psi: float, item: str) -> int:
        """1 to 5, from the partial-credit model."""
        logits = np.concatenate([[0.0], np.cumsum(psi - self.difficulty[item] - STEPS)])
        chances = np.exp(logits - logits.max())
        return int(self.chance.choice(5, p=chances / chances.sum())) + 1

    def psi(self, person: int, domain: str, source: Instrument) -> float:
        return float(self.place[domain][person] + self.method[domain, source][person])

    def response(self, person: int, by: str, relationship: Relationship) -> Piece:
        halo = {domain: self.chance.normal(0, np.hypot(HALO, SEVERITY)) for domain in "AB"}
        given = {
            item.code: float(
                self.rating(
                    self.psi(person, COMPETENCIES[item.competency], Instrument.APPRAISAL_360)
                    - halo[COMPETENCIES[item.competency]],
                    item.code,
                )
            )
            for item in PACK.items
        }
        return a_response(by, relationship, given, about=f"P-{person:04}")

    def day(self, person: int, by: Sequence[str]) -> list[Piece]:
        scene = {(domain, x): self.chance.normal(0, SCENE) for domain in "AB" for x in EXERCISES}
        halo = {(domain, who): self.chance.normal(0, HALO) for domain in "AB" for who in by}
        return [
            an_observation(
                exercise,
                who,
                {
                    code: float(
                        self.rating(
                            self.psi(person, COMPETENCIES[code], Instrument.DEVELOPMENT_DAY)
                            + scene[COMPETENCIES[code], exercise]
                            - halo[COMPETENCIES[code], who]
                            - self.severity[who],
                            f"{exercise}/{code}",
                        )
                    )
                    for code in codes
                },
                about=f"P-{person:04}",
            )
            for exercise, codes in EXERCISES.items()
            for who in by
        ]

    def written(self, person: int, by: Sequence[str]) -> list[Piece]:
        halo = {(domain, who): self.chance.normal(0, HALO) for domain in "AB" for who in by}
        return [
            a_mark(
                f"K{code}",
                who,
                self.rating(
                    self.psi(person, domain, Instrument.WRITTEN_ASSESSMENT) - halo[domain, who] - self.severity[who],
                    f"K{code}",
                )
                - 1,
                about=f"P-{person:04}",
            )
            for code, domain in COMPETENCIES.items()
            for who in by
        ]


def a_simulated_cohort(
    people: int, *, seed: int = 1, assessors: int = 12, severity: float = SEVERITY, **changes: Any
) -> Simulated:
    """Evidence about `people` participants: a line manager, five peers, two assessors and two markers each."""
    drawing = _Drawing(people, seed, assessors, severity)
    seen = [name for name in drawing.severity if name.startswith("A")]
    marking = [name for name in drawing.severity if name.startswith("M")]
    pieces: dict[ParticipantId, list[Piece]] = {}
    for person in range(people):
        participant = ParticipantId(f"P-{person:04}")
        raters = [drawing.response(person, f"R-{person}-{n}", Relationship.PEER) for n in range(5)]
        pieces[participant] = [
            drawing.response(person, f"R-{person}-S", Relationship.SELF),
            drawing.response(person, f"R-{person}-L", Relationship.LINE_MANAGER),
            *raters,
            *drawing.day(person, sorted(drawing.chance.choice(seen, 2, replace=False).tolist())),
            *drawing.written(person, sorted(drawing.chance.choice(marking, 2, replace=False).tolist())),
        ]
    return Simulated(a_simulated_definition(**changes), pieces, drawing.place, drawing.severity)
