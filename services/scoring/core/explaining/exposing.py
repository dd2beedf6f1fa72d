"""Whether averages that are shown together give away what fewer than the minimum of raters answered.

Each shown average is a weighted sum of answers. A combination of them that is zero outside a few raters' answers is a
statement about these raters alone; it exists if and only if leaving them out lowers the rank of the averages. A group
of one below the minimum holds every smaller one, so only groups of that size are tried.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

Answer = tuple[str, str]
"""Whose answer, and to which item."""
Average = Mapping[Answer, float]
"""The weight of each answer in it."""


def exposed(averages: Sequence[Average], minimum: int) -> dict[frozenset[str], int]:
    """The groups of raters, one short of the minimum, about whom alone the averages say something, and how much: the
    number of independent statements.

    >>> whole = {(rater, "i"): 1 / 4 for rater in "abcd"}
    >>> exposed([whole], minimum=3)
    {}
    >>> exposed([whole, {(rater, "i"): 1 / 3 for rater in "abc"}], minimum=2)
    {frozenset({'d'}): 1}
    """
    answers = sorted({answer for average in averages for answer in average})
    if not answers or minimum < 2:
        return {}
    matrix = np.array([[average.get(answer, 0.0) for answer in answers] for average in averages])
    owner = [rater for rater, _ in answers]
    raters = sorted(set(owner))
    told = _rank(matrix)
    found = {
        frozenset(few): told - _rank(matrix[:, [n for n, rater in enumerate(owner) if rater not in few]])
        for few in combinations(raters, min(minimum - 1, len(raters)))
    }
    return {few: statements for few, statements in found.items() if statements}


def tells_more(now: Mapping[frozenset[str], int], before: Mapping[frozenset[str], int]) -> bool:
    """Whether more can be said about some few raters than before."""
    return any(statements > before.get(few, 0) for few, statements in now.items())


def _rank(matrix: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> int:
    return int(np.linalg.matrix_rank(matrix, tol=1e-9)) if matrix.size else 0
