"""The statistics of each family, for the ratings of one source and domain."""

from collections.abc import Iterator

import numpy as np

from services.scoring.core.agreement.chance import (
    Level,
    Weights,
    agreement_beyond_chance,
    cohens_kappa,
    joint_of,
    krippendorffs_alpha,
    weights_of,
)
from services.scoring.core.agreement.consistency import Consistency, consistency, omega
from services.scoring.core.agreement.icc import intraclass_correlations, of_groups
from services.scoring.core.agreement.statistic import Statistic, withheld
from services.scoring.core.analysis.pairs import Pairs, Table

LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval", "ratio")
MOST_CATEGORIES = 60


def of_people(pairs: Pairs) -> Iterator[Statistic]:
    """Of the mean that each rater gave each participant."""
    if not pairs.same_raters or _mostly_empty(pairs):
        groups = [pairs.means[pairs.person == n].tolist() for n in range(pairs.people)]
        yield from of_groups([group for group in groups if group])
        reason = "raters hardly overlap: only the forms for raters of one's own are meant"
        yield from (
            withheld(name, pairs.people, "people", reason) for name in ("ICC(2,1) = ICC(A,1)", "ICC(3,1) = ICC(C,1)")
        )
        return
    yield from intraclass_correlations(pairs.crossed(pairs.means))


def _mostly_empty(pairs: Pairs) -> bool:
    """No pair of raters rated two participants in common."""
    given = ~np.isnan(pairs.crossed(pairs.means))
    both = given.T.astype(float) @ given.astype(float)
    np.fill_diagonal(both, 0.0)
    return bool(both.max(initial=0.0) < 2)


def of_items(pairs: Pairs) -> Iterator[Statistic]:
    """Over raters' forms, and over participants' means."""
    size = np.stack([np.bincount(pairs.person, ~np.isnan(column), pairs.people) for column in pairs.answers.T], axis=1)
    total = np.stack([np.bincount(pairs.person, np.nan_to_num(c), pairs.people) for c in pairs.answers.T], axis=1)
    means = np.where(size > 0, total / np.maximum(size, 1), np.nan)
    for table, unit in ((pairs.answers, "forms of raters"), (means, "participants' means over raters")):
        found = consistency(table)
        alpha = found.alpha if isinstance(found, Consistency) else found
        yield _of(alpha, unit)
        yield _of(omega(table), unit)
        if len(pairs.person) == pairs.people:
            return


def _of(found: Statistic, unit: str) -> Statistic:
    return Statistic(f"{found.name} of {unit}", found.value, found.low, found.high, found.n, unit, found.withheld)


def of_categories(pairs: Pairs) -> Iterator[Statistic]:
    units = pairs.units
    categories = np.unique(units[~np.isnan(units)])
    for level in LEVELS:
        yield _alpha(units, categories, level)
    if len(categories) > MOST_CATEGORIES:
        reason = f"{len(categories)} different scores are no categories"
        yield from (withheld(name, len(units), "units", reason) for name in ("AC1", "Fleiss' kappa", "weighted kappa"))
        return
    same = pairs.same_raters
    yield from agreement_beyond_chance(units, same_raters=same)
    for weights in (Weights.ORDINAL, Weights.LINEAR, Weights.QUADRATIC):
        yield from (_named(each, weights) for each in agreement_beyond_chance(units, weights, same_raters=same)[:2])
    yield from _kappas(units, same_raters=same)


def _alpha(units: Table, categories: Table, level: Level) -> Statistic:
    name = f"Krippendorff's alpha ({level})"
    if level == "ratio" and float(categories.min(initial=1)) < 0:
        return withheld(name, len(units), "units", "a ratio scale has no negative values")
    if level in {"nominal", "ordinal"} and len(categories) > MOST_CATEGORIES:
        return withheld(name, len(units), "units", f"{len(categories)} different scores are no categories")
    return krippendorffs_alpha(units, level)


def _named(found: Statistic, weights: Weights) -> Statistic:
    name = found.name if str(weights) in found.name else f"{found.name} ({weights})"
    return Statistic(name, found.value, found.low, found.high, found.n, found.meaning, found.withheld)


def _kappas(units: Table, *, same_raters: bool) -> Iterator[Statistic]:
    if units.shape[1] != 2 or not same_raters:
        reason = "it is for two raters, the same throughout"
        yield from (withheld(name, len(units), "units", reason) for name in ("Cohen's kappa", "weighted kappa"))
        return
    joint = joint_of(units)
    yield cohens_kappa(joint)
    for kind in (Weights.LINEAR, Weights.QUADRATIC):
        found = cohens_kappa(joint, weights_of(kind, len(joint)))
        yield _named(found, kind)
