"""What scoring listens to and tells: runs asked for, requirements waived, a participant or a cohort scored."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from pydantic import Field

from shared.events.base import Event, Part
from shared.ids import CohortId, EvidenceId, OrganisationId, ParticipantId, RaterId, ResultId, RunId, WaiverId
from shared.words import Facet, Instrument, Relationship


class CohortRunRequested(Event):
    """A coordinator asked for every case to be looked at again and for the cohort's gap table."""

    name: ClassVar[str] = "scoring.cohort_run_requested.v1"

    run: RunId
    cohort: CohortId


class CalibratedPart(Part):
    """One source and domain of a calibration. `reason`: why nobody in it is adjusted, None where some are."""

    source: Instrument
    domain: str
    participants: int
    raters: int
    ratings: int
    reason: str | None = None


class CohortCalibrated(Event):
    """A run has estimated anew what a cohort's scored participants together tell of items, raters and sources."""

    name: ClassVar[str] = "scoring.cohort_calibrated.v1"

    cohort: CohortId
    run: RunId
    number: int
    """1, 2, … in the cohort; results of the same number can be compared."""
    calibration: str
    """SHA-256 (hex) of the calibration document."""
    model: str
    participants: int
    parts: tuple[CalibratedPart, ...]


class ReconciliationDue(Event):
    """A time slot has begun in which scoring looks for complete cases that were never scored. It must find none."""

    name: ClassVar[str] = "scoring.reconciliation_due.v1"

    slot: datetime


class RequirementWaived(Event):
    """A named person decided that a participant may be scored without one thing that is asked for. Who and why stand
    in the database, under the waiver's id.
    """

    name: ClassVar[str] = "scoring.requirement_waived.v1"

    cohort: CohortId
    participant: ParticipantId
    waiver: WaiverId
    instrument: Instrument
    element: str
    """A relationship, an exercise or a criterion."""


class WaiverWithdrawn(Event):
    """A waiver holds no longer: what it did without is asked for again. Results made under it stay as they are."""

    name: ClassVar[str] = "scoring.waiver_withdrawn.v1"

    cohort: CohortId
    participant: ParticipantId
    waiver: WaiverId
    instrument: Instrument
    element: str


class SourceFigure(Part):
    """What one source (instrument) says about one figure, on the cohort's scale."""

    instrument: Instrument
    weight: float
    """Its share in the figure: the cohort's weight, renormalised over the sources that carry the figure."""
    estimate: float
    standard_error: float
    low: float
    high: float
    """`low` and `high`: 95 % interval, cut off at the ends of the scale."""
    raters: int
    """Raters, assessors or markers behind it: the units of error."""
    items: int
    """Items, exercise cells or criteria behind it."""
    anchored: bool
    """The error rests on a stated variance, not on this source's own raters (there were fewer than three)."""


class GroupFigure(Part):
    """The average of one rater group of the 360 appraisal that may be shown; merged groups name all their members."""

    relationships: tuple[Relationship, ...]
    raters: int
    estimate: float


class Figure(Part):
    """One domain result: a domain as a whole, one facet of it, or one competency in it. Self is never in it."""

    domain: str
    facet: Facet | None = None
    competency: str | None = None
    estimate: float
    standard_error: float
    low: float
    high: float
    raters: int
    items: int
    sources: tuple[SourceFigure, ...]
    anchored: bool
    self_rating: float | None = Field(default=None, alias="self")
    gap: float | None = None
    """Self minus the others of the 360 appraisal; None without both."""
    groups: tuple[GroupFigure, ...] = ()
    """Rater groups that may be shown (domain as a whole only)."""


class EvidenceRef(Part):
    """A piece of evidence that a result rests on."""

    evidence: EvidenceId
    instrument: Instrument
    by: RaterId
    element: str = ""
    relationship: Relationship | None = None


class SourceResult(Part):
    """A source's part in a domain result, on the cohort's scale, and the evidence behind it."""

    instrument: Instrument
    weight: float
    estimate: float
    standard_error: float
    low: float
    high: float
    adjusted: bool
    """Corrected for who happened to rate."""
    reason: str | None = None
    """Why it is not adjusted."""
    raters: int
    items: int
    asked: int
    """Items, cells of the grid or criteria that the source could have."""
    answered: int
    not_observed: int
    exercises: int = 0
    late: int = 0


class BandChance(Part):
    """One of the cohort's bands, and the probability that the participant belongs there."""

    band: str
    probability: float


class DomainResult(Part):
    """A domain over its sources, with an error that holds what only one source sees (method variance)."""

    domain: str
    basis: str
    """`means`: the sources' means; `many-facet`: joined on the logit scale of a calibrated model."""
    estimate: float
    """On the cohort's scale; of a calibrated model the fair average."""
    standard_error: float
    method_error: float
    low: float
    high: float
    """95 % interval."""
    low_50: float
    high_50: float
    """50 % interval."""
    place: float | None = None
    """Logits; None unless calibrated."""
    place_error: float | None = None
    adjusted: bool
    """Every source is corrected for who rated; the reasons why not stand with the sources."""
    outcome: str
    """`scored`, or `provisional`: the evidence is less than usual."""
    lacking: tuple[str, ...] = ()
    not_observed_share: float = 0.0
    bands: tuple[BandChance, ...] = ()
    band: tuple[str, ...] = ()
    """The bands that stand: one where it is sure (probability 0.8), else neighbours."""
    disagreeing: tuple[tuple[Instrument, Instrument], ...] = ()
    """Sources that lie apart by more than two standard errors, method included."""
    sources: tuple[SourceResult, ...]


class Flag(Part):
    """What somebody who reads a result should look at: the rule that fired, when it does, and on which figures."""

    rule: str
    domain: str | None = None
    audience: str
    """`participant`, or `internal`: never shown to the participant."""
    trigger: str
    figures: Mapping[str, float]


class Layer(Part):
    """One step from evidence to result: its version, and the hash of what it was given."""

    layer: str
    version: str
    inputs: str


class Waived(Part):
    """A requirement that a result does without: it rests on reduced evidence."""

    instrument: Instrument
    element: str
    name: str
    """In words, without a count, such as "360 appraisal: direct reports"."""


class ParticipantScored(Event):
    """A participant's evidence was complete and has been scored. Once per evidence state."""

    name: ClassVar[str] = "scoring.participant_scored.v1"

    cohort: CohortId
    participant: ParticipantId
    result: ResultId
    version: int
    """1, 2, …: a later version supersedes an earlier one, in whatever order they arrive."""
    model: str
    framework: str
    hash: str
    """SHA-256 (hex) of the result document."""
    evidence: tuple[EvidenceRef, ...]
    withheld: tuple[Relationship, ...] = ()
    """Rater groups too small to be shown even when merged: they are in no figure."""
    late: int = 0
    """Pieces of evidence submitted after the cohort closed."""
    waived: tuple[Waived, ...] = ()
    """What it does without, since a named person waived it; empty for a result on all that was asked for."""
    figures: tuple[Figure, ...]
    calibration: str | None = None
    """Hash of the calibration that the result rests on; None without one."""
    domains: tuple[DomainResult, ...] = ()
    """In the framework's order; empty in what releases before layers wrote."""
    flags: tuple[Flag, ...] = ()
    layers: tuple[Layer, ...] = ()


class ScoredResult(Part):
    """A participant's current result at the time of a run."""

    participant: ParticipantId
    result: ResultId
    version: int
    waived: tuple[str, ...] = ()
    """Names of the requirements that it does without."""
    provisional: tuple[str, ...] = ()
    """Domains whose evidence is less than usual."""
    disagreeing: tuple[str, ...] = ()
    """Domains whose sources lie apart beyond their errors."""


class Waiting(Part):
    """A participant who can't be scored yet, with reasons that a coordinator can read."""

    participant: ParticipantId
    missing: tuple[str, ...]


class Gap(Part):
    """The average of a group of participants in one facet of one domain, with its 95 % interval over participants."""

    domain: str
    facet: Facet
    organisation: OrganisationId | None = None
    """None for the cohort as a whole."""
    n: int
    """Participants behind it."""
    estimate: float
    low: float
    high: float
    standard_error: float | None = None
    drawn: float | None = None
    """An organisation's mean drawn towards the cohort's by as much as its error makes likely; None for the cohort."""
    drawn_low: float | None = None
    drawn_high: float | None = None


class CohortScored(Event):
    """A run has looked at every case of the cohort."""

    name: ClassVar[str] = "scoring.cohort_scored.v1"

    run: RunId
    cohort: CohortId
    scored: tuple[ScoredResult, ...]
    waiting: tuple[Waiting, ...]
    gaps: tuple[Gap, ...]
    """Weakest first."""
