"""Before the day: who is linked, what is seen too rarely, what interval to expect, and the rota that is proposed."""

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.core.design import precision
from services.scoring.core.design.assignments import Design, Marking, Watch
from services.scoring.core.design.checking import checked, in_words
from services.scoring.core.design.coverage import loads, own_organisation
from services.scoring.core.design.linking import edges, subsets
from services.scoring.core.design.precision import Behind, expected, half_width
from services.scoring.core.design.rota import NoRota, proposed
from services.scoring.core.layers.domains import METHOD
from services.scoring.models import rater_means_v1
from shared.cohort.definition import DayRequirement, ExerciseCell
from shared.ids import OrganisationId, ParticipantId, RaterId
from shared.words import Facet, Instrument, Relationship
from tests.builders.scoring_case import a_definition, requirements

DAY = Instrument.DEVELOPMENT_DAY
GRID = tuple(
    ExerciseCell(exercise=exercise, name=exercise, competency=competency, facet=Facet.APPLY)
    for exercise in ("X1", "X2", "X3")
    for competency in ("A1", "A2", "B1")
)


def a_design(people: int = 6, assessors: int = 4, needed: int = 2, homes: int = 0, **changes: Any) -> Design:
    """A cohort whose three exercises show both domains; `homes`: organisations that assessors are from, 0: unknown."""
    definition = a_definition(
        evidence=requirements(development_day=DayRequirement(exercises=("X1", "X2", "X3"), assessors=needed)),
        exercises=GRID,
    )
    settled: dict[str, Any] = {
        "definition": definition,
        "participants": {ParticipantId(f"P-{n:03}"): OrganisationId(f"O{n % 3}") for n in range(people)},
        "raters": [],
        "assessors": {
            RaterId(f"A-{n:03}"): OrganisationId(f"O{n % homes}") if homes else None for n in range(assessors)
        },
    }
    return Design(**settled | changes)


def watched(design: Design, *rows: tuple[int, str, int]) -> Design:
    watches = (Watch(ParticipantId(f"P-{p:03}"), x, RaterId(f"A-{a:03}")) for p, x, a in rows)
    return replace(design, watches=tuple(sorted(watches)))


def to_mend(design: Design) -> list[str]:
    return [finding.words for finding in checked(design).to_mend]


def test_subsets_are_found_as_a_whole_and_domain_by_domain() -> None:
    apart = [(p, x, a + 2 * (p // 3)) for p in range(6) for x in ("X1", "X2", "X3") for a in (0, 1)]
    design = watched(a_design(), *apart)
    assert [people for people, _ in subsets(edges(design, DAY))] == [
        ("P-000", "P-001", "P-002"),
        ("P-003", "P-004", "P-005"),
    ]
    assert any("development day: 2 subsets that nobody links" in words for words in to_mend(design))
    one_more = watched(a_design(), *apart, (0, "X1", 2))
    assert not any("subsets" in words for words in to_mend(one_more))


def test_a_domain_that_falls_apart_in_a_linked_day_is_named() -> None:
    grid = tuple(cell for cell in GRID if not (cell.exercise == "X1" and cell.competency == "B1"))
    design = a_design(2)
    definition = design.definition.model_copy(update={"exercises": grid})
    rows = [(p, x, a + 2 * p) for p in (0, 1) for x in ("X2", "X3") for a in (0, 1)]
    found = watched(
        replace(design, definition=definition), *rows, (0, "X1", 2), (0, "X1", 0), (1, "X1", 2), (1, "X1", 3)
    )
    assert "development day: linked as a whole, and for Building in 2 subsets" in to_mend(found)


def test_an_ordinary_appraisal_is_told_as_a_note_and_not_as_a_fault() -> None:
    raters = [
        (RaterId(f"R{p}{n}"), ParticipantId(f"P-{p:03}"), Relationship.PEER if n else Relationship.SELF)
        for p in range(6)
        for n in range(4)
    ]
    found = checked(a_design(raters=raters))
    assert [link.subsets for link in found.links if link.instrument is Instrument.APPRAISAL_360] == [6]
    assert any("severity can't be told from ability" in finding.words for finding in found.findings if not finding.mend)
    assert found.to_mend == ()


def test_a_domain_in_one_exercise_or_by_one_assessor_is_to_be_mended() -> None:
    design = a_design(1, 2)
    few = design.definition.model_copy(
        update={"exercises": tuple(c for c in GRID if c.competency != "B1" or c.exercise == "X1")}
    )
    assert any("Building is shown by 1 exercise" in words for words in to_mend(replace(design, definition=few)))
    none = design.definition.model_copy(update={"exercises": tuple(c for c in GRID if c.competency != "B1")})
    assert [w for w in to_mend(replace(design, definition=none)) if "Building" in w] == [
        "Building is shown by 0 exercises; 2 are needed to tell it from how somebody did in one of them"
    ]
    alone = watched(design, (0, "X1", 0), (0, "X2", 0), (0, "X3", 0))
    assert "Aiming is seen by fewer than 2 assessors in P-000" in to_mend(alone)
    assert any("asks for 1 assessor an exercise" in words for words in to_mend(a_design(needed=1)))


def test_empty_places_uneven_work_and_own_organisations_are_named() -> None:
    design = a_design(2, 3, homes=3)
    rows = [(p, x, a) for p in (0, 1) for x in ("X1", "X2", "X3") for a in (0, 1)]
    words = to_mend(watched(design, *rows[:-1]))
    assert "fewer than the 2 assessors asked for are to watch P-001/X3" in words
    assert "one assessor watches 6 times (A-000), another 0 (A-002)" in words
    assert any(
        each.startswith("an assessor watches somebody of their own organisation: A-000 P-000/X1") for each in words
    )


def test_expected_precision_is_that_of_the_model_with_exercise_and_method_variance() -> None:
    assert (precision.BETWEEN_UNITS, precision.RESIDUAL) == (rater_means_v1.BETWEEN_UNITS, rater_means_v1.RESIDUAL)
    design = a_design()
    day, written = Behind(DAY, 2, 6, 3), Behind(Instrument.WRITTEN_ASSESSMENT, 2, 1)
    variance = [(0.2**2 + 0.175**2 / 6) / 2 + 0.075**2 / 3, (0.2**2 + 0.175**2) / 2]
    by_hand = sum((share**2) * (v + METHOD**2) for share, v in zip((0.6, 0.4), variance, strict=True))
    assert half_width(design, (day, written)) == pytest.approx(1.959964 * math.sqrt(by_hand) * 4, rel=1e-6)


def test_more_of_each_narrows_the_interval_and_the_greatest_gain_stands_first() -> None:
    for each in expected(a_design()):
        halves = list(each.more.values())
        assert halves == sorted(halves)
        assert all(half < each.typical for half in halves)
        assert set(each.more) == {
            "two more peers",
            "one more assessor",
            "one more exercise that shows it",
            "one more marker",
        }
    assert "would narrow this to ±" in " ".join(in_words(expected(a_design())[0], "Aiming"))


def test_somebody_with_fewer_raters_is_named_as_the_widest() -> None:
    raters = [
        (RaterId(f"R{p}-{n}"), ParticipantId(f"P-{p:03}"), Relationship.PEER)
        for p in range(6)
        for n in range(3 if p == 4 else 8)
    ]
    (first, *_) = expected(a_design(raters=raters))
    assert first.widest > first.typical
    assert first.widest_of == ("P-004",)


def test_fewer_answers_widen_what_is_expected() -> None:
    raters = [(RaterId(f"R{p}-{n}"), ParticipantId(f"P-{p:03}"), Relationship.PEER) for p in range(6) for n in range(8)]
    all_of_them, half = (expected(a_design(raters=raters, answering=share)) for share in (1.0, 0.5))
    assert all(one.typical < other.typical for one, other in zip(all_of_them, half, strict=True))
    assert half[0].behind[0].units == 4


def test_who_could_be_adjusted_is_decided_as_the_engine_decides() -> None:
    few = checked(proposed(a_design(6, 4)))
    assert {(link.adjusted, link.reason) for link in few.links} == {
        (0, "6 participants: fewer than 30, severities would be noise")
    }
    assert any("nobody can be adjusted for who rates them: 6 participants" in f.words for f in few.findings)
    many = checked(proposed(a_design(40, 6)))
    assert {(link.adjusted, link.reason) for link in many.links} == {(40, None)}


def test_before_anything_is_planned_the_check_says_so_and_still_expects() -> None:
    found = checked(a_design())
    assert [finding.what for finding in found.findings] == ["unplanned"] * 3
    assert (found.links, found.to_mend) == ((), ())
    assert len(found.expected) == 2


def test_an_instrument_that_weighs_nothing_is_not_looked_at() -> None:
    definition = a_design().definition.model_copy(update={"weights": {Instrument.WRITTEN_ASSESSMENT: 1.0}})
    found = checked(replace(a_design(), definition=definition))
    assert {source.instrument for each in found.expected for source in each.behind} == {Instrument.WRITTEN_ASSESSMENT}
    markings = tuple(Marking(ParticipantId(f"P-{n:03}"), RaterId("M-1")) for n in range(6))
    links = checked(replace(a_design(), definition=definition, markings=markings)).links
    assert {(link.domain, link.subsets) for link in links} == {(None, 1), ("A", 1), ("B", 1)}


def holds(design: Design, needed: int) -> None:
    """What every proposed rota must keep."""
    count = Counter((watch.participant, watch.exercise) for watch in design.watches)
    assert len(set(design.watches)) == len(design.watches)
    assert all(count[who, x] == needed for who in design.participants for x in ("X1", "X2", "X3"))
    assert own_organisation(design) == ()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(2, 9), st.integers(1, 2))
def test_without_organisations_work_is_equal_and_all_are_linked(people: int, assessors: int, needed: int) -> None:
    design = proposed(a_design(people, assessors, needed))
    holds(design, needed)
    load = loads(design)
    assert max(load.values()) - min(load.values()) <= 1
    if needed == 2:
        assert len(subsets(edges(design, DAY))) == 1
        assert all(len(subsets(edges(design, DAY, domain))) == 1 for domain in ("A", "B"))


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 24), st.integers(6, 10))
def test_nobody_watches_their_own_organisation(people: int, assessors: int) -> None:
    design = proposed(a_design(people, assessors, homes=3))
    holds(design, 2)
    assert not [words for words in to_mend(design) if "subsets" in words]


def test_the_same_people_get_the_same_rota_in_whatever_order_they_are_listed() -> None:
    one = a_design(9, 5, homes=4)
    other = replace(
        one,
        participants=dict(reversed(list(one.participants.items()))),
        assessors=dict(reversed(list(one.assessors.items()))),
    )
    assert proposed(one).watches == proposed(other).watches


def test_a_rota_that_can_not_be_says_why() -> None:
    with pytest.raises(NoRota, match="fewer are listed for P-000"):
        proposed(a_design(1, 1))
    with pytest.raises(NoRota, match=r"P-000, P-001, P-003, P-004$"):
        proposed(a_design(6, 2, homes=2))
    with pytest.raises(NoRota, match="no development day"):
        proposed(replace(a_design(), definition=a_definition(evidence=requirements(development_day=None))))


def test_one_exercise_and_one_assessor_each_can_not_be_linked_and_that_is_said() -> None:
    definition = a_definition(
        evidence=requirements(development_day=DayRequirement(exercises=("X1",), assessors=1)), exercises=GRID
    )
    found = proposed(a_design(6, 3, definition=definition))
    assert any("3 subsets" in words for words in to_mend(found))
