"""What scoring a file gives. Logits centred at 0 unless a field says otherwise; intervals are 95 %."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ParticipantResult:
    """One participant in one fit, or combined. `fair`: the average that raters of usual severity would give, on the
    file's scale; `raw`: the plain mean of what was given. `adjusted`: whether the severity of raters was taken out;
    `reason` why not. Without an estimate (nobody rated, or sources can't be joined) `reason` says why.
    """

    participant: str
    estimate: float | None
    se: float | None
    low: float | None
    high: float | None
    fair: float | None
    raw: float | None
    n_raters: int
    adjusted: bool
    reason: str | None


@dataclass(frozen=True, slots=True)
class RaterResult:
    """A rater's severity, positive where harsher than others; None where it can't be told from those rated."""

    rater: str
    severity: float | None
    se: float | None


@dataclass(frozen=True, slots=True)
class ItemResult:
    """An item's difficulty, centred over items, and its steps: where neighbouring categories are equally likely,
    relative to the difficulty.
    """

    item: str
    difficulty: float
    steps: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Subset:
    """Participants and raters whom ratings link with each other and with nobody else."""

    subset: str
    participants: tuple[str, ...]
    raters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FitStatistic:
    """Mean-squares of one participant, rater or item (1 is expected), over n ratings. Of raters also `spread`,
    `straight` and `careless`: see `facets.diagnostics.RaterSigns`.
    """

    name: str
    infit: float | None
    outfit: float | None
    n: int
    spread: float | None = None
    straight: float | None = None
    careless: float | None = None


@dataclass(frozen=True, slots=True)
class VarianceComponents:
    """Squared logits; None where an effect is not in the design, or can't be told from another. `estimated` False: they
    are anchors, since too few participants are there to estimate them.
    """

    participant: float
    severity: float | None
    participant_rater: float | None
    participant_exercise: float | None
    estimated: bool


@dataclass(frozen=True, slots=True)
class FitResult:
    """One fit: of one source and domain, or None where the file is not split by them."""

    source: str | None
    domain: str | None
    model: str
    participants: tuple[ParticipantResult, ...]
    raters: tuple[RaterResult, ...]
    items: tuple[ItemResult, ...]
    subsets: tuple[Subset, ...]
    variance: VarianceComponents
    fit_participants: tuple[FitStatistic, ...]
    fit_raters: tuple[FitStatistic, ...]
    fit_items: tuple[FitStatistic, ...]
    notes: tuple[str, ...]
    """What a reader must know: pooled categories, common steps, doubted raters."""
    seconds: float
    values: tuple[float, ...] = ()
    cumulative: tuple[tuple[float, ...], ...] = ()
    """Of the items, for the fair average at any place."""


@dataclass(frozen=True, slots=True)
class CombinedResult:
    """A domain over its sources."""

    domain: str
    participants: tuple[ParticipantResult, ...]
    sources: tuple[str, ...]
    method_variance: float
    estimated: bool
    """Whether the method variance was estimated, or is an anchor."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A file, scored."""

    fits: Sequence[FitResult]
    combined: Sequence[CombinedResult]
