"""What a coordinator settles before a cohort opens, as one immutable value. It holds no personal data.

Every number in it that the process does not give us (weights, thresholds, minimum) is the cohort's configuration.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property
from operator import itemgetter
from zoneinfo import ZoneInfo

from pydantic import Field

from shared.framework import FrameworkPack
from shared.framework.pack import Frozen
from shared.words import Facet, IdentityBy, Instrument, PoolPolicy, Relationship, ReleasePolicy


class Connection(Frozen):
    """A survey tool's webhook. `secret_env` names the environment variable that holds the secret; `settings` are what
    the tool needs to be known besides, by name (docs/vendors.md); `identity`: how responses say who speaks about whom.
    """

    vendor: str
    instrument: Instrument
    secret_env: str
    identity: IdentityBy = Field(
        default=IdentityBy.HIDDEN_FIELDS, exclude_if=lambda how: how is IdentityBy.HIDDEN_FIELDS
    )
    settings: Mapping[str, str] = Field(default_factory=dict, exclude_if=lambda settings: not settings)


class FormField(Frozen):
    """One field of one form. `maps_to` is an item code, `EXERCISE:COMPETENCY`, a criterion's code, `comment:<kind>` for
    free text, or `identity:participant | rater | relationship`.
    """

    connection: str
    vendor: str
    form_id: str
    field_ref: str
    maps_to: str


class AppraisalRequirement(Frozen):
    """Responses needed of each relationship; 0 or absent asks for none."""

    responses: Mapping[Relationship, int]


class DayRequirement(Frozen):
    """Exercises that each participant is observed in, and by how many assessors in each."""

    exercises: tuple[str, ...]
    assessors: int


class WrittenRequirement(Frozen):
    """Markers needed on every criterion; marks further apart than `moderate_above` need one more marker."""

    markers: int
    moderate_above: float


class Evidence(Frozen):
    """The evidence required of each participant; an instrument that is None is not part of the cohort."""

    appraisal_360: AppraisalRequirement | None = None
    development_day: DayRequirement | None = None
    written_assessment: WrittenRequirement | None = None


class ExerciseCell(Frozen):
    """An exercise shows a competency (one cell of the development-day grid)."""

    exercise: str
    name: str
    competency: str
    facet: Facet


class Criterion(Frozen):
    """A criterion of the written assessment."""

    code: str
    competency: str
    name: str
    max_mark: float
    facet: Facet


class Organisation(Frozen):
    """An organisation that sends participants."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Distance:
    """How far an estimate lies from its target, with its interval: negative is below. In points of the scale."""

    target: float
    gap: float
    low: float
    high: float


class Target(Frozen):
    """What the cohort's role asks for in a domain, or in one facet of it: a point of the scale, chosen by people."""

    domain: str
    facet: Facet | None = None
    target: float

    def distance(self, estimate: float, low: float, high: float) -> Distance:
        """From the target to an estimate with its interval.

        >>> Target(domain="A", target=3.5).distance(3.0, 2.5, 3.5)
        Distance(target=3.5, gap=-0.5, low=-1.0, high=0.0)
        """
        return Distance(self.target, estimate - self.target, low - self.target, high - self.target)


class Disclosure(Frozen):
    """Rater groups smaller than `group_minimum` are not shown apart."""

    group_minimum: int


class Release(Frozen):
    """When plans go out."""

    policy: ReleasePolicy


class Pool(Frozen):
    """How talent-pool records change, and which levels there are."""

    policy: PoolPolicy
    levels: tuple[str, ...]


class Band(Frozen):
    """A band of domain results: a word for everything from `from_` on, up to the next band."""

    name: str
    from_: float


class Bands(Frozen):
    """The cohort's words for where a domain result lies. `starts`: name → where it begins, lowest first."""

    version: str
    starts: Mapping[str, float]

    @cached_property
    def bands(self) -> tuple[Band, ...]:
        """Lowest first."""
        return tuple(Band(name=name, from_=start) for name, start in sorted(self.starts.items(), key=itemgetter(1)))


class Thresholds(Frozen):
    """What is usual, and from where on a result is remarked on; the defaults are the method review's suggestions, after
    simulated cohorts. Below what is usual a domain result is provisional.
    """

    version: str = "usual/1"
    raters: int = 5
    """360 raters beside the line manager that are usual."""
    raters_in_a_group: int = 3
    """… of them in the largest rater group."""
    items_share: float = 0.6
    """Share of a domain's statements that raters have rated."""
    exercises: int = 2
    """Exercises that show a domain."""
    assessors: int = 2
    markers: int = 2
    not_observed_share: float = 0.25
    """Above this share of "not observed" a figure rests on what few could see."""
    spread_from: int = 5
    """Raters from which a rater group's spread may be told at all."""
    spread: float = 1 / 6
    """Mean absolute deviation from the group's mean, in categories of the answer scale, above which raters of a group
    disagree (Burke & Dunlap 2002, Organizational Research Methods 5:159: A / 6)."""
    sources_apart: float = 2.0
    """Standard errors of their difference, method included, above which two sources disagree."""
    straight_answers: int = 6
    """Answers, all alike, from which a form is a straight line."""
    band_probability: float = 0.8
    """A band stands alone from this probability on; below, its neighbours stand with it."""


USUAL = Thresholds()


class Scoring(Frozen):
    """How the cohort is scored. `model`: id of a scoring model; without one the installation's is used."""

    model: str


class CohortDefinition(Frozen):
    """One cohort's rules and mappings. `opens` and `closes` are days in `time_zone`, both included."""

    cohort: str
    title: str
    opens: date
    closes: date
    time_zone: str
    framework: FrameworkPack
    connections: Mapping[str, Connection]
    evidence: Evidence
    weights: Mapping[Instrument, float]
    disclosure: Disclosure
    release: Release
    pool: Pool
    exercises: tuple[ExerciseCell, ...]
    criteria: tuple[Criterion, ...]
    organisations: tuple[Organisation, ...]
    form_fields: tuple[FormField, ...]
    choices: Mapping[str, float | None]
    """Answer label → rating; None is "not observed"."""
    scoring: Scoring | None = Field(default=None, exclude_if=lambda scoring: scoring is None)
    bands: Bands | None = Field(default=None, exclude_if=lambda bands: bands is None)
    thresholds: Thresholds = Field(default=USUAL, exclude_if=lambda thresholds: thresholds == USUAL)
    targets: tuple[Target, ...] = Field(default=(), exclude_if=lambda targets: not targets)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the definition: equal definitions have an equal digest on every machine."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @cached_property
    def criterion(self) -> dict[str, Criterion]:
        """Criteria by code."""
        return {criterion.code: criterion for criterion in self.criteria}

    def target_of(self, domain: str, facet: Facet | None) -> Target | None:
        """The target of a domain as a whole (facet None) or of a facet of it; None where there is none."""
        return next((each for each in self.targets if (each.domain, each.facet) == (domain, facet)), None)

    def cells_of(self, exercise: str) -> tuple[ExerciseCell, ...]:
        """The competencies that an exercise shows, in the folder's order."""
        return tuple(cell for cell in self.exercises if cell.exercise == exercise)

    def start_of(self, day: date) -> datetime:
        """The first moment of a day where the cohort is."""
        return datetime.combine(day, time.min, tzinfo=ZoneInfo(self.time_zone))

    def end_of(self, day: date) -> datetime:
        """The last moment of a day where the cohort is."""
        return datetime.combine(day, time.max, tzinfo=ZoneInfo(self.time_zone))

    def is_late(self, submitted_at: datetime) -> bool:
        """Whether a submission came after the end of the closing day in the cohort's time zone. Late is flagged,
        never refused. `submitted_at` is aware.
        """
        end = self.end_of(self.closes)
        return submitted_at.astimezone(UTC) > end.astimezone(UTC)
