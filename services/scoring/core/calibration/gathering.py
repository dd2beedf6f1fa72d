"""The ratings of a cohort, source by source and domain by domain, as the many-facet model takes them."""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.facets.categories import Categories, categories_of
from services.scoring.core.facets.ratings import Ratings
from services.scoring.core.observations import Observations, Rating
from shared.ids import ParticipantId, RaterId
from shared.words import Instrument, Relationship

Place = tuple[Instrument, str]
"""Source and domain."""
Codes = NDArray[np.int64]
COLUMNS = ("participant", "rater", "item", "exercise", "group")


def exercise_of(rating: Rating) -> str:
    """The exercise that a rating was given in; empty but on the development day."""
    return rating.item.split("/", 1)[0] if rating.instrument is Instrument.DEVELOPMENT_DAY else ""


def group_of(rating: Rating, relationships: Mapping[RaterId, Relationship]) -> str:
    """The group of raters that share a usual level; empty but in the 360 appraisal."""
    return relationships[rating.unit].value if rating.unit in relationships else ""


@dataclass(frozen=True, slots=True)
class Coded:
    """One source and domain: codes, and the names that they stand for, sorted."""

    ratings: Ratings
    categories: Categories
    names: Mapping[str, tuple[str, ...]]

    @property
    def participants(self) -> tuple[str, ...]:
        """Who was rated."""
        return self.names["participant"]


@dataclass(slots=True)
class Gathered:
    """Ratings as they come, a participant at a time. Numbers instead of objects: a national cohort has millions."""

    _names: dict[str, dict[str, int]] = field(default_factory=lambda: {column: {} for column in COLUMNS})
    _codes: dict[Place, dict[str, "array[int]"]] = field(default_factory=dict)
    _values: dict[Place, "array[float]"] = field(default_factory=dict)

    def add(self, participant: ParticipantId, observations: Observations) -> None:
        """One participant's ratings."""
        pack = observations.framework
        for rating in observations.ratings:
            place = (rating.instrument, pack.domain_of(rating.competency))
            if place not in self._codes:
                self._codes[place] = {column: array("q") for column in COLUMNS}
                self._values[place] = array("d")
            group = group_of(rating, observations.relationships)
            cells = (participant, rating.unit, rating.item, exercise_of(rating), group)
            for column, name in zip(COLUMNS, cells, strict=True):
                numbers = self._names[column]
                self._codes[place][column].append(numbers.setdefault(name, len(numbers)))
            self._values[place].append(rating.value)

    def coded(self) -> Iterator[tuple[Place, Coded]]:
        """Source by source, then domain by domain, whatever order the participants came in."""
        order = {instrument: n for n, instrument in enumerate(Instrument)}
        for place in sorted(self._codes, key=lambda each: (order[each[0]], each[1])):
            yield place, self._coded(place)

    def _coded(self, place: Place) -> Coded:
        codes: dict[str, Codes] = {}
        names: dict[str, tuple[str, ...]] = {}
        for column in COLUMNS:
            known = np.array(list(self._names[column]), dtype=object)
            there, code = np.unique(np.array(self._codes[place][column], dtype=np.int64), return_inverse=True)
            order = np.argsort(known[there])
            rank = np.empty(len(order), dtype=np.int64)
            rank[order] = np.arange(len(order))
            codes[column], names[column] = rank[code], tuple(known[there][order])
        rows = np.lexsort((codes["item"], codes["exercise"], codes["rater"], codes["participant"]))
        categories = categories_of(np.array(self._values[place])[rows])
        steps = len(categories.values) - 1
        ordered = {column: codes[column][rows] for column in COLUMNS}
        return Coded(Ratings(**ordered, score=categories.codes, steps=steps), categories, names)
