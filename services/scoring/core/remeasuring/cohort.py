"""A cohort measured again: everybody's changes, and the group's, where time enough has passed."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from services.scoring.core.agreement.statistic import Statistic, mean_of
from services.scoring.core.observations import FigureKey
from services.scoring.core.remeasuring.change import Verdict
from services.scoring.core.remeasuring.pairing import Compared, Figure, Terms
from shared.errors import PermanentError
from shared.ids import ParticipantId

USUAL_MONTHS = 12
"""Between two measurements: earlier, raters remember what they said, and little can have changed."""
SMALLEST = 10
"""People from which the group's mean change has an interval."""
Figures = Mapping[FigureKey, Figure]


class TooSoon(PermanentError):
    """The two cohorts were measured too close together."""

    def __init__(self, months: float, least: int) -> None:
        super().__init__(
            f"the two cohorts closed {months:.1f} months apart; change is told after {least} "
            "(--after-months says otherwise, and the reason should stand beside whatever is made of it)"
        )


@dataclass(frozen=True, slots=True)
class Remeasured:
    """One person's figure at two times."""

    participant: ParticipantId
    earlier: ParticipantId
    compared: Compared


@dataclass(frozen=True, slots=True)
class GroupChange:
    """A figure over everybody who has a change in it, on one basis."""

    key: FigureKey
    basis: str
    verdicts: Mapping[Verdict, int]
    mean: Statistic


def checked_months(earlier: date, later: date, least: int) -> float:
    """Months between two closing days, by the calendar: a year is twelve. Raises TooSoon.

    >>> checked_months(date(2025, 3, 31), date(2026, 3, 31), 12)
    12.0
    """
    months = 12 * (later.year - earlier.year) + later.month - earlier.month + (later.day - earlier.day) / 31
    if months < least:
        raise TooSoon(months, least)
    return months


def remeasured(
    terms: Terms, pairs: Iterable[tuple[ParticipantId, ParticipantId]], before: Mapping[ParticipantId, Figures],
    after: Mapping[ParticipantId, Figures],
) -> Iterator[Remeasured]:  # fmt: skip
    """Every figure that a person has at both times. `pairs`: who is who, (later, earlier)."""
    for participant, earlier in pairs:
        then = before.get(earlier, {})
        for key, figure in after.get(participant, {}).items():
            if key in then:
                yield Remeasured(participant, earlier, terms.compare(then[key], figure))


def group_changes(found: Sequence[Remeasured]) -> list[GroupChange]:
    """One for each figure and basis, in the order in which they come."""
    kinds = dict.fromkeys((each.compared.key, each.compared.basis) for each in found if each.compared.change)
    return [_group(key, basis, found) for key, basis in kinds]


def _group(key: FigureKey, basis: str, found: Sequence[Remeasured]) -> GroupChange:
    changes = [
        each.compared.change
        for each in found
        if each.compared.change and (each.compared.key, each.compared.basis) == (key, basis)
    ]
    apart = np.array([each.change for each in changes])
    mean = mean_of("mean change", apart, "people, in points of the scale", smallest=SMALLEST)
    return GroupChange(key, basis, Counter(each.verdict for each in changes), mean)
