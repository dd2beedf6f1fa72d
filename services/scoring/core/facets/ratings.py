"""Ratings as the many-facet model takes them: who rated whom on what, coded as whole numbers, and their sum scores.

A rating scale's sum score over the items that one rater answered about one person carries all that these answers say of
that person under the partial-credit model (Andersen 1977, Psychometrika 42:69), so millions of ratings collapse to one
number for each unit: a participant seen by a rater, in one exercise where there are exercises.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Scores = NDArray[np.int64]
NOT_RATED = -1


@dataclass(frozen=True, slots=True)
class Ratings:
    """Ratings of one source (and domain). Arrays of one length n: codes 0, 1, … of participant, rater, item, exercise
    (all 0 where there are none) and rater group, and the score as steps above the lowest category, 0 … `steps`.
    """

    participant: Codes
    rater: Codes
    item: Codes
    exercise: Codes
    group: Codes
    score: Scores
    steps: int

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True, slots=True)
class Units:
    """Ratings collapsed. Arrays over units: codes as in `Ratings`, `score` the sum score, `answers` units × items with
    the score of each item, or NOT_RATED. `pair` numbers (participant, rater), `scene` (participant, exercise).
    """

    participant: Codes
    rater: Codes
    group: Codes
    pair: Codes
    scene: Codes
    score: NDArray[np.float64]
    answers: NDArray[np.int8]
    steps: int

    def __len__(self) -> int:
        return len(self.score)

    @property
    def has_scenes(self) -> bool:
        """Whether some participant was seen in several exercises."""
        return bool(self.scene.max(initial=0) > self.participant.max(initial=0))


def coded(values: Sequence[object]) -> tuple[Codes, NDArray[np.object_]]:
    """Codes of values, and the values that the codes stand for, sorted.

    >>> coded(["b", "a", "b"])[0].tolist()
    [1, 0, 1]
    """
    names, codes = np.unique(np.asarray(values, dtype=object), return_inverse=True)
    return codes.astype(np.int64).ravel(), names


def collapsed(ratings: Ratings) -> Units:
    """One unit for each participant, rater and exercise. Of two scores for one item the later row counts."""
    raters, scenes = int(ratings.rater.max(initial=0)) + 1, int(ratings.exercise.max(initial=0)) + 1
    key = (ratings.participant.astype(np.int64) * raters + ratings.rater) * scenes + ratings.exercise
    # Rows of a unit mostly stand together, so that runs of them are sorted instead of rows.
    starts = np.concatenate([[0], np.nonzero(np.diff(key))[0] + 1])
    found, first, number = np.unique(key[starts], return_index=True, return_inverse=True)
    unit = np.repeat(number.ravel(), np.diff(np.concatenate([starts, [len(key)]])))
    answers = np.full((len(found), int(ratings.item.max(initial=0)) + 1), NOT_RATED, dtype=np.int8)
    answers[unit, ratings.item] = ratings.score
    participant, rater, exercise = (
        each[starts[first]].astype(np.int64) for each in (ratings.participant, ratings.rater, ratings.exercise)
    )
    return Units(
        participant=participant,
        rater=rater,
        group=ratings.group[starts[first]].astype(np.int64),
        pair=np.unique(participant * raters + rater, return_inverse=True)[1].astype(np.int64).ravel(),
        scene=np.unique(participant * scenes + exercise, return_inverse=True)[1].astype(np.int64).ravel(),
        score=np.where(answers >= 0, answers, 0).sum(axis=1, dtype=np.float64),
        answers=answers,
        steps=ratings.steps,
    )
