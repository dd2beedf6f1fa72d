"""The system beside its cohorts: every cohort's mean in each domain and facet, drawn towards what cohorts share."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from services.scoring.core.gaps import Gap
from services.scoring.core.minimum_n import withheld
from services.scoring.core.shrinkage import Common, common_of, drawn
from shared.framework import Scale
from shared.ids import CohortId
from shared.words import Facet


@dataclass(frozen=True, slots=True)
class CohortMean:
    """One cohort in one domain and facet: raw mean with its interval and n, and the mean drawn towards the system's.
    `withheld`: why there are no figures.
    """

    cohort: CohortId
    n: int | None
    raw: float | None
    low: float | None
    high: float | None
    drawn: float | None
    drawn_low: float | None
    drawn_high: float | None
    withheld: str | None


@dataclass(frozen=True, slots=True)
class SystemFigure:
    """One domain and facet over all cohorts; `common` is None where fewer than two may be shown."""

    domain: str
    facet: Facet
    common: Common | None
    cohorts: tuple[CohortMean, ...]


def system_figures(
    scale: Scale, tables: Iterable[tuple[CohortId, Iterable[Gap]]], *, minimum: int, public: bool
) -> tuple[SystemFigure, ...]:
    """Each domain and facet, lowest system mean first. `tables`: cohorts' gap tables. A cohort of fewer than `minimum`
    participants (for the `public`: than a public table's minimum) enters nothing, so that nothing follows about it.
    """
    cells: dict[tuple[str, Facet], list[tuple[CohortId, Gap]]] = defaultdict(list)
    for cohort, gaps in tables:
        for gap in gaps:
            if gap.organisation is None and gap.standard_error is not None:
                cells[gap.domain, gap.facet].append((cohort, gap))
    found = [_figure(scale, *cell, rows, minimum, public=public) for cell, rows in cells.items()]
    return tuple(sorted(found, key=lambda each: (each.common.mean if each.common else scale.maximum, each.domain)))


def _figure(
    scale: Scale, domain: str, facet: Facet, rows: list[tuple[CohortId, Gap]], minimum: int, *, public: bool
) -> SystemFigure:
    reasons = {cohort: _few(gap.n, minimum, public=public) for cohort, gap in rows}
    shown = [gap for cohort, gap in rows if reasons[cohort] is None]
    errors = [gap.standard_error or 0.0 for gap in shown]
    common = common_of(scale, [gap.estimate for gap in shown], errors) if len(shown) > 1 else None
    means = tuple(
        _mean(scale, cohort, gap, common, reasons[cohort]) for cohort, gap in sorted(rows, key=lambda r: r[0])
    )
    return SystemFigure(domain, facet, common, means)


def _few(n: int, minimum: int, *, public: bool) -> str | None:
    if n < minimum:
        return f"fewer than {minimum} participants"
    return withheld("figure in a public table", n) and "fewer than 10 participants" if public else None


def _mean(scale: Scale, cohort: CohortId, gap: Gap, common: Common | None, reason: str | None) -> CohortMean:
    if reason is not None:
        return CohortMean(cohort, None, None, None, None, None, None, None, reason)
    raw = (gap.n, gap.estimate, gap.low, gap.high)
    if common is None:
        return CohortMean(cohort, *raw, None, None, None, None)
    d = drawn(
        scale,
        gap.estimate,
        gap.standard_error or 0.0,
        towards=common.mean,
        towards_error=common.error,
        between=common.between,
    )
    return CohortMean(cohort, *raw, d.estimate, d.low, d.high, None)
