"""Who can be compared with whom: participants and raters that ratings link, directly or through others."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from services.scoring.core.facets.ratings import Units

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Subsets:
    """Numbers of subsets from 0, the largest first (most participants; of equals the one with the first name)."""

    of_participants: Codes
    of_raters: Codes

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.of_participants.max(initial=-1)) + 1

    @property
    def sizes(self) -> Codes:
        """Participants of each."""
        return np.bincount(self.of_participants, minlength=self.count)


def subsets_of(units: Units) -> Subsets:
    """The connected components of the graph of participants and raters."""
    people, raters = int(units.participant.max(initial=-1)) + 1, int(units.rater.max(initial=-1)) + 1
    ones = np.ones(len(units), dtype=np.int8)
    graph = sparse.coo_matrix((ones, (units.participant, people + units.rater)), shape=(people + raters,) * 2)
    _, found = connected_components(graph.tocsr(), directed=False)
    size = np.bincount(found[:people])
    first = np.full(len(size), people)
    np.minimum.at(first, found[:people], np.arange(people))
    number = np.empty(len(size), dtype=np.int64)
    number[np.lexsort((first, -size))] = np.arange(len(size))
    return Subsets(number[found[:people]], number[found[people:]])


def raters_apart(units: Units) -> Units:
    """The units, with each rater taken as another person for each participant: what one of them gave elsewhere says
    nothing here. Severity then only widens intervals.
    """
    return replace(units, rater=units.pair)
