"""Generalizability: how far a mean over these items and raters stands for what others would have given, and what more
of each would bring (Brennan 2001, Generalizability Theory).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod, sqrt

from services.scoring.core.agreement.components import Components

PERSON = "person"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a design with these numbers of conditions would give. `g`: for comparing people; `phi`: for what a person's
    figure itself means; `sem_relative`, `sem_absolute`: the standard errors that belong to them, in the ratings' unit.
    """

    conditions: Mapping[str, int]
    g: float
    phi: float
    sem_relative: float
    sem_absolute: float


def decision(components: Components, facets: Mapping[str, Sequence[str]], conditions: Mapping[str, int]) -> Decision:
    """The D-study of a design. `facets`: of which facets each effect but the person consists, such as `{"item":
    ["item"], "person:rater": ["person", "rater"], "residual": ["person", "item", "rater"]}`; `conditions`: how many of
    each facet.

    An effect's variance is divided by the conditions it is averaged over; those that the person takes part in make the
    relative error, all of them the absolute one.
    """
    people = components[PERSON]
    relative = absolute = 0.0
    for effect, parts in facets.items():
        share = components[effect] / prod(conditions[part] for part in parts if part != PERSON)
        absolute += share
        relative += share if PERSON in parts else 0.0
    return Decision(
        dict(conditions),
        g=people / (people + relative) if people > 0 else 0.0,
        phi=people / (people + absolute) if people > 0 else 0.0,
        sem_relative=sqrt(relative),
        sem_absolute=sqrt(absolute),
    )
