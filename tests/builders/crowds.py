"""Whole cohorts drawn from a known truth, as they come: a 360 appraisal by groups of raters from organisations' pools,
a development day by assessors of a pool, scripts by markers; with halo, method and exercise effects, holes, and raters
who don't look. The size of each effect is the world's, that of a pool the layout's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.facets.items import probabilities
from services.scoring.core.facets.ratings import Ratings

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]
STEPS = np.array([-2.1, -0.9, 0.5, 2.5])
LENIENCY = 0.9


@dataclass(frozen=True, slots=True)
class World:
    """Standard deviations in logits, and shares."""

    severity: float = 0.5
    halo: float = 0.67
    method: float = 0.3
    exercise: float = 0.6
    careless: float = 0.02
    missing: float = 0.1
    unseen: float = 0.07


USUAL = World()
"""One rater agrees with another at about ICC(1) = .5."""
LITERATURE = World(severity=0.8, halo=1.456, method=0.4)
"""ICC(1) = .25: what published 360 appraisals have."""
CLEAN = World(halo=0.0, method=0.0, careless=0.0, missing=0.0, unseen=0.0)
PANEL_WORLD = World(severity=0.7, halo=0.6, method=0.0, careless=0.0, missing=0.0, unseen=0.0)
REAL = World(halo=0.6, missing=0.0, unseen=0.0)
"""Complete ratings, for measures of speed and recovery."""


@dataclass(frozen=True, slots=True)
class Group:
    """`each`: raters of a participant; `load`: participants of a rater; `own`: from pools of each organisation."""

    each: int
    load: float
    shift: float = 0.0
    own: bool = True


@dataclass(frozen=True, slots=True)
class Layout:
    """A source: its groups of raters, exercises (each group once in each) and items of an exercise."""

    groups: tuple[Group, ...]
    items: int
    exercises: int = 1


LOAD, LINKS, ORGANISATION = 4.0, 0.05, 100
APPRAISAL = Layout((Group(1, LOAD, 0.1), Group(3, LOAD, -0.15), Group(4, LOAD, -0.25), Group(3, LOAD)), 12)
TWELVE = Layout((Group(1, LOAD, 0.1), Group(4, LOAD, -0.15), Group(4, LOAD, -0.25), Group(3, LOAD)), 36)
SPARSE = Layout((Group(1, 3.2, 0.1), Group(4, 3.2, -0.15), Group(4, 3.2, -0.25), Group(3, 3.2)), 36)
"""The same with more raters, of fewer participants each."""
DAY = Layout((Group(2, 12.0, 0.3, own=False),), 3, exercises=4)
SCRIPTS = Layout((Group(2, 40.0, 0.15, own=False),), 2)
PANEL = Layout((Group(3, 22.0, own=False),), 36)
CROSSED = Layout((Group(12, 1e9, own=False),), 36)
SOURCES = {"360": APPRAISAL, "day": DAY, "written": SCRIPTS}


@dataclass(frozen=True, slots=True)
class Crowd:
    """Ratings of one source, and where each of its participants stands in it; both centred at nothing."""

    ratings: Ratings
    place: Vector
    """What is shared by sources, and what only this one sees."""
    severity: Vector
    halo: float


def a_cohort(people: int, world: World = USUAL, *, seed: int) -> tuple[Vector, dict[str, Crowd]]:
    """Three sources of one domain, and what they share."""
    chance = np.random.default_rng(seed)
    shared = chance.normal(size=people)
    return shared, {name: a_crowd(shared, layout, world, chance) for name, layout in SOURCES.items()}


def a_crowd(shared: Vector, layout: Layout, world: World, chance: np.random.Generator) -> Crowd:
    """One source."""
    people = len(shared)
    place = shared + chance.normal(scale=world.method, size=people)
    who, whom, group, exercise = (np.concatenate(each) for each in zip(*_units(people, layout, chance), strict=True))
    severity = chance.normal(scale=world.severity, size=int(whom.max()) + 1)
    shown = chance.normal(scale=world.exercise, size=(people, layout.exercises)) * (layout.exercises > 1)
    shift = np.array([each.shift for each in layout.groups])
    psi = place[who] + LENIENCY - severity[whom] - shift[group] + shown[who, exercise]
    psi += chance.normal(scale=world.halo, size=len(who)) if world.halo else 0.0
    score = _answers(psi, layout, exercise, chance)
    blind = np.where(chance.random(len(severity)) < 0.5, 4, chance.integers(0, 4, size=len(severity)))
    looked = chance.random(len(severity)) >= world.careless
    score = np.where(looked[whom][:, None], score, blind[whom][:, None]).astype(np.int64)
    there = (chance.random(len(who)) >= world.missing)[:, None] & (chance.random(score.shape) >= world.unseen)
    unit, item = np.nonzero(there)
    item_code = item + layout.items * exercise[unit]
    ratings = Ratings(who[unit], whom[unit], item_code, exercise[unit], group[unit], score[there], len(STEPS))
    return Crowd(ratings, place, severity, world.halo)


def _units(people: int, layout: Layout, chance: np.random.Generator) -> Iterator[tuple[Codes, Codes, Codes, Codes]]:
    """Who, by whom, of which group, in which exercise."""
    first = 0
    for number, group in enumerate(layout.groups):
        size = ceil(people / ORGANISATION) if group.own else 1
        organisation = np.arange(people) % size
        pool = max(group.each + (layout.exercises > 1), ceil(people / size * group.each / group.load))
        for exercise in range(layout.exercises):
            start = chance.integers(pool, size=people)
            places = (start[:, None] + np.arange(group.each)) % pool
            own = (
                first
                + organisation[:, None] * pool
                + np.array([chance.permutation(pool) for _ in range(size)])[organisation[:, None], places]
            )
            whom = np.where(
                chance.random(own.shape) < LINKS * (size > 1), first + chance.integers(size * pool, size=own.shape), own
            )
            ordered = np.sort(whom, axis=1)
            twice = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
            whom[twice] = own[twice]
            who = np.repeat(np.arange(people), group.each)
            yield who, whom.ravel(), np.full(len(who), number), np.full(len(who), exercise)
        first += size * pool


def _answers(psi: Vector, layout: Layout, exercise: Codes, chance: np.random.Generator) -> Codes:
    """Units × items."""
    items = layout.items * layout.exercises
    difficulty = chance.normal(scale=0.4, size=items)
    steps = (difficulty - difficulty.mean())[:, None] + STEPS + chance.normal(scale=0.2, size=(items, len(STEPS)))
    cumulative = np.concatenate([np.zeros((items, 1)), np.cumsum(steps, axis=1)], axis=1)
    score = np.empty((len(psi), layout.items), dtype=np.int64)
    for each in range(layout.exercises):
        rows = np.nonzero(exercise == each)[0]
        own = cumulative[each * layout.items : (each + 1) * layout.items]
        for part in np.array_split(rows, max(1, len(rows) // 5_000)):
            chances = np.cumsum(probabilities(psi[part], own), axis=2).transpose(1, 0, 2)[:, :, :-1]
            score[part] = (chance.random((len(part), layout.items, 1)) > chances).sum(axis=2)
    return score
