"""Every agreement statistic that a table of ratings carries, each with its interval and n, or why it is withheld."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.scoring.core.agreement.statistic import Statistic
from services.scoring.core.agreement.study import Study, study_of
from services.scoring.core.agreement.within_group import (
    average_deviation,
    rwg_j,
    slightly_skewed_variance,
    uniform_variance,
)
from services.scoring.core.analysis.families import of_categories, of_items, of_people
from services.scoring.core.analysis.item_table import ItemPlace
from services.scoring.core.analysis.long_table import LongTable
from services.scoring.core.analysis.pairs import Pairs, Table

SELF = "self"


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
    by_pair = Pairs.of(person, rater, item, table.score, (len(people), len(raters), len(items)))
    families = (
        Family("intraclass correlations", "how much of a rating is about the person", tuple(of_people(by_pair))),
        Family("internal consistency", "how far the items hang together", tuple(of_items(by_pair))),
        Family("agreement on categories", "how far raters choose the same answer", tuple(of_categories(by_pair))),
    )
    names = [table.participant.names[n] for n in people]
    groups = tuple(_groups(table, by_pair, names, scale))
    study = study_of(table.score, person, rater, item)
    return Agreement(source, domain, len(people), len(raters), len(items), len(table), families, groups, study)


def _groups(
    table: LongTable, pairs: Pairs, names: Sequence[str], scale: tuple[float, float]
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
