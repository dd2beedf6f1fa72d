"""What a cohort lacks: the average of its participants in each facet of each domain, weakest first."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from services.scoring.core.scales import interval, rounded
from services.scoring.core.shrinkage import BETWEEN_GROUPS, drawn
from shared.framework import Scale
from shared.ids import OrganisationId
from shared.words import Facet

Cell = tuple[str, Facet]
"""Domain and facet."""
PARTICIPANTS = 0.15
"""Standard deviation between participants' true figures, in widths of the scale (0.6 points of 1 to 5), for the one
case in which it can't be estimated: a single participant. Cautious: simulated cohorts of the method review have 0.52
to 0.59 points within a domain."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One scored participant: estimate and standard error in each cell that the result has."""

    organisation: OrganisationId
    cells: Mapping[Cell, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Gap:
    """Fields as in `shared.events.Gap`, rounded."""

    domain: str
    facet: Facet
    organisation: OrganisationId | None
    n: int
    estimate: float
    low: float
    high: float
    standard_error: float | None = None
    drawn: float | None = None
    drawn_low: float | None = None
    drawn_high: float | None = None
    """An organisation's mean drawn towards the cohort's, see `shrinkage`; None for the cohort itself."""


def gaps(scale: Scale, standings: Iterable[Standing]) -> tuple[Gap, ...]:
    """The gap table: for the cohort (organisation None) and for each organisation, weakest first.

    The estimate is the mean of the participants' estimates; the participant is the unit of error. With n ≥ 2 the
    interval is Student's t with n - 1 degrees of freedom on s / √n, where s² is not taken to be smaller than the
    participants' own mean squared standard error: estimates that agree better than their errors allow do so by chance.
    With n = 1 nothing can be estimated: the variance is that of `PARTICIPANTS` plus the participant's own, stated as
    known (normal quantile). It speaks of the group that the participants stand for, not only of those who came.

    An organisation's mean is also drawn towards the cohort's: to what is shown anyway, so that nothing about another
    organisation follows from it; with the stated variance between organisations, for the same reason.
    """
    groups: dict[tuple[str, Facet, OrganisationId | None], list[tuple[float, float]]] = defaultdict(list)
    for standing in standings:
        for (domain, facet), figure in standing.cells.items():
            groups[domain, facet, None].append(figure)
            groups[domain, facet, standing.organisation].append(figure)
    own = {key: _gap(scale, *key, figures) for key, figures in groups.items()}
    table = [_drawn(scale, gap, own[gap.domain, gap.facet, None]) for gap in own.values()]
    return tuple(sorted(table, key=lambda gap: (gap.estimate, gap.domain, gap.facet, gap.organisation or "")))


def _gap(
    scale: Scale, domain: str, facet: Facet, organisation: OrganisationId | None, figures: list[tuple[float, float]]
) -> Gap:
    n = len(figures)
    estimate = math.fsum(each for each, _ in figures) / n
    own = math.fsum(error**2 for _, error in figures) / n
    if n == 1:
        variance, degrees = (PARTICIPANTS * (scale.maximum - scale.minimum)) ** 2 + own, math.inf
    else:
        between = math.fsum((each - estimate) ** 2 for each, _ in figures) / (n - 1)
        variance, degrees = max(between, own) / n, n - 1.0
    low, high = interval(scale, estimate, math.sqrt(variance), degrees)
    error = rounded(math.sqrt(variance))
    return Gap(domain, facet, organisation, n, rounded(estimate), rounded(low), rounded(high), error)


def _drawn(scale: Scale, gap: Gap, cohort: Gap) -> Gap:
    """The same, of an organisation with its mean drawn towards the cohort's."""
    if gap.organisation is None:
        return gap
    between = BETWEEN_GROUPS * (scale.maximum - scale.minimum)
    towards = cohort.estimate, cohort.standard_error or 0.0
    found = drawn(
        scale, gap.estimate, gap.standard_error or 0.0, towards=towards[0], towards_error=towards[1], between=between
    )
    low, high = rounded(found.low), rounded(found.high)
    return replace(gap, drawn=rounded(found.estimate), drawn_low=low, drawn_high=high)
