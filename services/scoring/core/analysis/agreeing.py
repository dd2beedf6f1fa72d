"""Every agreement statistic that a table of ratings carries, each with its interval and n, or why it is withheld."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
from services.scoring.core.agreement.study import Study, study_of
from services.scoring.core.agreement.within_group import (
    average_deviation,
    rwg_j,
    slightly_skewed_variance,
    uniform_variance,
)
from services.scoring.core.analysis.item_table import ItemPlace
from services.scoring.core.analysis.long_table import LongTable

Table = NDArray[np.float64]
LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval", "ratio")
MOST_RATERS = 200
"""Raters from which a table with a column for each would be almost empty."""
SELF = "self"
MOST_CATEGORIES = 60


@dataclass(frozen=True, slots=True)
class Family:
    """Statistics that answer one question, and what was their unit."""

    name: str
    question: str
    statistics: tuple[Statistic, ...]


@dataclass(frozen=True, slots=True)
class GroupAgreement:
    """Agreement within the raters of one participant (and rater group)."""

    participant: str
    rater_group: str | None
    statistics: tuple[Statistic, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of one source and domain (None where not split)."""

    source: str | None
    domain: str | None
    participants: int
    raters: int
    items: int
    ratings: int
    families: tuple[Family, ...]
    groups: tuple[GroupAgreement, ...]
    study: Study


def agreements(
    table: LongTable,
    items: Mapping[str, ItemPlace] | None = None,
    *,
    self_group: str = SELF,
    scale: tuple[float, float] | None = None,
) -> list[Agreement]:
    """One for each source (and domain). `scale`: lowest and highest answer, for the null of rwg; by default those
    found. Self-ratings are left out.
    """
    kept = ~np.isnan(table.score)
    if table.rater_group:
        own = [n for n, name in enumerate(table.rater_group.names) if name.casefold() == self_group.casefold()]
        kept &= ~np.isin(table.rater_group.codes, own)
    table = table.kept(kept)
    found = scale or ((float(table.score.min()), float(table.score.max())) if len(table) else (0.0, 0.0))
    return [_agreement(source, domain, part, found) for source, domain, part in _parts(table, items)]


def _parts(
    table: LongTable, items: Mapping[str, ItemPlace] | None
) -> Iterator[tuple[str | None, str | None, LongTable]]:
    domain_of = [items[name].domain if items and name in items else "" for name in table.item.names]
    domains = sorted(set(domain_of))
    number = np.array([domains.index(domain) for domain in domain_of], dtype=np.int64)
    sources = table.source.names if table.source else (None,)
    for s, source in enumerate(sources):
        of_source = table.source.codes == s if table.source else np.ones(len(table), dtype=bool)
        for d, domain in enumerate(domains):
            chosen = of_source & (number[table.item.codes] == d)
            if chosen.any():
                yield source, domain or None, table.kept(chosen)


def _agreement(source: str | None, domain: str | None, table: LongTable, scale: tuple[float, float]) -> Agreement:
    people, person = np.unique(table.participant.codes, return_inverse=True)
    raters, rater = np.unique(table.rater.codes, return_inverse=True)
    items, item = np.unique(table.item.codes, return_inverse=True)
    by_pair = _Pairs.of(person, rater, item, table.score, (len(people), len(raters), len(items)))
    families = (
        Family("intraclass correlations", "how much of a rating is about the person", tuple(_icc(by_pair))),
        Family("internal consistency", "how far the items hang together", tuple(_consistency(by_pair))),
        Family("agreement on categories", "how far raters choose the same answer", tuple(_categories(by_pair))),
    )
    names = [table.participant.names[n] for n in people]
    groups = tuple(_groups(table, by_pair, names, scale))
    study = study_of(table.score, person, rater, item)
    return Agreement(source, domain, len(people), len(raters), len(items), len(table), families, groups, study)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """One row a (participant, rater): who, by whom, and the answers (rows × items, NaN where none)."""

    person: NDArray[np.int64]
    rater: NDArray[np.int64]
    answers: Table
    people: int
    raters: int

    @classmethod
    def of(
        cls, person: NDArray[np.int64], rater: NDArray[np.int64], item: NDArray[np.int64], score: Table,
        sizes: tuple[int, int, int],
    ) -> "_Pairs":  # fmt: skip
        keys, row = np.unique(person * sizes[1] + rater, return_inverse=True)
        answers = np.full((len(keys), sizes[2]), np.nan)
        answers[row, item] = score
        return cls(keys // sizes[1], keys % sizes[1], answers, sizes[0], sizes[1])

    @property
    def means(self) -> Table:
        """Of each row, over the items answered."""
        found: Table = np.nanmean(self.answers, axis=1)
        return found

    def crossed(self, values: Table) -> Table:
        """Participants × raters."""
        table = np.full((self.people, self.raters), np.nan)
        table[self.person, self.rater] = values
        return table

    @property
    def same_raters(self) -> bool:
        """Whether raters are few enough to be columns of a table."""
        return self.raters <= MOST_RATERS

    @property
    def units(self) -> Table:
        """Ratings of each participant's each item: (participants · items) × raters, or in any order of raters where
        they are many.
        """
        place = self.rater
        if not self.same_raters:
            order = np.argsort(self.person, kind="stable")
            first = np.searchsorted(self.person[order], self.person[order])
            place = np.empty(len(order), dtype=np.int64)
            place[order] = np.arange(len(order)) - first
        table = np.full((self.people, self.answers.shape[1], int(place.max(initial=-1)) + 1), np.nan)
        table[self.person, :, place] = self.answers
        flat = table.reshape(-1, table.shape[2])
        rated: Table = flat[~np.isnan(flat).all(axis=1)]
        return rated


def _icc(pairs: _Pairs) -> Iterator[Statistic]:
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


def _mostly_empty(pairs: _Pairs) -> bool:
    """No pair of raters rated two participants in common."""
    given = ~np.isnan(pairs.crossed(pairs.means))
    both = given.T.astype(float) @ given.astype(float)
    np.fill_diagonal(both, 0.0)
    return bool(both.max(initial=0.0) < 2)


def _consistency(pairs: _Pairs) -> Iterator[Statistic]:
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


def _categories(pairs: _Pairs) -> Iterator[Statistic]:
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


def _groups(
    table: LongTable, pairs: _Pairs, names: Sequence[str], scale: tuple[float, float]
) -> Iterator[GroupAgreement]:
    """Rwg (or rwg(j)) against two nulls, and AD, for each participant and rater group, by name."""
    steps = round(scale[1] - scale[0]) + 1
    group_of_pair = np.zeros(len(pairs.person), dtype=np.int64)
    labels: Sequence[str | None] = (None,)
    if table.rater_group:
        labels = table.rater_group.names
        people = np.unique(table.participant.codes, return_inverse=True)[1]
        raters = np.unique(table.rater.codes, return_inverse=True)[1]
        keys = np.unique(people * pairs.raters + raters, return_index=True)[1]
        group_of_pair = table.rater_group.codes[keys].astype(np.int64)
    order = np.lexsort((group_of_pair, pairs.person))
    key = pairs.person[order] * len(labels) + group_of_pair[order]
    for rows in np.split(order, np.nonzero(np.diff(key))[0] + 1):
        answers = pairs.answers[rows]
        answers = answers[:, ~np.isnan(answers).all(axis=0)]
        yield GroupAgreement(
            names[int(pairs.person[rows[0]])], labels[int(group_of_pair[rows[0]])], tuple(_within(answers, steps))
        )


def _within(answers: Table, steps: int) -> Iterator[Statistic]:
    for name, null in (
        ("uniform null", uniform_variance(steps)),
        ("slightly skewed null", slightly_skewed_variance(steps)),
    ):
        if null is not None:
            found = rwg_j(answers, null)
            yield Statistic(
                f"{found.name}, {name}", found.value, found.low, found.high, found.n, found.meaning, found.withheld
            )
    yield average_deviation(answers)
    yield average_deviation(answers, median=True)
