"""The keys of cohort.toml, one model a table. `rules` reads the file and checks what needs more than one key."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from shared.cohort.cells import (
    Code,
    ConnectionKey,
    Day,
    EnvironmentName,
    Text,
    TimeZone,
    at_least,
    at_most,
    known,
    refused,
    word,
)
from shared.cohort.definition import USUAL
from shared.words import IdentityBy, Instrument, PoolPolicy, Relationship, ReleasePolicy

Count = Annotated[int, AfterValidator(at_least(1))]
CountOrNone = Annotated[int, AfterValidator(at_least(0))]
Share = Annotated[float, AfterValidator(at_least(0.0))]
Part = Annotated[float, AfterValidator(at_least(0.0)), AfterValidator(at_most(1.0))]


def _distinct(words: list[str]) -> list[str]:
    if not words:
        raise refused("is empty; name at least one")
    if len(set(words)) < len(words):
        raise refused("names one of them twice", show=False)
    return words


def _short(levels: list[str]) -> list[str]:
    if any(len(level) > 50 for level in levels):
        raise refused("holds a level of more than 50 signs", show=False)
    return levels


def _rising(starts: dict[str, float]) -> dict[str, float]:
    if len(starts) < 2:
        raise refused("names fewer than two bands; leave the table out if there are none")
    if len(set(starts.values())) < len(starts):
        raise refused("has two bands that begin at the same point", show=False)
    return starts


Codes = Annotated[list[Code], AfterValidator(_distinct)]


class Section(BaseModel):
    """A table of cohort.toml. Unknown keys are mistakes: a misspelt rule must not be a rule that nobody set."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ScaleSection(Section):
    """The rating scale."""

    minimum: float
    maximum: float

    @model_validator(mode="after")
    def _has_width(self) -> Self:
        if not self.minimum < self.maximum:
            raise refused("has no width; its minimum must be below its maximum", show=False)
        return self


class FrameworkSection(Section):
    """[framework]"""

    pack: Code
    version: Code
    licence: Text
    scale: ScaleSection


class ConnectionSection(Section):
    """[connections.<name>]"""

    vendor: Annotated[str, known("vendor")]
    instrument: Annotated[Instrument, word(Instrument)]
    secret_env: EnvironmentName
    identity: Annotated[IdentityBy, word(IdentityBy)] = IdentityBy.HIDDEN_FIELDS
    settings: dict[str, Text] = {}


class AppraisalSection(Section):
    """[evidence.appraisal_360]"""

    self: CountOrNone = 0
    line_manager: CountOrNone = 0
    peer: CountOrNone = 0
    direct_report: CountOrNone = 0
    system_partner: CountOrNone = 0

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        counts = self.responses
        if not any(counts.values()):
            raise refused("asks for no responses; set at least one relationship above 0, or leave the table out")
        if counts[Relationship.SELF] > 1:
            raise refused("asks for more than one self rating; a participant has one self", show=False)
        return self

    @property
    def responses(self) -> dict[Relationship, int]:
        """Responses needed of each relationship, every relationship named."""
        counts = self.model_dump()
        return {relationship: counts[relationship.value] for relationship in Relationship}


class DaySection(Section):
    """[evidence.development_day]"""

    exercises: Codes
    assessors: Count


class WrittenSection(Section):
    """[evidence.written_assessment]"""

    markers: Count
    moderate_above: Share


class EvidenceSection(Section):
    """[evidence]"""

    appraisal_360: AppraisalSection | None = None
    development_day: DaySection | None = None
    written_assessment: WrittenSection | None = None


class WeightsSection(Section):
    """[weights]"""

    appraisal_360: Share | None = None
    development_day: Share | None = None
    written_assessment: Share | None = None


class DisclosureSection(Section):
    """[disclosure]"""

    group_minimum: Count


class ReleaseSection(Section):
    """[release]"""

    policy: Annotated[ReleasePolicy, word(ReleasePolicy)]


class PoolSection(Section):
    """[pool]"""

    policy: Annotated[PoolPolicy, word(PoolPolicy)]
    levels: Annotated[Codes, AfterValidator(_short)]


class ScoringSection(Section):
    """[scoring]"""

    model: Annotated[str, known("model")]


class BandsSection(Section):
    """[bands]"""

    version: Code
    starts: Annotated[dict[Text, float], Field(alias="from"), AfterValidator(_rising)]


class ThresholdsSection(Section):
    """[thresholds]: those that differ from what is usual. A group's spread is never told of fewer raters, and a band
    never stands alone on less, than is usual.
    """

    version: Code
    raters: CountOrNone = USUAL.raters
    raters_in_a_group: CountOrNone = USUAL.raters_in_a_group
    items_share: Part = USUAL.items_share
    exercises: CountOrNone = USUAL.exercises
    assessors: CountOrNone = USUAL.assessors
    markers: CountOrNone = USUAL.markers
    not_observed_share: Part = USUAL.not_observed_share
    spread_from: Annotated[int, AfterValidator(at_least(USUAL.spread_from))] = USUAL.spread_from
    spread: Part = USUAL.spread
    sources_apart: Share = USUAL.sources_apart
    straight_answers: Annotated[int, AfterValidator(at_least(2))] = USUAL.straight_answers
    band_probability: Annotated[
        float, AfterValidator(at_least(USUAL.band_probability)), AfterValidator(at_most(1.0))
    ] = USUAL.band_probability


class CohortToml(Section):
    """The whole file."""

    cohort: Code
    title: Text
    opens: Day
    closes: Day
    time_zone: TimeZone
    framework: FrameworkSection
    connections: dict[ConnectionKey, ConnectionSection] = {}
    evidence: EvidenceSection
    weights: WeightsSection
    disclosure: DisclosureSection
    release: ReleaseSection
    pool: PoolSection
    scoring: ScoringSection | None = None
    bands: BandsSection | None = None
    thresholds: ThresholdsSection | None = None
