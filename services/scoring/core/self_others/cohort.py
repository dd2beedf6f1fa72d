"""Self beside others over a whole cohort: every participant's profile, and what holds for the group in each domain."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.scoring.core.agreement.statistic import Statistic
from services.scoring.core.observations import FigureKey
from services.scoring.core.self_others.comparing import Category, Compared, Others, compared
from services.scoring.core.self_others.surface import SelfOthers, correlation, mean_difference, self_others
from shared.framework import Scale
from shared.ids import ParticipantId
from shared.words import Instrument


@dataclass(frozen=True, slots=True)
class Views:
    """What a result holds of one figure: the participant's own mean and the others' (None where there is none), and
    what the other instruments found, which neither self nor those others had a hand in.
    """

    participant: ParticipantId
    key: FigureKey
    own: float | None
    others: Others | None
    outcomes: Mapping[Instrument, float]


@dataclass(frozen=True, slots=True)
class Profile:
    """One line of one participant's profile."""

    participant: ParticipantId
    key: FigureKey
    compared: Compared


@dataclass(frozen=True, slots=True)
class DomainPicture:
    """The group's picture in one domain: counts by category, self and others over people, surfaces by outcome."""

    domain: str
    categories: Mapping[Category, int]
    correlation: Statistic
    mean_difference: Statistic
    surfaces: Mapping[Instrument, SelfOthers]


def profiles(views: Iterable[Views], scale: Scale) -> list[Profile]:
    """Every figure that has both views, in the order given."""
    return [
        Profile(each.participant, each.key, compared(each.own, each.others, scale))
        for each in views
        if each.own is not None and each.others is not None
    ]


def pictures(views: Sequence[Views], scale: Scale) -> list[DomainPicture]:
    """One for each domain as a whole, in the order in which they come."""
    whole = [
        each for each in views if each.key[1:] == (None, None) and each.own is not None and each.others is not None
    ]
    domains = dict.fromkeys(each.key[0] for each in whole)
    return [_picture(domain, [each for each in whole if each.key[0] == domain], scale) for domain in domains]


def _picture(domain: str, views: Sequence[Views], scale: Scale) -> DomainPicture:
    own = np.array([each.own for each in views], dtype=float)
    others = np.array([each.others.estimate for each in views if each.others], dtype=float)
    midpoint = (scale.minimum + scale.maximum) / 2
    outcomes = [instrument for instrument in Instrument if any(instrument in each.outcomes for each in views)]
    return DomainPicture(
        domain,
        Counter(each.compared.category for each in profiles(views, scale)),
        correlation(own, others),
        mean_difference(own, others),
        {
            instrument: self_others(
                own,
                others,
                np.array([each.outcomes.get(instrument, np.nan) for each in views], dtype=float),
                midpoint=midpoint,
            )
            for instrument in outcomes
        },
    )
