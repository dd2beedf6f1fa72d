"""Who can be compared with whom: participants and raters whom the plan links, directly or through others."""

from collections.abc import Sequence

import numpy as np

from services.scoring.core.design.assignments import Design
from services.scoring.core.facets.ratings import Ratings, Units, coded, collapsed
from services.scoring.core.facets.subsets import subsets_of
from shared.ids import ParticipantId, RaterId
from shared.words import Instrument

Edge = tuple[ParticipantId, RaterId]


def edges(design: Design, instrument: Instrument, domain: str | None = None) -> list[Edge]:
    """Who rates whom with an instrument (for a domain, if one is named), each pair once, in order."""
    if instrument is Instrument.APPRAISAL_360:
        return sorted({(who, rater) for who, raters in design.others.items() for rater in raters})
    if instrument is Instrument.WRITTEN_ASSESSMENT:
        counts = domain is None or design.criteria_of.get(domain, 0) > 0
        return sorted({(each.participant, each.marker) for each in design.markings}) if counts else []
    showing = None if domain is None else set(design.exercises_of[domain])
    return sorted({(w.participant, w.assessor) for w in design.watches if showing is None or w.exercise in showing})


def units_of(pairs: Sequence[Edge]) -> Units:
    """The plan as the engine sees ratings: one for each pair, participants and raters coded by the order of ids."""
    participant, rater = (coded([pair[side] for pair in pairs])[0] for side in (0, 1))
    nothing = np.zeros(len(pairs), dtype=np.int64)
    return collapsed(Ratings(participant, rater, nothing, nothing, nothing, nothing.astype(np.int8), 1))


def subsets(pairs: Sequence[Edge]) -> list[tuple[tuple[ParticipantId, ...], tuple[RaterId, ...]]]:
    """Participants and raters that are linked, the largest subset first (of equals, the one with the first id).

    >>> [people for people, _ in subsets([("P1", "A"), ("P2", "A"), ("P3", "B")])]
    [('P1', 'P2'), ('P3',)]
    """
    if not pairs:
        return []
    found = subsets_of(units_of(pairs))
    people: list[list[ParticipantId]] = [[] for _ in range(found.count)]
    raters: list[list[RaterId]] = [[] for _ in range(found.count)]
    for who, number in zip(sorted({who for who, _ in pairs}), found.of_participants, strict=True):
        people[number].append(who)
    for who_rates, number in zip(sorted({rater for _, rater in pairs}), found.of_raters, strict=True):
        raters[number].append(who_rates)
    return [(tuple(some), tuple(others)) for some, others in zip(people, raters, strict=True)]
