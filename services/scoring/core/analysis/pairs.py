"""Ratings by (participant, rater): the unit of agreement between raters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]
MOST_RATERS = 200
"""Raters from which a table with a column for each would be almost empty."""


@dataclass(frozen=True, slots=True)
class Pairs:
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
    ) -> "Pairs":  # fmt: skip
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
