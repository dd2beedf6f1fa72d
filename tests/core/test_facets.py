"""The many-facet model: it finds what ratings were drawn from, and says how surely. Pure."""

import numpy as np
import pytest
from numpy.typing import NDArray

from services.scoring.core.facets import effects
from services.scoring.core.facets.effects import Design
from services.scoring.core.facets.fit import Fit, Options, Variances, fitted
from services.scoring.core.facets.items import GRID, Coverage, Places, tables_of
from services.scoring.core.facets.ratings import NOT_RATED, Ratings, coded, collapsed
from tests.builders.facets import Drawn, drawn

GUILFORD = {
    "Avogadro": ["55353", "97585", "33371", "73133", "97785", "35351", "77555"],
    "Brahe": ["65463", "87572", "45366", "56455", "24323", "44642", "33554"],
    "Cavendish": ["55573", "77575", "35555", "53331", "97777", "33353", "77757"],
}
"""Guilford (1954), Psychometric Methods, 2nd ed., p. 282: three judges rate five traits of seven people from 1 to 9; a
string a person, a digit a trait.
"""


def correlation(found: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    return float(np.corrcoef(found, truth)[0, 1])


def coverage(fit: Fit, truth: NDArray[np.float64]) -> float:
    return float(np.mean(np.abs(fit.place - truth) < 1.96 * np.sqrt(fit.place_variance)))


@pytest.fixture(scope="module")
def panel() -> Drawn:
    """150 people, three of 20 raters each, who differ in severity."""
    return drawn(150, 20, 3, severity=0.7, missing=0.05, seed=4)


@pytest.fixture(scope="module")
def panel_fit(panel: Drawn) -> Fit:
    return fitted(panel.units)


def test_places_severities_and_difficulties_are_found(panel: Drawn, panel_fit: Fit) -> None:
    assert panel_fit.converged
    assert correlation(panel_fit.place, panel.place) > 0.85
    assert correlation(panel_fit.severity, panel.severity) > 0.9
    difficulty = panel_fit.cumulative[:, -1] / 4
    assert np.abs(difficulty - difficulty.mean() - panel.difficulty).max() < 0.2


def test_intervals_cover_what_they_claim(panel: Drawn, panel_fit: Fit) -> None:
    assert 0.90 <= coverage(panel_fit, panel.place) <= 0.99


def test_without_the_halo_they_do_not() -> None:
    crowd = drawn(150, 20, 3, severity=0.5, halo=0.9, items=20, seed=9)
    honest = fitted(crowd.units)
    plain = fitted(crowd.units, Variances(halo=1e-4), Options(anchored=True))
    assert coverage(honest, crowd.place) > 0.88
    assert coverage(plain, crowd.place) < 0.65


def test_variances_are_near_those_it_was_drawn_with() -> None:
    found = fitted(drawn(400, 40, 4, severity=0.6, halo=0.6, seed=2).units).variances
    assert found.participant == pytest.approx(1.0, rel=0.25)
    assert found.severity == pytest.approx(0.36, rel=0.6)
    assert found.halo == pytest.approx(0.36, rel=0.35)


def test_knowing_who_rated_brings_estimates_nearer_to_the_truth(panel: Drawn, panel_fit: Fit) -> None:
    ratings = panel.ratings
    mean = np.bincount(ratings.participant, ratings.score) / np.bincount(ratings.participant)
    assert correlation(panel_fit.place, panel.place) > correlation(mean, panel.place) + 0.02


def test_a_harsher_assessor_moves_adjusted_estimates_less_than_means(panel: Drawn, panel_fit: Fit) -> None:
    ratings = panel.ratings
    harsher = np.where(ratings.rater == 3, np.maximum(ratings.score - 1, 0), ratings.score)
    changed = Ratings(
        ratings.participant, ratings.rater, ratings.item, ratings.exercise, ratings.group, harsher, ratings.steps
    )
    moved = np.abs(fitted(collapsed(changed)).place - panel_fit.place)
    raw = np.bincount(ratings.participant, ratings.score - harsher) / np.bincount(ratings.participant)
    seen = raw > 0
    spread = (
        panel_fit.place.std()
        / (np.bincount(ratings.participant, ratings.score) / np.bincount(ratings.participant)).std()
    )
    assert moved[seen].mean() < 0.5 * (raw[seen] * spread).mean()


def test_the_order_of_rows_and_the_names_of_people_change_nothing(panel: Drawn, panel_fit: Fit) -> None:
    ratings, chance = panel.ratings, np.random.default_rng(5)
    order = chance.permutation(len(ratings))
    renamed = chance.permutation(150)
    shuffled = Ratings(
        renamed[ratings.participant[order]], ratings.rater[order], ratings.item[order], ratings.exercise[order],
        ratings.group[order], ratings.score[order], ratings.steps,
    )  # fmt: skip
    assert fitted(collapsed(shuffled)).place[renamed] == pytest.approx(panel_fit.place, abs=1e-6)


def test_raters_of_their_own_widen_the_interval_instead_of_adjusting() -> None:
    nested = fitted(drawn(120, 12, 3, nested=True, severity=0.7, seed=6).units, options=Options(anchored=True))
    shared = fitted(drawn(120, 12, 3, severity=0.7, seed=6).units, options=Options(anchored=True))
    assert nested.place_variance.mean() > shared.place_variance.mean()


def test_more_raters_narrow_it_and_more_items_of_the_same_raters_hardly() -> None:
    def width(each: int, items: int) -> float:
        fit = fitted(drawn(60, 30, each, items=items, seed=7).units, options=Options(anchored=True))
        return float(np.sqrt(fit.place_variance).mean())

    assert width(8, 8) / width(2, 8) == pytest.approx(0.57, abs=0.12)
    assert width(2, 32) / width(2, 8) > 0.85


def test_extreme_scores_have_finite_places() -> None:
    ratings = drawn(20, 6, 3, seed=3).ratings
    score = np.where(ratings.participant == 0, 4, np.where(ratings.participant == 1, 0, ratings.score))
    extreme = Ratings(
        ratings.participant, ratings.rater, ratings.item, ratings.exercise, ratings.group, score, ratings.steps
    )
    fit = fitted(collapsed(extreme), options=Options(anchored=True))
    assert fit.place[0] == fit.place.max()
    assert fit.place[1] == fit.place.min()
    assert np.all(np.isfinite(fit.place))
    assert np.abs(fit.place).max() < 5


def test_a_category_that_nobody_used_does_no_harm() -> None:
    ratings = drawn(60, 8, 3, seed=8).ratings
    score = np.where(ratings.score == 0, 1, ratings.score)
    without = Ratings(
        ratings.participant, ratings.rater, ratings.item, ratings.exercise, ratings.group, score, ratings.steps
    )
    fit = fitted(collapsed(without), options=Options(anchored=True))
    assert fit.converged
    assert np.all(np.isfinite(fit.cumulative))


def test_exercises_are_told_apart_from_the_person() -> None:
    chance = np.random.default_rng(11)
    crowd = drawn(120, 10, 4, items=6, severity=0.3, halo=0.3, seed=11).ratings
    exercise = (crowd.item % 3).astype(np.int64)
    shift = chance.normal(scale=1.2, size=(120, 3))[crowd.participant, exercise]
    score = np.clip(np.round(crowd.score + shift), 0, 4).astype(np.int64)
    units = collapsed(Ratings(crowd.participant, crowd.rater, crowd.item, exercise, crowd.group, score, crowd.steps))
    assert units.has_scenes
    fit = fitted(units)
    assert fit.variances.scene > 0.3


# --------------------------------------------------------------------------------------------------------- the parts


def test_a_large_block_by_gradients_agrees_with_its_inverse(panel: Drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = fitted(panel.units, options=Options(anchored=True))
    monkeypatch.setattr(effects, "EXACT", 10)
    drawn_fit = fitted(panel.units, options=Options(anchored=True))
    assert drawn_fit.place == pytest.approx(exact.place, abs=0.02)
    assert np.sqrt(drawn_fit.place_variance / exact.place_variance).mean() == pytest.approx(1.0, abs=0.03)


def test_many_small_blocks_are_inverted_as_one_by_one_would_be() -> None:
    codes = np.repeat(np.arange(5), 3)
    design = Design({"participant": codes, "severity": np.arange(15)})
    chance = np.random.default_rng(2)
    weight, response = chance.uniform(1, 3, 15), chance.normal(size=15)
    found = design.solved(weight, response, {"participant": 1.0, "severity": 0.5})
    matrix = np.zeros((20, 20))
    for unit in range(15):
        row = np.zeros(20)
        row[codes[unit]], row[5 + unit] = 1.0, -1.0
        matrix += weight[unit] * np.outer(row, row)
    matrix += np.diag([1.0] * 5 + [2.0] * 15)
    inverse = np.linalg.inv(matrix)
    right = np.concatenate([np.bincount(codes, weight * response), -weight * response])
    assert np.concatenate(list(found.means.values())) == pytest.approx(inverse @ right)
    assert found.variances["severity"] == pytest.approx(np.diag(inverse)[5:])
    assert found.of_units[0] == pytest.approx(inverse[0, 0] + inverse[5, 5] - 2 * inverse[0, 5])


def test_tables_read_with_holes_are_sums_over_the_items_answered() -> None:
    chance = np.random.default_rng(1)
    tables = tables_of(np.concatenate([np.zeros((6, 1)), np.cumsum(chance.normal(size=(6, 4)), axis=1)], axis=1))
    answered = chance.random((30, 6)) > 0.3
    psi = chance.normal(size=30)
    found = Coverage.of(answered).summed(tables.expected, Places.of(psi))
    one_by_one = [
        sum(np.interp(psi[unit], GRID, tables.expected[item]) for item in np.nonzero(answered[unit])[0])
        for unit in range(30)
    ]
    assert found == pytest.approx(one_by_one, abs=1e-9)
    assert Coverage.of(~answered).summed(tables.expected, Places.of(psi)) + found == pytest.approx(
        Places.of(psi).read(tables.expected.sum(axis=0))
    )


def test_ratings_collapse_to_one_unit_a_pair() -> None:
    people, _ = coded(["b", "b", "a", "a"])
    raters, _ = coded(["r", "r", "r", "s"])
    zeros = np.zeros(4, dtype=np.int64)
    units = collapsed(Ratings(people, raters, np.array([0, 1, 0, 1]), zeros, zeros, np.array([2, 3, 1, 4]), 4))
    assert units.score.tolist() == [1.0, 4.0, 5.0]
    assert units.answers.tolist() == [[1, NOT_RATED], [NOT_RATED, 4], [2, 3]]
    assert not units.has_scenes


def test_its_limit_is_the_estimator_of_older_programs() -> None:
    """Unconditional maximum likelihood of the rating-scale model on Guilford's ratings: severities and difficulties to
    the third digit, as full Newton steps find them; places to the same, beside the scale's origin.
    """
    sheets = [(r, p, sheet) for r, judged in enumerate(GUILFORD.values()) for p, sheet in enumerate(judged)]
    rows = [(p, r, item, int(score)) for r, p, sheet in sheets for item, score in enumerate(sheet)]
    people, raters, items, scores = np.array(rows).T
    zeros = np.zeros(len(rows), dtype=np.int64)
    units = collapsed(Ratings(people, raters, items, zeros, zeros, scores - 1, 8))
    limit = Options(anchored=True, common_steps=True, smoothed=False, pseudo_counts=1e-9, rounds=300, enough=1e-8)
    fit = fitted(units, Variances(1e8, 1e8, 1e-9), limit)
    assert fit.severity == pytest.approx([-0.0234, 0.1824, -0.1590], abs=0.005)
    difficulty = fit.cumulative[:, -1] / 8
    assert difficulty - difficulty.mean() == pytest.approx([-0.2800, -0.1470, 0.2109, -0.3023, 0.5184], abs=0.005)
    published = np.array([-0.1345, 0.6008, -0.3185, -0.5445, 0.3777, -0.6472, 0.2250])
    assert fit.place - fit.place.mean() == pytest.approx(published - published.mean(), abs=0.005)


def test_elimination_gives_what_the_whole_inverse_gives() -> None:
    """A day: exercises nested in people, halos of people and assessors who meet in several exercises, two panels."""
    chance = np.random.default_rng(1)
    person, exercise = np.repeat(np.arange(24), 8), np.tile(np.repeat(np.arange(4), 2), 24)
    assessor = person % 2 * 7 + chance.integers(0, 7, len(person))
    kept = np.unique((person * 14 + assessor) * 4 + exercise, return_index=True)[1]
    person, exercise, assessor = person[kept], exercise[kept], assessor[kept]
    pair = np.unique(person * 14 + assessor, return_inverse=True)[1]
    design = Design({"participant": person, "scene": person * 4 + exercise, "severity": assessor, "halo": pair})
    prior = {"participant": 1.0, "scene": 0.3, "severity": 0.4, "halo": 0.5}
    weight, response = chance.uniform(0.5, 3, len(person)), chance.normal(size=len(person))
    found = design.solved(weight, response, prior)
    matrix = design.matrix.toarray()
    penalty = np.concatenate([np.full(size, 1 / prior[name]) for name, size in design.levels.items()])
    inverse = np.linalg.inv(matrix.T * weight @ matrix + np.diag(penalty))
    means = inverse @ (matrix.T @ (weight * response))
    with_mean = inverse[:24, :24].mean(axis=1)
    centred = np.diag(inverse)[:24] - 2 * with_mean + with_mean.mean()
    assert np.concatenate([found.means[name] for name in design.levels]) == pytest.approx(means)
    assert found.variances["participant"] == pytest.approx(centred)
    others = np.concatenate([found.variances[name] for name in ("scene", "severity", "halo")])
    assert others == pytest.approx(np.diag(inverse)[24:])
    assert found.of_units == pytest.approx(np.einsum("ui,ij,uj->u", matrix, inverse, matrix))


def test_a_handful_of_yes_and_no_keeps_the_scale_in_place() -> None:
    """Thirteen units of two items with two answers: the halo ran to its bound once, and the scale after it."""
    first = [0, -1, 0, -1, 1, 1, -1, 1, 0, 1, 1, 0, 0]
    second = [1, 1, 0, 1, 1, 1, 1, -1, 0, 1, 1, 0, 1]
    rows = [(n // 2, n, item, a) for n in range(13) for item, a in enumerate((first[n], second[n])) if a >= 0]
    person, rater, item, score = np.array(rows).T
    zeros = np.zeros(len(rows), dtype=np.int64)
    units = collapsed(Ratings(person, rater, item, zeros, zeros, score, 1))
    fit = fitted(units, options=Options(anchored=True, widening=True, common_steps=True))
    assert np.abs(fit.place).max() < 3
    assert np.abs(fit.cumulative).max() < 6
    assert fit.variances.halo <= 5 * 0.85
