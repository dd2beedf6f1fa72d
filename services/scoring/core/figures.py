"""What a scoring model gives, and what every scoring model is."""

from dataclasses import dataclass
from typing import Protocol

from services.scoring.core.observations import FigureKey, Observations
from shared.words import Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFigure:
    """What one source says about one figure; fields as in `shared.events.SourceFigure`, not yet rounded."""

    instrument: Instrument
    weight: float
    estimate: float
    standard_error: float
    low: float
    high: float
    raters: int
    items: int
    anchored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One domain result; fields as in `shared.events.Figure`, not yet rounded. Self and groups stand beside it and
    are added by `results`: a model never sees the self response.
    """

    key: FigureKey
    estimate: float
    standard_error: float
    low: float
    high: float
    raters: int
    items: int
    sources: tuple[SourceFigure, ...]
    anchored: bool


class ScoringModel(Protocol):
    """A way from ratings to figures. Pure: the same observations in any order give the same figures."""

    @property
    def id(self) -> str:
        """Name and version as results name it, such as `rater-means/1`. What has it is never changed again."""

    def figures(self, observations: Observations) -> tuple[Figure, ...]:
        """The figures that the observations carry, in the order of `figure_keys`. A figure without any is absent."""
