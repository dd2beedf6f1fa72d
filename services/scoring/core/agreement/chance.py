"""Agreement beyond chance on categories, for two raters or many, with holes: kappas, Gwet's AC, Krippendorff's alpha.

They differ in what they take chance to be; beside skewed margins kappa and alpha fall while AC does not, so they are
shown side by side. Standard errors by linearisation (Gwet 2014, Handbook of Inter-Rater Reliability, 4th ed., ch. 5),
units as the sample, raters as given. Own code for AC: the one Python library pins versions that do not work together.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Literal

import krippendorff
import numpy as np
from numpy.typing import NDArray

from services.scoring.core.agreement.statistic import LEVEL, Statistic, around, withheld

Table = NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval", "ratio"]
"""What differences between categories mean."""
RESAMPLES, FEW_RESAMPLES = 1_000, 200
MANY_UNITS = 20_000
SEED = 20_160


class Weights(StrEnum):
    """How much two different categories agree nevertheless."""

    IDENTITY = "identity"
    """Not at all."""
    LINEAR = "linear"
    QUADRATIC = "quadratic"
    ORDINAL = "ordinal"
    """By the pairs of categories that lie between."""


def weights_of(kind: Weights, steps: int) -> Table:
    """Agreement of each pair of `steps` ordered categories, 1 for the same (Gwet 2014, § 3.5).

    >>> weights_of(Weights.LINEAR, 3)[0].tolist()
    [1.0, 0.5, 0.0]
    """
    apart = np.abs(np.subtract.outer(np.arange(steps), np.arange(steps))).astype(float)
    if kind is Weights.IDENTITY or steps < 2:
        return np.eye(steps)
    if kind is Weights.ORDINAL:
        pairs: Table = apart * (apart + 1) / 2
        agreeing: Table = 1 - pairs / pairs.max()
        return agreeing
    power = 1 if kind is Weights.LINEAR else 2
    scaled: Table = 1 - (apart / (steps - 1)) ** power
    return scaled


def counts_of(table: Table) -> tuple[Table, Table]:
    """How many raters put each unit (row of `table`, shape units × raters, NaN: not rated) into each category; and the
    categories, in order.
    """
    rated = ~np.isnan(table)
    categories, code = np.unique(table[rated], return_inverse=True)
    counts = np.zeros((len(table), len(categories)))
    np.add.at(counts, (np.nonzero(rated)[0], code.ravel()), 1.0)
    return counts, categories


# -------------------------------------------------------------------------------------- several raters, by linearising


def agreement_beyond_chance(
    table: Table, weights: Weights = Weights.IDENTITY, *, same_raters: bool = True, table_form: bool = False
) -> list[Statistic]:
    """Gwet's AC (AC1 by identity, else AC2; 2008, Br. J. Math. Stat. Psychol. 61:29), Fleiss' kappa (1971), Brennan &
    Prediger's (1981) and Conger's kappa (1980) for `table` (shape units × raters; NaN: not rated). n counts units.
    `same_raters` False: a column is not one rater throughout, so that there is no Conger's kappa. `table_form`:
    standard errors divide by n and not n - 1, as Gwet's formulae for a table of two raters do.
    """
    ac = "AC1" if weights is Weights.IDENTITY else f"AC2 ({weights})"
    names = (ac, "Fleiss' kappa", "Brennan-Prediger", "Conger's kappa")
    table = table[~np.all(np.isnan(table), axis=1)] if len(table) else table
    n = len(table)
    counts, categories = counts_of(table) if n else (np.empty((0, 0)), np.empty(0))
    if n < 2 or not (counts.sum(axis=1) > 1).any():
        return [withheld(name, n, "units", "it needs two units, and one rated twice") for name in names]
    if len(categories) < 2:
        return [withheld(name, n, "units", "every rating is the same category") for name in names]
    matrix = weights_of(weights, len(categories))
    by_chance: dict[str, Callable[[], tuple[float, Table]]] = {
        ac: lambda: _chance_gwet(counts, matrix),
        "Fleiss' kappa": lambda: _chance_fleiss(counts, matrix),
        "Brennan-Prediger": lambda: (float(matrix.sum()) / len(categories) ** 2, np.zeros(n)),
        "Conger's kappa": lambda: _chance_conger(table, categories, matrix),
    }
    if not same_raters:
        del by_chance["Conger's kappa"]
    lost = 0 if table_form else 1
    found = [_beyond(name, counts, matrix, *chance(), lost=lost) for name, chance in by_chance.items()]
    none = withheld("Conger's kappa", n, "units", "it needs the same raters throughout")
    return found if same_raters else [*found, none]


def _beyond_in_units(counts: Table, matrix: Table, chance: float) -> Table:
    """How far raters of each unit agree beyond chance, so that the mean is p_a - p_e; 0 where a unit has one rating."""
    raters = counts.sum(axis=1)
    agreeing = (counts * (counts @ matrix - 1)).sum(axis=1)
    several = raters > 1
    beyond = np.zeros(len(counts))
    beyond[several] = agreeing[several] / (raters[several] * (raters[several] - 1)) - chance
    weighed: Table = beyond * len(counts) / several.sum()
    return weighed


def _beyond(name: str, counts: Table, matrix: Table, chance: float, pull: Table, *, lost: int) -> Statistic:
    """(p_a - p_e) / (1 - p_e), with the variance of its linear part over units. `pull`: how each unit moves p_e, around
    0, doubled where p_e is of second degree.
    """
    n = len(counts)
    if chance >= 1:
        return withheld(name, n, "units", "chance alone agrees everywhere")
    each = _beyond_in_units(counts, matrix, chance) / (1 - chance)
    value = float(each.mean())
    linear = each - (1 - value) * pull / (1 - chance)
    variance = float(((linear - value) ** 2).sum()) / (n * (n - lost))
    return around(name, value, variance**0.5, n, "units")


def _shares(counts: Table) -> Table:
    shares: Table = counts / counts.sum(axis=1, keepdims=True)
    return shares


def _chance_gwet(counts: Table, matrix: Table) -> tuple[float, Table]:
    shares, steps = _shares(counts), counts.shape[1]
    p = shares.mean(axis=0)
    scale = float(matrix.sum()) / (steps * (steps - 1))
    chance = scale * float((p * (1 - p)).sum())
    of_unit = scale * (shares @ (1 - p))
    return chance, 2 * (of_unit - chance)


def _chance_fleiss(counts: Table, matrix: Table) -> tuple[float, Table]:
    shares = _shares(counts)
    p = shares.mean(axis=0)
    chance = float(p @ matrix @ p)
    of_unit = shares @ ((matrix + matrix.T) @ p) / 2
    return chance, 2 * (of_unit - chance)


def _chance_conger(table: Table, categories: Table, matrix: Table) -> tuple[float, Table]:
    """Conger (1980, Psychol. Bull. 88:322): chance from every pair of different raters' own margins."""
    n, raters = table.shape
    rated = ~np.isnan(table)
    use = rated.any(axis=0)
    table, rated, raters = table[:, use], rated[:, use], int(use.sum())
    margins = (
        np.stack([(table == category).sum(axis=0) for category in categories], axis=1) / rated.sum(axis=0)[:, None]
    )
    p = margins.mean(axis=0)
    spread = np.cov(margins, rowvar=False, ddof=1) if raters > 1 else np.zeros((len(p), len(p)))
    chance = float((matrix * (np.outer(p, p) - np.atleast_2d(spread) / raters)).sum())
    total = raters * p
    pull = np.zeros(n)
    for rater in range(raters):
        others = (matrix @ (total - margins[rater])) / (raters - 1)
        given = rated[:, rater]
        own = others[np.searchsorted(categories, table[given, rater])] - margins[rater] @ others
        pull[given] += own * n / given.sum() / raters
    return chance, 2 * pull


# ------------------------------------------------------------------------------------------------------- two raters


def cohens_kappa(joint: Table, weights: Table | None = None, n: float | None = None) -> Statistic:
    """Cohen's kappa (1960, Educ. Psychol. Meas. 20:37), weighted (1968, Psychol. Bull. 70:213) where `weights` give the
    agreement of each pair of categories. `joint`: shape categories × categories, counts, or shares of `n` units.
    Standard error: Fleiss, Cohen & Everitt (1969, Psychol. Bull. 72:323).
    """
    name = "kappa" if weights is None else "weighted kappa"
    matrix = np.eye(len(joint)) if weights is None else weights
    count = float(joint.sum()) if n is None else n
    shares = joint / joint.sum()
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    observed, chance = float((matrix * shares).sum()), float((matrix * np.outer(rows, columns)).sum())
    if chance >= 1 or count < 2:
        return withheld(name, int(count), "units", "one rater or both used one category only")
    value = (observed - chance) / (1 - chance)
    margins = (matrix @ columns)[:, None] + (rows @ matrix)[None, :]
    spread = float((shares * (matrix * (1 - chance) - margins * (1 - observed)) ** 2).sum())
    spread -= (observed * chance - 2 * chance + observed) ** 2
    error = (max(spread, 0.0) / count) ** 0.5 / (1 - chance) ** 2
    return around(name, value, error, round(count), "units")


def joint_of(table: Table) -> Table:
    """Counts of each pair of categories, for `table` of two raters (shape units × 2; units with a hole left out)."""
    both = table[~np.isnan(table).any(axis=1)]
    categories = np.unique(both)
    joint = np.zeros((len(categories), len(categories)))
    np.add.at(joint, (np.searchsorted(categories, both[:, 0]), np.searchsorted(categories, both[:, 1])), 1.0)
    return joint


# ------------------------------------------------------------------------------------------------------ Krippendorff


def krippendorffs_alpha(table: Table, level: Level) -> Statistic:
    """Krippendorff's alpha (2011, Computing Krippendorff's alpha-reliability) of `table` (shape units × raters; NaN:
    not rated). By the package `krippendorff`; the interval from resampled units, with a fixed seed. n counts units with
    two ratings or more.
    """
    name = f"Krippendorff's alpha ({level})"
    paired = table[(~np.isnan(table)).sum(axis=1) > 1]
    n = len(paired)
    if n < 2 or len(np.unique(paired[~np.isnan(paired)])) < 2:
        return withheld(name, n, "units", "it needs two units rated twice, and two different ratings")
    value = float(krippendorff.alpha(reliability_data=paired.T, level_of_measurement=level))
    found = _resampled(paired, level)
    low, high = np.quantile(found, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    return Statistic(name, value, float(low), float(high), n, "units")


def _resampled(table: Table, level: Level) -> list[float]:
    """Alpha of units drawn again and again: 1 - observed / expected disagreement, from each unit's counts."""
    counts, values = counts_of(table)
    chance = np.random.default_rng(SEED)
    apart = _disagreement(values, counts.sum(axis=0), level)
    of_units = _observed(counts, apart)
    found = []
    for _ in range(RESAMPLES if len(counts) <= MANY_UNITS else FEW_RESAMPLES):
        times = np.bincount(chance.integers(len(counts), size=len(counts)), minlength=len(counts)).astype(float)
        margins = times @ counts
        if level == "ordinal":  # its distances depend on how often each category was used
            apart = _disagreement(values, margins, level)
            of_units = _observed(counts, apart)
        expected = float(margins @ apart @ margins) / (margins.sum() - 1)
        if expected > 0:
            found.append(1 - float(times @ of_units) / expected)
    return found or [1.0]


def _observed(counts: Table, apart: Table) -> Table:
    observed: Table = ((counts @ apart) * counts).sum(axis=1) / (counts.sum(axis=1) - 1)
    return observed


def _disagreement(values: Table, margins: Table, level: Level) -> Table:
    """Squared distance of each pair of values (Krippendorff 2011, section E)."""
    if level == "nominal":
        return 1 - np.eye(len(values))
    if level == "ordinal":
        middle = np.cumsum(margins) - margins / 2
        ranks: Table = np.subtract.outer(middle, middle) ** 2
        return ranks
    apart: Table = np.subtract.outer(values, values) ** 2
    if level == "ratio":
        total = np.add.outer(values, values) ** 2
        apart = np.divide(apart, total, out=np.zeros_like(apart), where=total > 0)
    return apart
