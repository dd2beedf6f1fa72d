"""Which figures of two results may be compared, and why others may not."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.scoring.core.observations import FigureKey
from services.scoring.core.remeasuring.change import Change, Measured, Part, change
from shared.cohort.definition import CohortDefinition
from shared.framework.comparing import Comparison, compared
from shared.words import Instrument

ALL = "all sources"


@dataclass(frozen=True, slots=True)
class Source:
    """What one instrument says in a figure, as results hold it."""

    weight: float
    estimate: float
    standard_error: float
    raters: int
    anchored: bool


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a result. `described_by`: the model whose means it is."""

    key: FigureKey
    estimate: float
    sources: Mapping[Instrument, Source]
    described_by: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure at two times. `basis`: all its sources, or the one that both times asked alike; `change` is None where
    `withheld` says why.
    """

    key: FigureKey
    basis: str
    change: Change | None
    withheld: str | None


@dataclass(frozen=True)
class Terms:
    """Two cohorts' terms: what in their results means the same."""

    earlier: CohortDefinition
    later: CohortDefinition
    frameworks: Comparison

    @classmethod
    def of(cls, earlier: CohortDefinition, later: CohortDefinition) -> "Terms":
        """Compare the two cohorts' frameworks."""
        return cls(earlier, later, compared(earlier.framework, later.framework))

    def compare(self, before: Figure, after: Figure) -> Compared:
        """One figure. The whole if all sources were alike at both times, else the 360 appraisal alone if that was."""
        domain, facet, competency = after.key
        if not self.frameworks.comparable(domain, facet, competency):
            return Compared(after.key, ALL, None, self._broken(after.key))
        if before.described_by != after.described_by:
            models = f"{before.described_by} and {after.described_by}"
            return Compared(after.key, ALL, None, f"described by two models, {models}; run the earlier cohort anew")
        reason = self._sources_differ(before, after)
        if reason is None:
            return Compared(after.key, ALL, change(_measured(before), _measured(after)), None)
        both = [figure.sources.get(Instrument.APPRAISAL_360) for figure in (before, after)]
        one, other = both
        if one is None or other is None:
            return Compared(after.key, ALL, None, reason)
        return Compared(after.key, Instrument.APPRAISAL_360.label, change(_alone(one), _alone(other)), None)

    def _broken(self, key: FigureKey) -> str:
        domain, facet, competency = key
        found = self.frameworks.competencies.get(competency, ()) if competency else ()
        found = found or self.frameworks.places.get((domain, facet), ())
        words = "; ".join(each.words for each in found[:3]) or "it is in one of the two only"
        return f"{self.frameworks.old} and {self.frameworks.new} don't ask the same: {words}"

    def _sources_differ(self, before: Figure, after: Figure) -> str | None:
        """Why the whole figure is another composite; None if it is the same."""
        if before.sources.keys() != after.sources.keys():
            return "it rests on other kinds of evidence than before"
        if any(abs(before.sources[each].weight - after.sources[each].weight) > 1e-6 for each in before.sources):
            return "its sources are weighted otherwise than before"
        if Instrument.DEVELOPMENT_DAY in after.sources and _grid(self.earlier) != _grid(self.later):
            return "the development day had other exercises"
        if Instrument.WRITTEN_ASSESSMENT in after.sources and _criteria(self.earlier) != _criteria(self.later):
            return "the written assessment had other criteria"
        return None


def _grid(definition: CohortDefinition) -> set[tuple[str, str, str, str]]:
    return {(each.exercise, each.name, each.competency, each.facet) for each in definition.exercises}


def _criteria(definition: CohortDefinition) -> set[tuple[str, str, str, float, str]]:
    return {(each.code, each.name, each.competency, each.max_mark, each.facet) for each in definition.criteria}


def _measured(figure: Figure) -> Measured:
    return Measured(figure.estimate, [_part(each, each.weight) for each in figure.sources.values()])


def _alone(source: Source) -> Measured:
    return Measured(source.estimate, [_part(source, 1.0)])


def _part(source: Source, weight: float) -> Part:
    return Part(weight, source.standard_error, float("inf") if source.anchored else max(source.raters - 1.0, 1.0))
