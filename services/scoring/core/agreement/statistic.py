"""What a statistic of agreement is: a figure, its interval and what it rests on, or the reason why there is none."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

LEVEL = 0.95
"""Of every interval here, two-sided."""
Z = float(ndtri(0.5 + LEVEL / 2))


@dataclass(frozen=True, slots=True)
class Statistic:
    """A figure without a unit unless `meaning` says so. `low` and `high` are the ends of the 95 % interval.

    `n` counts what the interval counts (people, units, raters: `meaning` says which). Where the data can't carry the
    figure or its interval, it is None and `withheld` says why.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    meaning: str
    withheld: str | None = None


def withheld(name: str, n: int, meaning: str, reason: str) -> Statistic:
    """A statistic that these data do not carry."""
    return Statistic(name, None, None, None, n, meaning, reason)


def around(name: str, value: float, error: float, n: int, meaning: str, *, most: float = 1.0) -> Statistic:
    """A statistic with the normal interval of its standard error, cut off at `most`.

    >>> round(around("AC1", 0.8, 0.05, 20, "units").high, 3)
    0.898
    """
    return Statistic(name, value, value - Z * error, min(most, value + Z * error), n, meaning)


def mean_of(name: str, values: NDArray[np.float64], meaning: str, *, smallest: int = 2) -> Statistic:
    """A mean over people with the interval of Student's t (1908, Biometrika 6:1); withheld below `smallest` people.

    >>> found = mean_of("change", np.array([0.0, 1.0, 2.0]), "people")
    >>> round(found.value, 2), round(found.high, 2)
    (1.0, 3.48)
    """
    n = len(values)
    if n < smallest:
        return withheld(name, n, meaning, f"it needs {smallest} people; here are {n}")
    half = float(stdtrit(n - 1, 0.5 + LEVEL / 2)) * float(values.std(ddof=1)) / math.sqrt(n)
    mean = float(values.mean())
    return Statistic(name, mean, mean - half, mean + half, n, meaning)
