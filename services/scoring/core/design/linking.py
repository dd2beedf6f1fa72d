"""Who can be compared with whom: participants and raters whom the plan links, directly or through others."""

from collections.abc import Hashable, Iterable, Mapping
from itertools import chain
from typing import TypeVar

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from services.scoring.core.design.assignments import Design
from shared.ids import ParticipantId, RaterId
from shared.words import Instrument

R = TypeVar("R", bound=Hashable)
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


def subsets(pairs: Iterable[Edge]) -> list[tuple[tuple[ParticipantId, ...], tuple[RaterId, ...]]]:
    """Participants and raters that are linked, the largest subset first (of equals, the one with the first id).

    >>> [people for people, _ in subsets([("P1", "A"), ("P2", "A"), ("P3", "B")])]
    [('P1', 'P2'), ('P3',)]
    """
    found = list(pairs)
    people, raters = (list(dict.fromkeys(sorted(side))) for side in zip(*found, strict=True)) if found else ([], [])
    place, seat = _numbered(people), _numbered(raters)
    rows = np.array([place[who] for who, _ in found], dtype=np.int64)
    columns = np.array([len(people) + seat[rater] for _, rater in found], dtype=np.int64)
    size = len(people) + len(raters)
    graph = sparse.coo_matrix((np.ones(len(found), np.int8), (rows, columns)), shape=(size, size))
    count, label = connected_components(graph.tocsr(), directed=False) if found else (0, np.empty(0, np.int64))
    groups: list[tuple[list[ParticipantId], list[RaterId]]] = [([], []) for _ in range(count)]
    for which, node in zip(label, chain(people, raters), strict=True):
        groups[which][0 if node in place else 1].append(node)
    return sorted(((tuple(p), tuple(r)) for p, r in groups), key=lambda each: (-len(each[0]), each[0][:1]))


def _numbered(names: Iterable[R]) -> Mapping[R, int]:
    return {name: number for number, name in enumerate(names)}
