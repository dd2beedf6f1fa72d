"""What a leadership framework is made of. A pack is data; a cohort names one and pins its version and scale."""

from functools import cached_property
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from shared.words import Facet


class Frozen(BaseModel):
    """A value: immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Scale(Frozen):
    """The common rating scale, both ends included."""

    minimum: float
    maximum: float

    @model_validator(mode="after")
    def _has_width(self) -> Self:
        if not self.minimum < self.maximum:
            raise ValueError("the scale's minimum must be below its maximum")
        return self

    def holds(self, rating: float) -> bool:
        """Whether a rating lies on the scale.

        >>> Scale(minimum=1, maximum=5).holds(7)
        False
        """
        return self.minimum <= rating <= self.maximum

    def of_mark(self, mark: float, max_mark: float) -> float:
        """A mark between 0 and `max_mark`, placed on this scale: minimum + width · mark / max_mark.

        >>> Scale(minimum=1, maximum=5).of_mark(5, 10)
        3.0
        """
        return self.minimum + (self.maximum - self.minimum) * mark / max_mark


class Domain(Frozen):
    """A domain of leadership, such as improvement know-how."""

    code: str
    name: str


class Competency(Frozen):
    """Part of a domain."""

    code: str
    name: str
    domain: str


class Item(Frozen):
    """An observable statement that raters answer, in one competency."""

    code: str
    competency: str
    statement: str
    facet: Facet


class FrameworkPack(Frozen):
    """A framework at one version. Codes are unique over domains, competencies and items together."""

    pack: str
    version: str
    licence: str
    scale: Scale
    domains: tuple[Domain, ...]
    competencies: tuple[Competency, ...]
    items: tuple[Item, ...]

    @property
    def label(self) -> str:
        """Pack and version as results name them, such as `aspiring-talent/1`."""
        return f"{self.pack}/{self.version}"

    @cached_property
    def domain(self) -> dict[str, Domain]:
        """Domains by code."""
        return {domain.code: domain for domain in self.domains}

    @cached_property
    def competency(self) -> dict[str, Competency]:
        """Competencies by code."""
        return {competency.code: competency for competency in self.competencies}

    @cached_property
    def item(self) -> dict[str, Item]:
        """Items by code."""
        return {item.code: item for item in self.items}

    def domain_of(self, competency: str) -> str:
        """The code of the domain that a competency belongs to. Raises KeyError for an unknown competency."""
        return self.competency[competency].domain

    def competencies_in(self, domain: str) -> tuple[Competency, ...]:
        """The competencies of a domain, in the pack's order."""
        return tuple(competency for competency in self.competencies if competency.domain == domain)
