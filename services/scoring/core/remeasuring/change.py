"""Change of one figure beside its error: the reliable change index."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.scoring.core.scales import reach


class Verdict(StrEnum):
    """What may be said of a change."""

    HIGHER = "higher"
    """Beyond error."""
    LOWER = "lower"
    """Beyond error."""
    NO_CHANGE = "no_change"
    """None beyond error. There may be one."""

    @property
    def label(self) -> str:
        """The words that people read."""
        return {"no_change": "no change beyond error"}.get(self.value, self.value)


@dataclass(frozen=True, slots=True)
class Part:
    """What one source contributes to a figure: its weight there, its standard error, and the degrees of freedom of that
    error (infinite where its variance is stated rather than estimated).
    """

    weight: float
    standard_error: float
    degrees: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure at one time, in points of the scale."""

    estimate: float
    parts: Sequence[Part]

    @property
    def variance(self) -> float:
        """Of the estimate."""
        return math.fsum((part.weight * part.standard_error) ** 2 for part in self.parts)


@dataclass(frozen=True, slots=True)
class Change:
    """Later less earlier, its standard error, 95 % interval, the reliable change index (change / SE), and a verdict."""

    earlier: float
    later: float
    change: float
    standard_error: float
    low: float
    high: float
    index: float
    verdict: Verdict


def change(earlier: Measured, later: Measured) -> Change:
    """Jacobson & Truax's reliable change (1991, J. Consult. Clin. Psychol. 59:12): SE² = SE₁² + SE₂², with the standard
    errors of both results instead of one from a reliability. Student's t with Satterthwaite's degrees of freedom, as
    few raters stand behind each. Raters of both times are taken to be different people: cautious where they are not.

    >>> one = Measured(3.0, [Part(1.0, 0.2, math.inf)])
    >>> change(one, Measured(3.4, one.parts)).verdict, change(one, Measured(3.8, one.parts)).verdict
    (<Verdict.NO_CHANGE: 'no_change'>, <Verdict.HIGHER: 'higher'>)
    """
    apart = later.estimate - earlier.estimate
    error = math.sqrt(earlier.variance + later.variance)
    half = reach(_degrees((*earlier.parts, *later.parts))) * error
    low, high = apart - half, apart + half
    verdict = Verdict.HIGHER if low > 0 else Verdict.LOWER if high < 0 else Verdict.NO_CHANGE
    return Change(earlier.estimate, later.estimate, apart, error, low, high, apart / error if error else 0.0, verdict)


def _degrees(parts: Sequence[Part]) -> float:
    own = [(part.weight * part.standard_error) ** 2 for part in parts]
    spread = math.fsum(v**2 / part.degrees for v, part in zip(own, parts, strict=True))
    return math.inf if spread == 0 else math.fsum(own) ** 2 / spread
