"""The rater-adjusted estimate of one source and domain, or why there is none."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.facets.items import probabilities
from shared.words import Instrument

VERSION = "adjusted/1"
NO_ADJUSTING = "this cohort’s model takes raters as they come, which is safest where participants are few"


@dataclass(frozen=True)
class FairScale:
    """From logits to the cohort's scale: the score that raters of usual severity would give on average over the items.
    `cumulative`: items × categories, `values`: what each category stands for on the cohort's scale.
    """

    cumulative: NDArray[np.float64]
    values: tuple[float, ...]

    @cached_property
    def _average(self) -> NDArray[np.float64]:
        mean: NDArray[np.float64] = self.cumulative.mean(axis=0, keepdims=True)
        return mean

    def at(self, place: float) -> float:
        """The fair average at a place: between the lowest and the highest value."""
        return float(probabilities(np.array([place]), self._average)[0, 0] @ np.array(self.values))


@dataclass(frozen=True)
class Adjusted:
    """What a calibrated model says of a participant in one source and domain. `place` in logits (0: the mean of those
    calibrated), `variance` its square error; `prior`: variance of participants there. `reason`: why it is not corrected
    for who rated, None where it is.
    """

    instrument: Instrument
    domain: str
    place: float
    variance: float
    prior: float
    scale: FairScale
    reason: str | None
