"""The cohort's gap table and the intervals it rests on."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from services.scoring.core.gaps import Standing, gaps
from services.scoring.core.scales import interval, reach
from shared.framework import Scale
from shared.ids import OrganisationId
from shared.words import Facet

LAW = settings(max_examples=60, deadline=None)

SCALE = Scale(minimum=1, maximum=5)
ONE, TWO = OrganisationId("O1"), OrganisationId("O2")


def standing(organisation: OrganisationId, estimate: float, error: float = 0.2, domain: str = "A") -> Standing:
    return Standing(organisation, {(domain, Facet.APPLY): (estimate, error)})


def test_a_gap_is_the_mean_over_participants_with_a_t_interval() -> None:
    table = gaps(SCALE, [standing(ONE, 2.0), standing(ONE, 3.0), standing(ONE, 2.5), standing(ONE, 3.5)])
    whole = next(gap for gap in table if gap.organisation is None)
    spread = math.sqrt((0.75**2 + 0.25**2 + 0.25**2 + 0.75**2) / 3)
    half = stats.t.ppf(0.975, 3) * spread / 2
    assert (whole.n, whole.estimate) == (4, 2.75)
    assert (whole.low, whole.high) == pytest.approx((2.75 - half, 2.75 + half), abs=1e-6)


def test_the_table_has_the_cohort_and_each_organisation_weakest_first() -> None:
    table = gaps(SCALE, [standing(ONE, 4.0), standing(TWO, 2.0), standing(TWO, 3.0, domain="B")])
    assert [(gap.domain, gap.organisation, gap.n, gap.estimate) for gap in table] == [
        ("A", TWO, 1, 2.0),
        ("A", None, 2, 3.0),
        ("B", None, 1, 3.0),
        ("B", TWO, 1, 3.0),
        ("A", ONE, 1, 4.0),
    ]


def test_one_participant_has_the_stated_spread_and_the_own_error() -> None:
    (whole, _) = gaps(SCALE, [standing(ONE, 3.0, error=0.4)])
    half = stats.norm.ppf(0.975) * math.sqrt(0.6**2 + 0.4**2)
    assert (whole.low, whole.high) == pytest.approx((3 - half, 3 + half), abs=1e-6)


def test_participants_who_agree_by_chance_do_not_claim_certainty() -> None:
    whole = gaps(SCALE, [standing(ONE, 3.0, error=0.3)] * 4)[0]
    assert whole.high - 3 == pytest.approx(stats.t.ppf(0.975, 3) * 0.3 / 2, abs=1e-6)


def test_a_participant_without_the_figure_is_not_counted() -> None:
    table = gaps(SCALE, [standing(ONE, 2.0), standing(ONE, 3.0), Standing(ONE, {})])
    assert {gap.n for gap in table} == {2}
    assert gaps(SCALE, []) == ()


STANDINGS = st.lists(
    st.builds(
        standing,
        st.sampled_from([ONE, TWO]),
        st.floats(1, 5),
        st.floats(0.05, 1),
        st.sampled_from(["A", "B"]),
    )
)


@LAW
@given(STANDINGS, st.data())
def test_the_order_of_participants_changes_nothing(standings: list[Standing], data: st.DataObject) -> None:
    assert gaps(SCALE, data.draw(st.permutations(standings))) == gaps(SCALE, standings)


@LAW
@given(STANDINGS)
def test_every_gap_lies_on_the_scale_within_its_interval_weakest_first(standings: list[Standing]) -> None:
    table = gaps(SCALE, standings)
    assert all(1 <= gap.low <= gap.estimate <= gap.high <= 5 for gap in table)
    assert [gap.estimate for gap in table] == sorted(gap.estimate for gap in table)


@pytest.mark.parametrize("degrees", [1, 2, 3.7, 12, 250.5])
def test_an_interval_reaches_as_far_as_students_t(degrees: float) -> None:
    assert reach(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), rel=1e-9)


def test_an_interval_ends_with_the_scale() -> None:
    assert interval(SCALE, 1.2, 1.0, 2) == (1.0, 5.0)
