"""What a scoring model is given: ratings on the common scale, each with the person who gave it and what it shows.

The instruments' modules make these; a model never sees the self response, nor a rater who must stay hidden.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from shared.framework import FrameworkPack
from shared.ids import RaterId
from shared.words import Facet, Instrument, Relationship

FigureKey = tuple[str, Facet | None, str | None]
"""Which figure: domain, facet (or None), competency (or None)."""


@dataclass(frozen=True, slots=True)
class Rating:
    """One rating on the cohort's scale. `unit` gave it: a rater, assessor or marker, the unit of error."""

    instrument: Instrument
    unit: RaterId
    item: str
    """Item (360 appraisal), `exercise/competency` (development day) or criterion (written assessment)."""
    competency: str
    facet: Facet
    value: float


@dataclass(frozen=True, slots=True)
class Observations:
    """All that may enter one participant's figures. `weights` are the cohort's, not yet renormalised."""

    framework: FrameworkPack
    weights: Mapping[Instrument, float]
    ratings: tuple[Rating, ...]
    relationships: Mapping[RaterId, Relationship] = field(default_factory=dict)
    """What each 360 rater is to the participant."""


def figure_keys(framework: FrameworkPack) -> Iterator[FigureKey]:
    """Every figure that a result may hold, in its order: a domain as a whole, its facets, its competencies."""
    for domain in framework.domains:
        yield domain.code, None, None
        for facet in Facet:
            yield domain.code, facet, None
        for competency in framework.competencies_in(domain.code):
            yield domain.code, None, competency.code


def keys_of(framework: FrameworkPack, rating: Rating) -> tuple[FigureKey, FigureKey, FigureKey]:
    """The three figures that a rating is evidence for."""
    domain = framework.domain_of(rating.competency)
    return (domain, None, None), (domain, rating.facet, None), (domain, None, rating.competency)
