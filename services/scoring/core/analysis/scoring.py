"""A table of ratings, scored: one fit for each source, and domain where an item table names domains."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.analysis.combining import combined
from services.scoring.core.analysis.item_table import ItemPlace
from services.scoring.core.analysis.long_table import Codes, LongTable, UnreadableTable
from services.scoring.core.analysis.many_facet import many_facet
from services.scoring.core.analysis.older import joint, marginal
from services.scoring.core.analysis.part import Part
from services.scoring.core.analysis.results import FitResult, Scored

SELF = "self"
MOST_CATEGORIES = 60

FILE_MODELS: Mapping[str, tuple[Callable[[Part], FitResult], str]] = {
    "many-facet/1": (
        lambda part: many_facet(part, common_steps=False),
        "regularised many-facet partial-credit model with halo, method and exercise effects",
    ),
    "rating-scale/1": (
        lambda part: many_facet(part, common_steps=True),
        "the same with one set of steps for all items",
    ),
    "joint/1": (
        joint,
        "joint maximum likelihood, as older programs do it: for comparison, its intervals are too short",
    ),
    "marginal/1": (
        lambda part: marginal(part, common_steps=False),
        "marginal maximum likelihood, raters fixed, no halo: for comparison, intervals too short",
    ),
    "marginal-rating-scale/1": (
        lambda part: marginal(part, common_steps=True),
        "the same with one set of steps for all items",
    ),
}
"""What `score --model` takes: the first for use, the last three only for comparison with other programs."""
DEFAULT_MODEL = "many-facet/1"


class UnknownModel(UnreadableTable):
    """No model of this name."""


@dataclass(frozen=True, slots=True)
class _Split:
    source: str | None
    domain: str | None
    table: LongTable
    exercise: Codes | None


def score(
    table: LongTable,
    items: Mapping[str, ItemPlace] | None = None,
    *,
    model: str = DEFAULT_MODEL,
    weights: Mapping[str, float] | None = None,
    clock: Callable[[], float] = lambda: 0.0,
    self_group: str = SELF,
) -> Scored:
    """Score `table`. Self-ratings (rows of the rater group `self_group`) are left out before anything else.

    `items`: where each item belongs; without it there is one fit for each source. `weights`: of sources in the combined
    domains, equal unless given. `clock`: gives seconds, for how long each fit took.

    Raises UnreadableTable: an item is missing from `items`, scores are not whole numbers, nothing is left to fit.
    """
    if model not in FILE_MODELS:
        raise UnknownModel(f"no model {model!r}; there are: {', '.join(FILE_MODELS)}")
    fits = [_fitted(split, model, clock) for split in _split(_others(table, self_group), items)]
    return Scored(fits, combined(fits, weights or {}) if items else ())


def _fitted(split: _Split, model: str, clock: Callable[[], float]) -> FitResult:
    return FILE_MODELS[model][0](Part.of(split.source, split.domain, split.table, split.exercise, clock))


def _others(table: LongTable, self_group: str) -> LongTable:
    """Without self-ratings."""
    if table.rater_group is None:
        return table
    own = [n for n, name in enumerate(table.rater_group.names) if name.casefold() == self_group.casefold()]
    return table.kept(~np.isin(table.rater_group.codes, own)) if own else table


def _split(table: LongTable, items: Mapping[str, ItemPlace] | None) -> Iterator[_Split]:
    """By source and domain, in the order of their names."""
    rated = ~np.isnan(table.score)
    if not rated.any():
        raise UnreadableTable("no rating is left to fit: every score is blank, or all are self-ratings")
    _check_whole(table.score[rated])
    names = table.item.names
    places = [_place(name, items) for name in names] if items else [ItemPlace("", "", "")] * len(names)
    sources, source_of = _sources(table, places)
    domains = sorted({place.domain for place in places})
    exercises = sorted({place.exercise for place in places})
    domain_of = np.array([domains.index(place.domain) for place in places])[table.item.codes]
    exercise_of = np.array([exercises.index(place.exercise) for place in places], dtype=np.int32)[table.item.codes]
    for s, source in enumerate(sources):
        for d, domain in enumerate(domains):
            chosen = (source_of == s) & (domain_of == d)
            if (chosen & rated).any():
                part = table if chosen.all() else table.kept(chosen)
                exercise = exercise_of[chosen] if len(exercises) > 1 else None
                yield _Split(source, domain or None, part, exercise)


def _sources(table: LongTable, places: Sequence[ItemPlace]) -> tuple[list[str | None], NDArray[np.int64]]:
    """Named in the ratings, or else by the item table."""
    if table.source:
        return list(table.source.names), table.source.codes.astype(np.int64)
    names = sorted({place.source for place in places})
    codes = np.array([names.index(place.source) for place in places])
    found: list[str | None] = [name or None for name in names]
    return found, codes[table.item.codes]


def _place(item: str, items: Mapping[str, ItemPlace]) -> ItemPlace:
    if item not in items:
        raise UnreadableTable(f"item {item!r} is rated but not in the table of items; add a line for it")
    return items[item]


def _check_whole(scores: NDArray[np.float64]) -> None:
    values = np.unique(scores)
    broken = values[values != np.round(values)]
    if len(broken):
        raise UnreadableTable(
            f"score {broken[0]:g} is not a whole number; a many-facet model takes the categories of an answer scale "
            "(`agreement` takes any number)"
        )
    if len(values) > MOST_CATEGORIES:
        raise UnreadableTable(f"{len(values)} different scores; a many-facet model takes at most {MOST_CATEGORIES}")
