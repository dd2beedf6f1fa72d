"""Strengths and priorities on a plan's first page. Figures whose likely ranges overlap are similar, never ranked."""

from collections.abc import Sequence
from itertools import combinations

from services.reporting.core.documents import Point
from services.reporting.core.english import listed, sentences
from services.reporting.core.goals import Candidate
from services.reporting.core.library import at_share
from services.reporting.core.reading import Reading, Standing, overlap, said
from services.reporting.core.scored import Figure


def strengths(reading: Reading, goals: Sequence[Candidate]) -> tuple[tuple[Point, ...], str]:
    """The highest competencies that are no goal, and how far they can be told apart."""
    taken = {goal.competency for goal in goals}
    free = [s for s in reading.standings() if s.competency.code not in taken]
    best = sorted(free, key=lambda s: (-s.figure.estimate, s.place))[: reading.library.rules.strengths_most]
    if not best:
        return (), reading.words.too_few
    middle = at_share(reading.scale, reading.library.rules.strength_clear)
    points = [_strength(reading, standing, middle) for standing in _in_fair_order(best)]
    return tuple(points), _note(reading, best)


def _strength(reading: Reading, standing: Standing, middle: float) -> Point:
    figure, words = standing.figure, reading.words
    sentence = words.strength_clear if figure.low > middle else words.strength_open
    text = sentence.format(**said(figure))
    return Point(standing.competency.domain, standing.competency.name, text)


def priorities(reading: Reading, goals: Sequence[Candidate]) -> tuple[tuple[Point, ...], str]:
    """What the first goals are about, in the goals' order, and how far they can be told apart."""
    numbered = list(enumerate(goals, 1))[: reading.library.rules.priorities_most]
    points = tuple(
        Point(
            goal.domain,
            goal.name,
            reading.words.priority.format(goal=number, **said(goal.figure)),
        )
        for number, goal in numbered
    )
    by_code = {s.competency.code: s for s in reading.standings()}
    chosen = [by_code[goal.competency] for _, goal in numbered if goal.competency in by_code]
    return points, _note(reading, chosen)


def _in_fair_order(standings: Sequence[Standing]) -> list[Standing]:
    """By the framework's order where they can't be told apart, else by estimate."""
    if _all_overlap([s.figure for s in standings]):
        return sorted(standings, key=lambda s: s.place)
    return list(standings)


def _all_overlap(figures: Sequence[Figure]) -> bool:
    return all(overlap(one, other) for one, other in combinations(figures, 2))


def _note(reading: Reading, chosen: Sequence[Standing]) -> str:
    """Whether the chosen can be told apart from one another, and from those that were not chosen."""
    words, figures = reading.words, [s.figure for s in chosen]
    apart = ""
    if len(figures) > 1 and any(overlap(one, other) for one, other in combinations(figures, 2)):
        apart = words.similar if _all_overlap(figures) else words.partly_similar
    return sentences([apart, _close(reading, chosen)])


def _close(reading: Reading, chosen: Sequence[Standing]) -> str:
    rest = [s for s in reading.standings() if s not in chosen]
    close = [s.competency.name for s in rest if any(overlap(s.figure, other.figure) for other in chosen)]
    if not close:
        return ""
    if len(close) > reading.library.rules.close_most and 2 * len(close) > len(rest):
        return reading.words.close_most
    return reading.words.close.format(names=listed(close))
