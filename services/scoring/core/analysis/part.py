"""The ratings of one fit, and the tables of results that every model fills alike."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.analysis.long_table import Codes, LongTable
from services.scoring.core.analysis.results import ItemResult, ParticipantResult, Subset
from services.scoring.core.facets.categories import Categories, categories_of
from services.scoring.core.facets.items import probabilities
from services.scoring.core.facets.ratings import Ratings, Units, collapsed
from services.scoring.core.facets.subsets import Subsets

Vector = NDArray[np.float64]
Z = 1.959963984540054
NOBODY = "nobody rated this participant here"


@dataclass(frozen=True, slots=True)
class Part:
    """Ratings of one source and domain. Names of participants, raters and items are those with a rating; `silent` are
    participants of the file of whom everything is "not observed".
    """

    source: str | None
    domain: str | None
    participants: tuple[str, ...]
    raters: tuple[str, ...]
    items: tuple[str, ...]
    silent: tuple[str, ...]
    ratings: Ratings
    scores: Vector
    categories: Categories
    clock: Callable[[], float]
    started: float

    @classmethod
    def of(
        cls,
        source: str | None,
        domain: str | None,
        table: LongTable,
        exercise: Codes | None,
        clock: Callable[[], float],
    ) -> "Part":
        """Coded anew, so that only who was rated has a level."""
        started = clock()
        there = np.unique(table.participant.codes)
        rated = ~np.isnan(table.score)
        kept = table if rated.all() else table.kept(rated)
        exercises = np.zeros(len(kept), np.int32) if exercise is None else exercise[rated]
        groups = np.zeros(len(kept), np.int32) if kept.rater_group is None else kept.rater_group.codes
        people, participant = _levels(kept.participant.codes, len(kept.participant.names))
        raters, rater = _levels(kept.rater.codes, len(kept.rater.names))
        items, item = _levels(kept.item.codes, len(kept.item.names))
        categories = categories_of(kept.score)
        steps = len(categories.values) - 1
        group, scene = _levels(groups, int(groups.max()) + 1)[1], _levels(exercises, int(exercises.max()) + 1)[1]
        ratings = Ratings(participant, rater, item, scene, group, categories.codes, steps)
        return cls(
            source=source,
            domain=domain,
            participants=tuple(table.participant.names[n] for n in people),
            raters=tuple(table.rater.names[n] for n in raters),
            items=tuple(table.item.names[n] for n in items),
            silent=tuple(table.participant.names[n] for n in np.setdiff1d(there, people)),
            ratings=ratings,
            scores=kept.score,
            categories=categories,
            clock=clock,
            started=started,
        )

    @property
    def units(self) -> Units:
        """Collapsed."""
        return collapsed(self.ratings)

    def whole(self) -> "Part":
        """With every score a category of its own, however thin: as older programs take them."""
        categories = categories_of(self.scores, least=0)
        ratings = replace(self.ratings, score=categories.codes, steps=len(categories.values) - 1)
        return replace(self, categories=categories, ratings=ratings)

    # ------------------------------------------------------------------------------------------------------ results

    def participant_results(
        self, place: Vector, error: Vector, fair: Vector, reasons: Iterable[str | None]
    ) -> tuple[ParticipantResult, ...]:
        """Of those rated, then of those who were not, by name. A place that is not finite has no estimate."""
        people = len(self.participants)
        count = np.bincount(self.ratings.participant, minlength=people)
        raw = np.bincount(self.ratings.participant, self.scores, people) / np.maximum(count, 1)
        pairs = np.unique(self.ratings.participant * len(self.raters) + self.ratings.rater) // len(self.raters)
        raters = np.bincount(pairs, minlength=people)
        lines = zip(self.participants, place, error, fair, raw, raters, reasons, strict=True)
        found = [_line(*line) for line in lines]
        none = (None,) * 6
        found += [ParticipantResult(name, *none, 0, adjusted=False, reason=NOBODY) for name in self.silent]
        return tuple(sorted(found, key=lambda each: each.participant))

    def item_results(self, cumulative: NDArray[np.float64]) -> tuple[ItemResult, ...]:
        """From sums of step difficulties (items × categories)."""
        steps = np.diff(cumulative, axis=1)
        located = steps.mean(axis=1)
        return tuple(
            ItemResult(name, float(at - located.mean()), tuple(float(step - at) for step in row))
            for name, at, row in zip(self.items, located, steps, strict=True)
        )

    def subset_results(self, subsets: Subsets) -> tuple[Subset, ...]:
        """Named 1, 2, …, the largest first."""
        people: list[list[str]] = [[] for _ in range(subsets.count)]
        raters: list[list[str]] = [[] for _ in range(subsets.count)]
        for name, number in zip(self.participants, subsets.of_participants, strict=True):
            people[number].append(name)
        for name, number in zip(self.raters, subsets.of_raters, strict=True):
            raters[number].append(name)
        return tuple(
            Subset(str(number), tuple(some), tuple(others))
            for number, (some, others) in enumerate(zip(people, raters, strict=True), start=1)
        )


def _line(
    name: str, at: float, error: float, fair: float, raw: float, raters: int, reason: str | None
) -> ParticipantResult:
    if not np.isfinite(at):
        return ParticipantResult(name, None, None, None, None, None, float(raw), int(raters), False, reason)
    place, se = float(at), float(error)
    ends = place - Z * se, place + Z * se
    return ParticipantResult(name, place, se, *ends, float(fair), float(raw), int(raters), reason is None, reason)


def _levels(codes: Codes, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The codes that occur, and the codes counted among them."""
    there = np.bincount(codes, minlength=size) > 0
    return np.nonzero(there)[0], (np.cumsum(there) - 1)[codes].astype(np.int64)


def fair_average(place: Vector, cumulative: NDArray[np.float64], values: tuple[float, ...]) -> Vector:
    """The score to expect at these places with every other facet, items included, at its mean."""
    average: Vector = probabilities(place, cumulative.mean(axis=0, keepdims=True))[0] @ np.array(values)
    return average
