"""In which of the cohort's bands a domain result lies, and how surely."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy.special import ndtr, stdtr

from shared.cohort.definition import Bands


@dataclass(frozen=True, slots=True)
class BandChance:
    """A band, and the probability that the participant belongs there."""

    band: str
    probability: float


def chances(bands: Bands, below: Callable[[float], float]) -> tuple[BandChance, ...]:
    """Of each band, lowest first. `below(x)`: probability that the true figure is below x. The lowest band has no
    lower end and the highest no upper one, so they add up to 1.
    """
    ends = [0.0, *(below(band.from_) for band in bands.bands[1:]), 1.0]
    return tuple(BandChance(b.name, high - low) for b, low, high in zip(bands.bands, ends, ends[1:], strict=False))


def named(found: Sequence[BandChance], sure: float) -> tuple[str, ...]:
    """The fewest neighbouring bands, around the likeliest, that hold the participant with probability `sure`.

    >>> named([BandChance("a", 0.1), BandChance("b", 0.5), BandChance("c", 0.4)], 0.8)
    ('b', 'c')
    """
    if not found:
        return ()
    best = max(range(len(found)), key=lambda n: (found[n].probability, -n))
    low, high, total = best, best, found[best].probability
    while total < sure and (low > 0 or high < len(found) - 1):
        down = found[low - 1].probability if low > 0 else -1.0
        up = found[high + 1].probability if high < len(found) - 1 else -1.0
        low, high = (low - 1, high) if down >= up else (low, high + 1)
        total += max(down, up)
    return tuple(each.band for each in found[low : high + 1])


def student_below(estimate: float, error: float, degrees: float) -> Callable[[float], float]:
    """Probability that a figure lies below a point, its error being Student's t (normal with infinite degrees)."""

    def below(point: float) -> float:
        z = (point - estimate) / error
        return float(ndtr(z) if math.isinf(degrees) else stdtr(degrees, z))

    return below
