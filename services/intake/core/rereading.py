"""Reading a submission again, after what it means has changed: which statements no longer stand, and what counts now.

Nothing is forgotten. A statement that was read otherwise before stays in the history and stands no longer; the new one
is said right after it (`STEP`), so it counts in its place and yields to whatever was said later. If the newest of a
person's statements turns out to be somebody else's, the one before counts again: it is repeated after the one that was
withdrawn. So whoever only knows "of two pieces the later counts" comes to the right end.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.intake.core.evidence import EvidenceKey, Said, newest, occasions

STEP = timedelta(microseconds=1)
"""What lies between a statement and the one that takes its place: less than between any two responses."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How much stands: ratings that were given, and those that say "not observed"."""

    given: int = 0
    not_observed: int = 0


@dataclass(frozen=True, slots=True)
class Revision:
    """What another reading of a submission adds to its history, and what of it stands no longer."""

    said: tuple[Said, ...] = ()
    fallen: tuple[Said, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is said otherwise."""
        return bool(self.said or self.fallen)

    def amounts(self, before: Sequence[Said]) -> tuple[dict[str, Amount], dict[str, Amount]]:
        """How much the submission said about each participant concerned, before and after."""
        was = [each for each in before if each.standing]
        now = [*(each for each in was if each not in self.fallen), *self.said]
        concerned = {each.evidence.participant for each in (*self.said, *self.fallen)}
        return _amounts(was, concerned), _amounts(now, concerned)


def revised(before: Sequence[Said], now: Sequence[Said], *, whole: bool) -> Revision:
    """What follows from reading a submission again. `before`: all it ever said. `whole`: it could be read to the end,
    so what it does not say any more is withdrawn; otherwise that stays as it was read.
    """
    was, says = _by_key(before), _by_key(now)
    added: list[Said] = []
    fallen: list[Said] = []
    for key in sorted({*was, *says}):
        new, old = says.get(key, []), was.get(key, [])
        kept = {_content(each) for each in new}
        if new or whole:
            fallen += [each for each in old if each.standing and _content(each) not in kept]
        added += _added(old, new)
    return Revision(tuple(added), tuple(fallen))


def _added(old: Sequence[Said], new: Sequence[Said]) -> Iterable[Said]:
    if not old or not new:
        return new
    last = max(new, key=_place)
    if any(each.standing and _content(each) == _content(last) for each in old):
        return ()
    return (replace(last, as_of=max(last.as_of, max(each.as_of for each in old) + STEP)),)


def add(history: list[Said], said: Iterable[Said]) -> list[Said]:
    """Add statements to the history of their key. Gives those that are new in it, with the moment at which they are
    noted: one that takes the place of another shares it with nothing, so that which counts is never a matter of chance.
    """
    known = {(each.submission, each.as_of) for each in history}
    new: list[Said] = []
    for each in said:
        if (each.submission, each.as_of) in known:
            continue
        placed = each
        while placed.as_of != placed.evidence.submitted_at and any(placed.as_of == other.as_of for other in history):
            placed = replace(placed, as_of=placed.as_of + STEP)
        history.append(placed)
        new.append(placed)
    return new


def restated(history: Sequence[Said]) -> Said | None:
    """What must be said once more under a key so that what stands counts; None if it counts already."""
    top = newest(occasions(history)).said
    right = _standing(history) or replace(top, evidence=replace(top.evidence, ratings={}))
    if _content(right) == _content(top):
        return None
    return Said(right.submission, max(each.as_of for each in history) + STEP, right.evidence, standing=False)


def _standing(history: Sequence[Said]) -> Said | None:
    """The statement that should count: of those that stand the one that was submitted last; where that is not known,
    that arrived last.
    """
    arrived: dict[str, datetime] = {}
    for each in history:
        arrived[each.submission] = min(each.as_of, arrived.get(each.submission, each.as_of))

    def place(said: Said) -> tuple[datetime, datetime, str]:
        return (said.evidence.submitted_at or arrived[said.submission], said.as_of, _content(said))

    return max((each for each in history if each.standing), key=place, default=None)


def _content(said: Said) -> str:
    return said.evidence.evidence_id()


def _place(said: Said) -> tuple[datetime, str]:
    return (said.as_of, _content(said))


def _by_key(history: Iterable[Said]) -> dict[EvidenceKey, list[Said]]:
    found: dict[EvidenceKey, list[Said]] = defaultdict(list)
    for each in history:
        found[each.evidence.key].append(each)
    return found


def _amounts(standing: Iterable[Said], concerned: Collection[str]) -> dict[str, Amount]:
    """Of each key, what its last statement holds; by participant."""
    found: dict[str, list[float | None]] = {participant: [] for participant in sorted(concerned)}
    for key, each in _by_key(standing).items():
        if key.participant in found:
            found[key.participant] += max(each, key=_place).evidence.ratings.values()
    return {
        participant: Amount(sum(value is not None for value in values), sum(value is None for value in values))
        for participant, values in found.items()
    }
