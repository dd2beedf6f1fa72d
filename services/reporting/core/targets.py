"""How far a figure lies from what the cohort's role asks for, in words. Silent where there is no target."""

from collections.abc import Iterable

from services.reporting.core.english import number
from services.reporting.core.scored import Figure, Gap
from shared.cohort.definition import CohortDefinition, Distance
from shared.words import Facet


def distance_of(definition: CohortDefinition, figure: Figure | Gap) -> Distance | None:
    """From the target of its domain or facet to a figure; None without a target. Competencies have none."""
    competency: str | None = getattr(figure, "competency", None)
    target = None if competency else definition.target_of(figure.domain, figure.facet)
    return None if target is None else target.distance(figure.estimate, figure.low, figure.high)


def in_words(distance: Distance) -> str:
    """Where an estimate lies, seen from its target.

    >>> in_words(Distance(3.5, -0.6, -0.9, -0.3)), in_words(Distance(3.5, 0.2, -0.1, 0.5))
    ('0.6 below that (likely range 0.3 to 0.9 below)', '0.2 above that, and the likely range includes it')
    >>> in_words(Distance(3.5, 0.01, -0.1, 0.12))
    'just there'
    """
    gap, side = number(abs(distance.gap)), "below" if distance.gap < 0 else "above"
    if gap == number(0.0):
        return "just there"
    if distance.low <= 0 <= distance.high:
        return f"{gap} {side} that, and the likely range includes it"
    near, far = sorted((abs(distance.low), abs(distance.high)))
    return f"{gap} {side} that (likely range {number(near)} to {number(far)} {side})"


def greatest_need_first(definition: CohortDefinition, gaps: Iterable[Gap]) -> list[Gap]:
    """Figures with a target first, the furthest below theirs at the top; then the others as they stood."""
    found = list(gaps)
    aimed = [(distance.gap, gap) for gap in found if (distance := distance_of(definition, gap)) is not None]
    rest = [gap for gap in found if distance_of(definition, gap) is None]
    return [gap for _, gap in sorted(aimed, key=_first)] + rest


def _first(pair: tuple[float, Gap]) -> tuple[float, str, Facet]:
    distance, gap = pair
    return distance, gap.domain, gap.facet
