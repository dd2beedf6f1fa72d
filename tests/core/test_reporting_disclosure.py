"""What must not leak: groups below the minimum, directly, by subtraction, or by the difference of two plans."""

from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporting.core.disclosure import (
    DisclosureBreach,
    exposes,
    screened,
    shown_answers,
    singled_out,
    withheld_organisations,
)
from shared.events import ParticipantScored
from shared.ids import RaterId
from shared.words import Relationship
from tests.builders.reporting import MANAGER, PARTNER, PEER, REPORT, a_figure, a_rater, a_scored


def people(group: str, n: int) -> set[str]:
    return {f"{group}-{number}" for number in range(n)}


@pytest.mark.parametrize(
    ("groups", "published", "minimum", "found"),
    [
        pytest.param(
            {"peer": 3, "report": 4, "partner": 3},
            [["peer"], ["report"], ["partner"], ["peer", "report", "partner"]],
            3,
            0,
            id="every group is large enough",
        ),
        pytest.param(
            {"peer": 2, "report": 4, "partner": 3}, [["peer"], ["report"], ["partner"]], 3, 2, id="two peers shown"
        ),
        pytest.param(
            {"peer": 2, "report": 4, "partner": 3},
            [["report"], ["partner"], ["peer", "report", "partner"]],
            3,
            2,
            id="peers hidden, but all others and the other groups are shown",
        ),
        pytest.param(
            {"peer": 2, "report": 4, "partner": 1},
            [["report"], ["peer", "partner"], ["peer", "report", "partner"]],
            3,
            0,
            id="peers and partners merged to three",
        ),
        pytest.param(
            {"peer": 1, "report": 4, "partner": 1},
            [["report"], ["peer", "partner"]],
            3,
            2,
            id="merged and still too small",
        ),
        pytest.param(
            {"peer": 1, "report": 2, "partner": 1}, [["peer", "report", "partner"]], 3, 0, id="only the total"
        ),
        pytest.param({"peer": 4, "report": 5}, [["peer"], ["report"]], 5, 4, id="a minimum of five"),
    ],
)
def test_published_averages_single_out_a_group(
    groups: dict[str, int], published: list[list[str]], minimum: int, found: int
) -> None:
    sets = [set(chain.from_iterable(people(name, groups[name]) for name in names)) for names in published]
    assert singled_out(sets, minimum) == found


@given(
    st.lists(st.sets(st.integers(0, 7), min_size=1), min_size=1, max_size=4),
    st.integers(2, 4),
)
@settings(deadline=None, max_examples=60)
def test_whoever_is_singled_out_can_be_worked_out_and_nobody_else(sets: list[set[int]], minimum: int) -> None:
    """Against brute force: some combination with small whole coefficients is zero outside fewer than the minimum."""
    supports = [_support(sets, coefficients) for coefficients in _combinations(len(sets))]
    smallest = min((size for size in supports if size > 0), default=0)
    found = singled_out(sets, minimum)
    assert bool(found) == (0 < smallest < minimum)
    assert found in {0, smallest}


def _support(sets: list[set[int]], coefficients: tuple[int, ...]) -> int:
    """How many people a combination of averages says something about."""
    weights = [sum(c for c, s in zip(coefficients, sets, strict=True) if member in s) for member in set().union(*sets)]
    return sum(1 for weight in weights if weight)


def _combinations(n: int) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = [()]
    for _ in range(n):
        found = [(*before, c) for before in found for c in range(-3, 4)]
    return found


def test_groups_that_are_large_enough_pass() -> None:
    screen = screened(a_scored(), 3)
    assert (screen.others, screen.managers) == (7, 1)
    assert screen.may_quote


def test_a_group_below_the_minimum_stops_the_plan() -> None:
    with pytest.raises(DisclosureBreach, match=r"peer in A, a group smaller than 3"):
        screened(a_scored(groups={MANAGER: 1, PEER: 2, REPORT: 3}), 3)


def test_a_group_that_follows_by_subtraction_stops_the_plan() -> None:
    with pytest.raises(DisclosureBreach, match=r"gives away a group smaller than 3"):
        screened(a_scored(groups={MANAGER: 1, PEER: 4, REPORT: 2}, shown=[(MANAGER,), (PEER,)]), 3)


def test_a_group_that_is_withheld_and_shown_stops_the_plan() -> None:
    with pytest.raises(DisclosureBreach, match="withholds"):
        screened(a_scored(withheld=(REPORT,)), 3)


def test_self_and_line_manager_are_exempt() -> None:
    manager_only = a_scored(groups={MANAGER: 1}, shown=[(MANAGER,)])
    screen = screened(manager_only, 3)
    assert all(screen.may_show(figure) for figure in manager_only.figures)
    assert not screen.may_quote


def test_a_merged_group_counts_as_one() -> None:
    merged = [(MANAGER,), (PEER, PARTNER), (REPORT,)]
    screened(a_scored(groups={MANAGER: 1, PEER: 2, PARTNER: 1, REPORT: 3}, shown=merged), 3)


def test_a_competency_that_too_few_raters_saw_is_not_shown() -> None:
    """The line manager may be one of them, and takes the own answers out."""
    screen = screened(a_scored(), 3)
    assert not screen.may_show(a_figure("A", 3.0, competency="A1", appraisal_raters=3))
    assert screen.may_show(a_figure("A", 3.0, competency="A1", appraisal_raters=4))
    without = screened(a_scored(groups={PEER: 4, REPORT: 3}, shown=[(PEER,), (REPORT,)]), 3)
    assert without.may_show(a_figure("A", 3.0, competency="A1", appraisal_raters=3))
    assert not without.may_show(a_figure("A", 3.0, competency="A1", appraisal_raters=2))


Sizes = dict[Relationship, int]


@pytest.mark.parametrize(
    ("groups", "shown", "allowed"),
    [
        pytest.param({PEER: 3, REPORT: 4, PARTNER: 3}, [(PEER,), (REPORT,), (PARTNER,)], True, id="all large enough"),
        pytest.param({PEER: 2, REPORT: 4, PARTNER: 3}, [(PEER,), (REPORT,), (PARTNER,)], False, id="two peers shown"),
        pytest.param({PEER: 2, REPORT: 4, PARTNER: 3}, [(REPORT,), (PARTNER,)], False, id="two peers by subtraction"),
        pytest.param({PEER: 2, REPORT: 4, PARTNER: 1}, [(REPORT,), (PEER, PARTNER)], True, id="merged to three"),
        pytest.param({PEER: 1, REPORT: 4, PARTNER: 1}, [(REPORT,), (PEER, PARTNER)], False, id="merged and too small"),
        pytest.param({PEER: 1, REPORT: 2, PARTNER: 1}, [], True, id="only the pool of four"),
        pytest.param({PEER: 1, REPORT: 1}, [], False, id="only the pool, of two and their manager"),
    ],
)
def test_a_whole_result_is_judged_as_what_follows_from_all_that_it_shows(
    groups: Sizes, shown: list[tuple[Relationship, ...]], allowed: bool
) -> None:
    scored = a_scored(groups={MANAGER: 1} | groups, shown=[(MANAGER,), *shown] if shown else [])
    if allowed:
        screened(scored, 3)
    else:
        with pytest.raises(DisclosureBreach):
            screened(scored, 3)


@given(
    st.dictionaries(st.sampled_from([PEER, REPORT, PARTNER]), st.integers(1, 5), min_size=1),
    st.integers(2, 4),
    st.data(),
)
@settings(deadline=None, max_examples=100)
def test_no_result_passes_that_shows_a_group_below_the_minimum(
    sizes: dict[Relationship, int], minimum: int, data: st.DataObject
) -> None:
    shown = data.draw(st.sets(st.sampled_from(sorted(sizes)), min_size=1))
    scored = a_scored(groups={MANAGER: 1} | sizes, shown=[(MANAGER,), *((each,) for each in sorted(shown))])
    hidden = sum(n for each, n in sizes.items() if each not in shown)
    unsafe = any(sizes[each] < minimum for each in shown) or 0 < hidden < minimum
    if unsafe:
        with pytest.raises(DisclosureBreach):
            screened(scored, minimum)
    else:
        screened(scored, minimum)


# -------------------------------------------------------------------------------------------------------- revisions


def revised(*raters: RaterId, added: int = 0) -> ParticipantScored:
    return a_scored(groups={MANAGER: 1, PEER: 4 + added, REPORT: 3}, changed=raters, version=2)


def exposed(new: ParticipantScored, *earlier: ParticipantScored, minimum: int = 3) -> str | None:
    return exposes([shown_answers(each) for each in earlier or (a_scored(),)], shown_answers(new), minimum)


def test_the_same_answers_expose_nobody() -> None:
    assert exposed(revised()) is None


def test_one_late_rater_would_be_exposed() -> None:
    assert "the answers of one rater" in str(exposed(revised(added=1)))


def test_one_changed_answer_would_be_exposed() -> None:
    assert "the answers of one rater" in str(exposed(revised(a_rater(PEER, 1))))


def test_two_changed_answers_would_be_exposed() -> None:
    assert "fewer than 3 raters" in str(exposed(revised(a_rater(PEER, 1), a_rater(PEER, 2))))


def test_three_changed_answers_of_one_group_expose_nobody() -> None:
    assert exposed(revised(*(a_rater(PEER, n) for n in (1, 2, 3)))) is None


def test_three_changed_answers_in_two_groups_expose_the_one_who_is_alone_in_hers() -> None:
    changed = (a_rater(PEER, 1), a_rater(PEER, 2), a_rater(REPORT, 1))
    assert "one rater" in str(exposed(revised(*changed)))


def test_self_manager_and_assessors_may_answer_anew() -> None:
    changed = (a_rater(Relationship.SELF, 1), a_rater(MANAGER, 1), RaterId("A-1"))
    assert exposed(revised(*changed)) is None


def test_raters_who_stay_withheld_expose_nobody() -> None:
    few = {"groups": {MANAGER: 1, PEER: 4, REPORT: 1}, "shown": [(MANAGER,), (PEER,)], "withheld": (REPORT,)}
    before = a_scored(**few)  # type: ignore[arg-type]
    after = a_scored(**few | {"groups": {MANAGER: 1, PEER: 4, REPORT: 2}, "version": 2})  # type: ignore[arg-type]
    assert exposed(after, before) is None


def test_a_group_that_becomes_large_enough_exposes_nobody() -> None:
    before = a_scored(groups={MANAGER: 1, PEER: 4, REPORT: 2}, shown=[(MANAGER,), (PEER,)], withheld=(REPORT,))
    assert exposed(a_scored(version=2), before) is None


def test_groups_that_are_merged_differently_expose_what_lies_between() -> None:
    groups = {MANAGER: 1, PEER: 4, PARTNER: 1, REPORT: 3}
    before = a_scored(groups=groups, shown=[(MANAGER,), (PEER, PARTNER), (REPORT,)])
    after = a_scored(groups={MANAGER: 1, PEER: 4, REPORT: 3}, shown=[(MANAGER,), (PEER,), (REPORT,)], version=2)
    assert "one rater" in str(exposed(after, before))


def test_plans_are_compared_with_all_that_went_out_together() -> None:
    """Each step changes three answers; the first and the third plan differ by one."""
    first = a_scored()
    second = revised(*(a_rater(PEER, n) for n in (1, 2, 3)))
    third = revised(a_rater(PEER, 1))
    assert exposed(third, second) is not None
    assert exposed(third, first, second) is not None
    assert exposed(first.model_copy(update={"version": 3}), second) is None


def test_a_reason_names_no_rater() -> None:
    reason = str(exposed(revised(a_rater(PEER, 1))))
    assert "R-" not in reason
    assert "peer" not in reason


# ---------------------------------------------------------------------------------------------------- organisations


@given(st.dictionaries(st.sampled_from("NSWEX"), st.integers(1, 7), min_size=1), st.integers(2, 4))
def test_no_organisation_follows_from_the_cohort_and_the_others(sizes: dict[str, int], minimum: int) -> None:
    withheld = withheld_organisations({code: {"cell": n} for code, n in sizes.items()}, minimum)
    everyone = {f"{code}{k}" for code, n in sizes.items() for k in range(n)}
    published = [{f"{code}{k}" for k in range(n)} for code, n in sizes.items() if code not in withheld]
    if len(everyone) >= minimum:
        published.append(everyone)
    assert singled_out(published, minimum) == 0


def test_only_as_many_organisations_are_withheld_as_needed() -> None:
    assert withheld_organisations({"N": {"x": 3}, "S": {"x": 2}, "W": {"x": 2}}, 3) == {"S": True, "W": True}
    assert withheld_organisations({"N": {"x": 3}, "S": {"x": 5}}, 3) == {}


def test_one_small_cell_withholds_the_organisation() -> None:
    counts = {"N": {"x": 5, "y": 2}, "S": {"x": 6, "y": 6}, "W": {"x": 9, "y": 9}}
    assert withheld_organisations(counts, 3) == {"N": True, "S": False}
