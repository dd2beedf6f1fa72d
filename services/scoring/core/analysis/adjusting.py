"""Whether a participant's estimate may be corrected for who rated, and if not, why: decided before anything is
fitted.
"""

from dataclasses import dataclass

import numpy as np

from services.scoring.core.facets.ratings import Units
from services.scoring.core.facets.subsets import Subsets, subsets_of

ENOUGH_PARTICIPANTS = 30
"""Below, severities are noise (60 simulated cohorts of seven: worse than plain means)."""
MAIN_SHARE = 0.9
"""Of participants that the main subset must hold, for those in it to be adjusted."""
LINKED_RATINGS = 3
"""Participants that a rater must have rated to count as a link."""
LINKED_SHARE = 0.5
"""Of a participant's raters that must be links."""


@dataclass(frozen=True, slots=True)
class Adjusting:
    """`reasons`: of each participant why it is not adjusted, None where it is. `subsets` as found."""

    reasons: tuple[str | None, ...]
    subsets: Subsets

    too_few: bool
    """So few that severities must not even be modelled: raters are then taken apart, and only widen intervals."""


def adjusting(units: Units) -> Adjusting:
    """The decision for each participant of `units`."""
    subsets = subsets_of(units)
    people = len(subsets.of_participants)
    if people < ENOUGH_PARTICIPANTS:
        reason = f"{people} participants: fewer than {ENOUGH_PARTICIPANTS}, severities would be noise"
        return Adjusting((reason,) * people, subsets, too_few=True)
    pairs = np.unique(np.stack([units.participant, units.rater], axis=1), axis=0)
    load = np.bincount(pairs[:, 1])
    if load.max() == 1:
        reason = "every rater rated one participant: severity can't be told from what they saw"
        return Adjusting((reason,) * people, subsets, too_few=False)
    if subsets.sizes[0] < MAIN_SHARE * people:
        reasons = [_apart(int(number) + 1, subsets.count) for number in subsets.of_participants]
        return Adjusting(tuple(reasons), subsets, too_few=False)
    raters = np.bincount(pairs[:, 0], minlength=people)
    links = np.bincount(pairs[:, 0], load[pairs[:, 1]] >= LINKED_RATINGS, people)
    return Adjusting(
        tuple(
            _apart(int(number) + 1, subsets.count)
            if number > 0
            else None
            if of >= LINKED_SHARE * all_
            else f"only {of:.0f} of {all_} raters rated {LINKED_RATINGS} participants or more"
            for number, of, all_ in zip(subsets.of_participants, links, raters, strict=True)
        ),
        subsets,
        too_few=False,
    )


def _apart(number: int, count: int) -> str:
    return f"subset {number} of {count}: no rater links it to the others, compare within it only"
