"""Proposes who watches whom. Always the same for the same people: no chance is in it.

In the order of what matters: nobody watches a participant of their own organisation; nobody watches more than others
where that can be avoided; a participant is seen by as many different assessors as there are places; the same two meet
as rarely as can be; and all participants are linked, as a whole and in each domain, so that severity can be told apart.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from services.scoring.core.design.assignments import Design, Watch
from services.scoring.core.design.linking import edges, subsets
from shared.errors import PermanentError
from shared.ids import ParticipantId, RaterId
from shared.words import Instrument

TRIES = 500
"""Exchanges that are looked at when subsets are to be linked."""


class NoRota(PermanentError):
    """No rota can be proposed: there is no day, or too few assessors may watch somebody."""


def proposed(design: Design) -> Design:
    """The same cohort with a rota for every participant and exercise. Raises NoRota."""
    day = design.definition.evidence.development_day
    if day is None:
        raise NoRota("the cohort has no development day, so there is no rota to propose")
    allowed = _allowed(design, day.assessors)
    plan = _dealt(design, allowed, day.exercises, day.assessors)
    _evened(plan, allowed)
    _linked(design, plan, allowed)
    return replace(design, watches=tuple(sorted(plan.watches())))


def _allowed(design: Design, needed: int) -> dict[ParticipantId, tuple[RaterId, ...]]:
    """Who may watch each participant: not those of the same organisation, where both are known."""
    may = {
        who: tuple(each for each in sorted(design.assessors) if design.assessors[each] != organisation)
        for who, organisation in sorted(design.participants.items())
    }
    short = [who for who, some in may.items() if len(some) < needed]
    if short:
        few = ", ".join(short[:10]) + (f" and {len(short) - 10} more" if len(short) > 10 else "")
        raise NoRota(f"each exercise needs {needed} assessors from elsewhere, and fewer are listed for {few}")
    return may


class _Plan:
    """A rota in the making: cells (participant, exercise) and who is in each, with the counts that follow."""

    def __init__(self, assessors: Sequence[RaterId]) -> None:
        self.cells: dict[tuple[ParticipantId, str], list[RaterId]] = {}
        self.load: dict[RaterId, int] = dict.fromkeys(assessors, 0)
        self.seen: Counter[tuple[RaterId, ParticipantId]] = Counter()
        self.met: Counter[tuple[RaterId, RaterId]] = Counter()

    def add(self, who: ParticipantId, exercise: str, assessor: RaterId) -> None:
        cell = self.cells.setdefault((who, exercise), [])
        for other in cell:
            self.met[other, assessor] += 1
            self.met[assessor, other] += 1
        cell.append(assessor)
        self.load[assessor] += 1
        self.seen[assessor, who] += 1

    def exchange(self, who: ParticipantId, exercise: str, old: RaterId, new: RaterId) -> None:
        cell = self.cells[who, exercise]
        cell[cell.index(old)] = new
        self.load[old] -= 1
        self.load[new] += 1
        self.seen[old, who] -= 1
        self.seen[new, who] += 1

    def watches(self) -> Iterator[Watch]:
        for (who, exercise), cell in self.cells.items():
            yield from (Watch(who, exercise, assessor) for assessor in cell)


def _dealt(
    design: Design, allowed: dict[ParticipantId, tuple[RaterId, ...]], exercises: Sequence[str], needed: int
) -> _Plan:
    plan = _Plan(sorted(design.assessors))
    for turn, (who, some) in enumerate(allowed.items()):
        place = {assessor: (n - turn) % len(some) for n, assessor in enumerate(some)}
        for exercise in exercises:
            for _ in range(needed):
                there = plan.cells.get((who, exercise), [])
                best = min(
                    (each for each in some if each not in there),
                    key=lambda each: (
                        plan.seen[each, who],
                        plan.load[each],
                        sum(plan.met[each, other] for other in there),
                        place[each],
                    ),
                )
                plan.add(who, exercise, best)
    return plan


def _evened(plan: _Plan, allowed: dict[ParticipantId, tuple[RaterId, ...]]) -> None:
    """Pass watches from who has most to who has least, until nobody has two more than somebody who could take one."""
    of: dict[RaterId, set[tuple[ParticipantId, str]]] = defaultdict(set)
    for cell, some in plan.cells.items():
        for assessor in some:
            of[assessor].add(cell)
    while (move := _next_move(plan, allowed, of)) is not None:
        cell, old, new = move
        plan.exchange(*cell, old, new)
        of[old].remove(cell)
        of[new].add(cell)


def _next_move(
    plan: _Plan, allowed: dict[ParticipantId, tuple[RaterId, ...]], of: dict[RaterId, set[tuple[ParticipantId, str]]]
) -> tuple[tuple[ParticipantId, str], RaterId, RaterId] | None:
    by_load = sorted(plan.load, key=lambda each: (plan.load[each], each))
    for old in reversed(by_load):
        for new in by_load:
            if plan.load[old] - plan.load[new] < 2:
                break
            free = [cell for cell in of[old] if new in allowed[cell[0]] and new not in plan.cells[cell]]
            if free:
                return min(free, key=lambda cell: (plan.seen[new, cell[0]], cell)), old, new
    return None


def _linked(design: Design, plan: _Plan, allowed: dict[ParticipantId, tuple[RaterId, ...]]) -> None:
    """Exchange two assessors of one exercise, which changes nobody's load, wherever that leaves fewer subsets."""
    now = _subsets(design, plan)
    for _ in range(len(plan.cells)):
        if now <= _fewest(design):
            return
        better = _better(design, plan, allowed, now)
        if better is None:
            return
        now = better


def _better(design: Design, plan: _Plan, allowed: dict[ParticipantId, tuple[RaterId, ...]], now: int) -> int | None:
    for (one, a, other, b, exercise), _ in zip(_exchanges(design, plan, allowed), range(TRIES), strict=False):
        _swapped(plan, one, a, other, b, exercise)
        after = _subsets(design, plan)
        if after < now:
            return after
        _swapped(plan, one, b, other, a, exercise)
    return None


def _swapped(plan: _Plan, one: ParticipantId, a: RaterId, other: ParticipantId, b: RaterId, exercise: str) -> None:
    plan.exchange(one, exercise, a, b)
    plan.exchange(other, exercise, b, a)


def _exchanges(
    design: Design, plan: _Plan, allowed: dict[ParticipantId, tuple[RaterId, ...]]
) -> Iterator[tuple[ParticipantId, RaterId, ParticipantId, RaterId, str]]:
    """Assessors of two subsets (of the whole, or of a domain) who could take each other's place."""
    for domain in (None, *design.exercises_of):
        found = subsets(edges(replace(design, watches=tuple(plan.watches())), Instrument.DEVELOPMENT_DAY, domain))
        home = {who: n for n, (people, _) in enumerate(found) for who in people}
        showing = None if domain is None else design.exercises_of[domain]
        cells = [cell for cell in plan.cells if cell[0] in home and (showing is None or cell[1] in showing)]
        for one, exercise in cells:
            for other, same in cells:
                if exercise == same and home[one] < home[other]:
                    for a in tuple(plan.cells[one, exercise]):
                        for b in tuple(plan.cells[other, exercise]):
                            fits = a in allowed[other] and b in allowed[one]
                            if fits and a not in plan.cells[other, exercise] and b not in plan.cells[one, exercise]:
                                yield one, a, other, b, exercise


def _subsets(design: Design, plan: _Plan) -> int:
    """Subsets in all: of the day as a whole, and of each domain that it shows."""
    drafted = replace(design, watches=tuple(plan.watches()))
    return sum(
        len(subsets(edges(drafted, Instrument.DEVELOPMENT_DAY, domain)))
        for domain in (None, *(code for code, some in design.exercises_of.items() if some))
    )


def _fewest(design: Design) -> int:
    return 1 + sum(bool(some) for some in design.exercises_of.values())
