"""A small cohort and evidence about one participant of it, with values that a test can follow by hand.

Domain A has competencies A1 and A2, domain B has B1; each competency has one item to know and one to apply.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.scoring.core.evidence import Piece
from shared.cohort.definition import (
    AppraisalRequirement,
    CohortDefinition,
    Criterion,
    DayRequirement,
    Disclosure,
    Evidence,
    ExerciseCell,
    Organisation,
    Pool,
    Release,
    WrittenRequirement,
)
from shared.framework import Competency, Domain, FrameworkPack, Item, Scale
from shared.ids import EvidenceId, RaterId
from shared.words import Facet, Instrument, PoolPolicy, Relationship, ReleasePolicy

OPENING = datetime(2026, 1, 5, 9, tzinfo=UTC)
COMPETENCIES = {"A1": "A", "A2": "A", "B1": "B"}
FRAMEWORK = FrameworkPack(
    pack="small",
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
ITEMS = tuple(item.code for item in FRAMEWORK.items)


def requirements(**changes: Any) -> Evidence:
    """What is asked of each participant: a self and a line manager, three peers, two assessors, two markers."""
    responses = {Relationship.SELF: 1, Relationship.LINE_MANAGER: 1, Relationship.PEER: 3}
    asked: dict[str, Any] = {
        "appraisal_360": AppraisalRequirement(responses=responses),
        "development_day": DayRequirement(exercises=("X1", "X2"), assessors=2),
        "written_assessment": WrittenRequirement(markers=2, moderate_above=3),
    }
    return Evidence(**asked | changes)


def a_definition(**changes: Any) -> CohortDefinition:
    """The small cohort's definition."""
    settled: dict[str, Any] = {
        "cohort": "small",
        "title": "A small cohort",
        "opens": date(2026, 1, 5),
        "closes": date(2026, 3, 31),
        "time_zone": "Europe/London",
        "framework": FRAMEWORK,
        "connections": {},
        "evidence": requirements(),
        "weights": {
            Instrument.APPRAISAL_360: 0.5,
            Instrument.DEVELOPMENT_DAY: 0.3,
            Instrument.WRITTEN_ASSESSMENT: 0.2,
        },
        "disclosure": Disclosure(group_minimum=3),
        "release": Release(policy=ReleasePolicy.AT_RUN),
        "pool": Pool(policy=PoolPolicy.PROPOSE, levels=("local",)),
        "exercises": (
            ExerciseCell(exercise="X1", name="One", competency="A1", facet=Facet.APPLY),
            ExerciseCell(exercise="X1", name="One", competency="B1", facet=Facet.APPLY),
            ExerciseCell(exercise="X2", name="Two", competency="A2", facet=Facet.APPLY),
        ),
        "criteria": (
            Criterion(code="K1", competency="A1", name="First", max_mark=10, facet=Facet.KNOW),
            Criterion(code="K2", competency="B1", name="Second", max_mark=20, facet=Facet.KNOW),
        ),
        "organisations": (Organisation(code="O1", name="One"), Organisation(code="O2", name="Two")),
        "form_fields": (),
        "choices": {},
    }
    return CohortDefinition(**settled | changes)


def a_response(
    by: str, relationship: Relationship, ratings: Mapping[str, float | None] | float = 3.0, **changes: Any
) -> Piece:
    """A response to the 360 appraisal; a single rating stands for every item."""
    given = ratings if isinstance(ratings, Mapping) else dict.fromkeys(ITEMS, ratings)
    return a_piece(Instrument.APPRAISAL_360, by, given, relationship=relationship, **changes)


def an_observation(exercise: str, by: str, ratings: Mapping[str, float | None], **changes: Any) -> Piece:
    """What an assessor saw in an exercise, by competency."""
    return a_piece(Instrument.DEVELOPMENT_DAY, by, ratings, element=exercise, **changes)


def a_mark(criterion: str, by: str, mark: float | None, **changes: Any) -> Piece:
    """A marker's mark on a criterion."""
    return a_piece(Instrument.WRITTEN_ASSESSMENT, by, {criterion: mark}, element=criterion, **changes)


def a_piece(
    instrument: Instrument, by: str, ratings: Mapping[str, float | None], *, after: float = 0, **changes: Any
) -> Piece:
    """A piece of evidence, said so many hours after the opening. Equal content has an equal id."""
    as_of = OPENING + timedelta(hours=after)
    content = (changes.pop("about", ""), instrument.value, by, sorted(ratings.items()), sorted(changes.items()), after)
    evidence = changes.pop("evidence", hashlib.sha256(repr(content).encode()).hexdigest())
    return Piece(
        evidence=EvidenceId(evidence), instrument=instrument, by=RaterId(by), ratings=ratings, as_of=as_of, **changes
    )


def complete_evidence() -> list[Piece]:
    """All that the small cohort asks for, with ratings that differ."""
    return list(_complete())


def _complete() -> Iterator[Piece]:
    yield a_response("S", Relationship.SELF, 5)
    yield a_response("L", Relationship.LINE_MANAGER, {"A1k": 4, "A1a": 3, "A2k": 4, "A2a": None, "B1k": 2, "B1a": 3})
    yield a_response("P1", Relationship.PEER, {"A1k": 3, "A1a": 3, "A2k": 3, "A2a": 3, "B1k": 2, "B1a": 2})
    yield a_response("P2", Relationship.PEER, {"A1k": 4, "A1a": 4, "A2k": 4, "A2a": 4, "B1k": 3, "B1a": None})
    yield a_response("P3", Relationship.PEER, {"A1k": 2, "A1a": 2, "A2k": 5, "A2a": 3, "B1k": 1, "B1a": 2})
    yield a_response("P4", Relationship.PEER, {"A1k": 5, "A1a": 4, "A2k": 4, "A2a": 3, "B1k": 3, "B1a": 3})
    yield an_observation("X1", "A-1", {"A1": 3, "B1": 2})
    yield an_observation("X1", "A-2", {"A1": 4, "B1": None})
    yield an_observation("X2", "A-1", {"A2": 5})
    yield an_observation("X2", "A-3", {"A2": 4})
    yield a_mark("K1", "M-1", 6)
    yield a_mark("K1", "M-2", 8)
    yield a_mark("K2", "M-1", 9)
    yield a_mark("K2", "M-2", 11)
