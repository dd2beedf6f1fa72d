"""Means of groups drawn towards a common one, the system beside its cohorts, and the smallest n of each statistic."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.core.analysis import adjusting, many_facet
from services.scoring.core.analysis.combining import ESTIMATED_FROM
from services.scoring.core.facets import categories
from services.scoring.core.gaps import Standing, gaps
from services.scoring.core.minimum_n import MINIMA, withheld
from services.scoring.core.shrinkage import BETWEEN_GROUPS, common_of, drawn
from services.scoring.core.system import system_figures
from services.scoring.models.many_facet_v1 import ManyFacet
from shared.cohort.definition import USUAL
from shared.framework import Scale
from shared.ids import CohortId, OrganisationId
from shared.words import Facet

SCALE = Scale(minimum=1, maximum=5)
CELL = ("A", Facet.KNOW)


def standings(organisation: str, *estimates: float) -> list[Standing]:
    return [Standing(OrganisationId(organisation), {CELL: (each, 0.3)}) for each in estimates]


def test_an_organisation_is_drawn_towards_the_cohort_by_as_much_as_its_error_makes_likely() -> None:
    table = gaps(SCALE, [*standings("O1", 2.0), *standings("O2", *[3.0 + n / 10 for n in range(12)])])
    one, many = (next(gap for gap in table if gap.organisation == name) for name in ("O1", "O2"))
    cohort = next(gap for gap in table if gap.organisation is None)
    assert one.drawn is not None
    assert many.drawn is not None
    assert (one.estimate, one.n, cohort.drawn) == (2.0, 1, None)
    assert abs(one.drawn - cohort.estimate) < 0.3 * abs(one.estimate - cohort.estimate)
    assert abs(many.drawn - many.estimate) < abs(one.drawn - one.estimate)


def test_what_is_drawn_follows_from_what_is_shown_anyway() -> None:
    """So that no hidden organisation can be worked out from it."""
    table = gaps(SCALE, [*standings("O1", 2.0, 2.6, 2.3), *standings("O2", 3.0, 3.4, 4.1, 3.3)])
    cohort = next(gap for gap in table if gap.organisation is None)
    for gap in table:
        if gap.organisation is not None:
            again = drawn(
                SCALE,
                gap.estimate,
                gap.standard_error or 0.0,
                towards=cohort.estimate,
                towards_error=cohort.standard_error or 0.0,
                between=BETWEEN_GROUPS * 4,
            )
            assert gap.drawn == pytest.approx(again.estimate, abs=1e-5)


@settings(max_examples=100, deadline=None)
@given(st.floats(1, 5), st.floats(0.01, 2), st.floats(1, 5), st.floats(0.01, 1))
def test_a_drawn_mean_lies_between_its_own_and_the_common_one(mean: float, error: float, to: float, sd: float) -> None:
    found = drawn(SCALE, mean, error, towards=to, towards_error=0.1, between=sd)
    assert min(mean, to) - 1e-9 <= found.estimate <= max(mean, to) + 1e-9
    assert found.low <= found.estimate + 1e-9
    assert found.high >= found.estimate - 1e-9


def test_drawn_means_of_simulated_groups_are_nearer_to_the_truth_and_covered() -> None:
    chance = np.random.default_rng(3)
    truth = chance.normal(3, 0.3, 400)
    errors = chance.uniform(0.1, 0.6, 400)
    seen = truth + chance.normal(0, errors)
    common = common_of(SCALE, seen.tolist(), errors.tolist())
    assert common.estimated
    assert common.between == pytest.approx(0.3, abs=0.05)
    found = [
        drawn(SCALE, y, e, towards=common.mean, towards_error=common.error, between=common.between)
        for y, e in zip(seen, errors, strict=True)
    ]
    nearer = math.sqrt(np.mean([(f.estimate - t) ** 2 for f, t in zip(found, truth, strict=True)]))
    assert nearer < 0.85 * math.sqrt(np.mean((seen - truth) ** 2))
    assert np.mean([f.low <= t <= f.high for f, t in zip(found, truth, strict=True)]) == pytest.approx(0.95, abs=0.03)


def test_a_system_leaves_out_cohorts_that_are_too_small() -> None:
    tables = [
        (CohortId("large"), gaps(SCALE, standings("O", *[3 + n / 20 for n in range(12)]))),
        (CohortId("other"), gaps(SCALE, standings("O", *[2 + n / 20 for n in range(12)]))),
        (CohortId("seven"), gaps(SCALE, standings("O", *[4.0] * 7))),
        (CohortId("two"), gaps(SCALE, standings("O", 1.0, 1.1))),
    ]
    (inside,) = system_figures(SCALE, tables, minimum=3, public=False)
    (outside,) = system_figures(SCALE, tables, minimum=3, public=True)
    assert [mean.cohort for mean in inside.cohorts if mean.withheld] == ["two"]
    assert [mean.cohort for mean in outside.cohorts if mean.withheld] == ["seven", "two"]
    assert inside.common is not None
    assert outside.common is not None
    assert inside.common.mean > outside.common.mean, "what is withheld enters no common mean"
    without = system_figures(SCALE, tables[:2], minimum=3, public=True)[0]
    assert without.common == outside.common


@pytest.mark.parametrize(
    "statistic",
    [
        "rater-adjusted estimate",
        "band from adjusted estimates",
        "severity of raters",
        "variance components",
        "method variance",
        "ranks of participants",
        "percentiles and norms",
        "differential item functioning",
        "self and others by polynomial regression",
        "figure in a public table",
    ],
)
def test_seven_participants_carry_no(statistic: str) -> None:
    assert "7 participants" in str(withheld(statistic, 7))


@pytest.mark.parametrize("statistic", ["mean of a participant", "interval from raters' own spread", "band from means"])
def test_seven_carry(statistic: str) -> None:
    assert withheld(statistic, 7) is None


def test_the_engine_keeps_to_the_table() -> None:
    assert {
        "rater-adjusted estimate": adjusting.ENOUGH_PARTICIPANTS,
        "severity of raters": ManyFacet.participants,
        "variance components": many_facet.ESTIMATED_FROM,
        "method variance": ESTIMATED_FROM,
        "steps of an item's own": many_facet.OWN_STEPS_FROM,
        "category of an answer scale": categories.LEAST,
        "spread within a rater group": USUAL.spread_from,
    } == {name: MINIMA[name].n for name in MINIMA if name in KEPT}


KEPT = {
    "rater-adjusted estimate",
    "severity of raters",
    "variance components",
    "method variance",
    "steps of an item's own",
    "category of an answer scale",
    "spread within a rater group",
}


def test_the_documentation_has_the_same_table() -> None:
    text = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| (\d+) (.+?) \| (.+?) \|$", text, re.MULTILINE)
    told = {name: (int(n), unit, instead) for name, n, unit, instead in rows if name in MINIMA}
    assert told == {name: (each.n, each.unit, each.instead) for name, each in MINIMA.items()}
