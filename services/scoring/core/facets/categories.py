"""Categories of the answer scale: those that hardly anybody used are pooled with a neighbour, and that is told."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST = 10
"""Ratings in a category, for its step to be estimated (Linacre 1999, J. Outcome Measurement 3:103)."""


@dataclass(frozen=True, slots=True)
class Categories:
    """`codes`: of each rating 0, 1, …; `values`: what each code stands for on the scale of the file (the mean of the
    ratings where several were pooled); `pooled`: in words, one for each that was.
    """

    codes: NDArray[np.int64]
    values: tuple[float, ...]
    pooled: tuple[str, ...]


def categories_of(scores: NDArray[np.float64], least: int = LEAST) -> Categories:
    """Codes of whole-number scores. Of a thin category and its neighbours the two with the fewest ratings are pooled
    until none is thin or two are left.
    """
    values, codes = np.unique(scores, return_inverse=True)
    groups = [[value] for value in values.tolist()]
    counts = np.bincount(codes.ravel(), minlength=len(values)).tolist()
    while len(groups) > 2 and min(counts) < least:
        thin = counts.index(min(counts))
        beside = [n for n in (thin - 1, thin + 1) if 0 <= n < len(groups)]
        other = min(beside, key=lambda n: (counts[n], n))
        low, high = sorted((thin, other))
        groups[low : high + 1] = [groups[low] + groups[high]]
        counts[low : high + 1] = [counts[low] + counts[high]]
    group_of = {value: number for number, group in enumerate(groups) for value in group}
    moved = np.array([group_of[value] for value in values.tolist()], dtype=np.int64)[codes.ravel()]
    means = tuple(float(scores[moved == number].mean()) for number in range(len(groups)))
    told = tuple(
        f"scores {', '.join(f'{each:g}' for each in group)} are one category: fewer than {least} ratings apart"
        for group in groups
        if len(group) > 1
    )
    return Categories(moved, means, told)
