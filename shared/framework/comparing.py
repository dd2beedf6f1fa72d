"""Two versions of a pack: what changed, and which results of the old one may be compared with those of the new.

The rule is strict, because a change of score must not be a change of question: a domain, facet or competency stays
comparable only while raters answer the very same statements for it on the very same scale. Other capitals, spaces and
punctuation are the same words. Assessors rate competencies by name, so another name is another question too. Names of
domains, the order of rows and the licence are read by nobody who rates.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.framework.pack import Competency, FrameworkPack, Item
from shared.words import Facet

Place = tuple[str, Facet | None]
"""A domain as a whole, or one facet of it."""


class Kind(StrEnum):
    """What sort of change."""

    OTHER_PACK = "other pack"
    SCALE = "scale"
    LICENCE = "licence"
    ORDER = "order"
    SPELLING = "spelling"
    NAME = "name"
    WORDING = "wording"
    FACET = "facet"
    MOVED = "moved"
    NEW = "new"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One change in words, and the places and competencies whose results it keeps from being compared."""

    kind: Kind
    words: str
    breaks: frozenset[Place] = frozenset()
    competencies: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that changed between two versions, and what of the old one's results stays comparable."""

    old: str
    new: str
    changes: tuple[Change, ...]
    places: Mapping[Place, tuple[Change, ...]]
    """Every domain and facet of either version that has items → what breaks it; nothing: comparable."""
    competencies: Mapping[str, tuple[Change, ...]]

    def comparable(self, domain: str, facet: Facet | None = None, competency: str | None = None) -> bool:
        """Whether past results of a domain, a facet of it, or a competency in it may be compared with new ones."""
        if competency is not None:
            return competency in self.competencies and not self.competencies[competency]
        return (domain, facet) in self.places and not self.places[domain, facet]


def compared(old: FrameworkPack, new: FrameworkPack) -> Comparison:
    """What became of `old`. Packs of two names have nothing comparable: a crosswalk says what corresponds, no more."""
    everywhere, everything = frozenset((*_places(old), *_places(new))), frozenset((*old.competency, *new.competency))
    changes = tuple(_changes(old, new, everywhere, everything))
    places = sorted(everywhere, key=lambda place: (_order(old, new).index(place[0]), _rank(place[1])))
    return Comparison(
        old.label,
        new.label,
        changes,
        {place: tuple(each for each in changes if place in each.breaks) for place in places},
        {
            code: tuple(each for each in changes if code in each.competencies)
            for code in dict.fromkeys((*old.competency, *new.competency))
        },
    )


def _changes(
    old: FrameworkPack, new: FrameworkPack, everywhere: frozenset[Place], everything: frozenset[str]
) -> Iterator[Change]:
    if old.pack != new.pack:
        words = f"{old.label} and {new.label} are two frameworks; a crosswalk may say what corresponds"
        yield Change(Kind.OTHER_PACK, words, everywhere, everything)
    if old.scale != new.scale:
        yield Change(Kind.SCALE, f"scale: {_ends(old)}, now {_ends(new)}", everywhere, everything)
    if old.licence != new.licence:
        yield Change(Kind.LICENCE, f"licence: {old.licence}, now {new.licence}")
    yield from _domains(old, new)
    yield from _competencies(old, new)
    yield from _items(old, new)
    was, now = ([*pack.domain, *pack.competency, *pack.item] for pack in (old, new))
    if was != now and sorted(was) == sorted(now):
        yield Change(Kind.ORDER, "the order of the rows changed")


def _domains(old: FrameworkPack, new: FrameworkPack) -> Iterator[Change]:
    for code in sorted(old.domain.keys() ^ new.domain.keys()):
        kind = Kind.REMOVED if code in old.domain else Kind.NEW
        yield Change(kind, f"{code}: {_verb(kind)} domain", frozenset(_places_of(code)))
    for code, domain in old.domain.items():
        if code in new.domain and domain.name != new.domain[code].name:
            yield Change(Kind.NAME, f"{code}: domain “{domain.name}”, now “{new.domain[code].name}”")


def _competencies(old: FrameworkPack, new: FrameworkPack) -> Iterator[Change]:
    for code in sorted(old.competency.keys() | new.competency.keys()):
        before, after = old.competency.get(code), new.competency.get(code)
        if before is None or after is None:
            kind, pack = (Kind.NEW, new) if before is None else (Kind.REMOVED, old)
            yield _of_competency(kind, f"{code}: {_verb(kind)} competency", pack, code)
            continue
        if before.domain != after.domain:
            touched = frozenset((*_places_of(before.domain), *_places_of(after.domain)))
            words = f"{code}: competency moved from {before.domain} to {after.domain}"
            yield Change(Kind.MOVED, words, touched)
        if before.name != after.name:
            yield _renamed(before, after)


def _renamed(before: Competency, after: Competency) -> Change:
    words = f"{before.code}: competency “{before.name}”, now “{after.name}”"
    if _same_words(before.name, after.name):
        return Change(Kind.SPELLING, words)
    touched = frozenset((*_places_of(before.domain), *_places_of(after.domain)))
    return Change(Kind.NAME, f"{words}; assessors rate it by name", touched, frozenset({before.code}))


def _items(old: FrameworkPack, new: FrameworkPack) -> Iterator[Change]:
    for code in sorted(old.item.keys() | new.item.keys()):
        before, after = old.item.get(code), new.item.get(code)
        if before is not None and after is not None:
            yield from _changed(old, new, before, after)
        elif before is not None:
            yield Change(
                Kind.REMOVED, f"{code}: removed item", frozenset(_reach(old, before)), frozenset({before.competency})
            )
        elif after is not None:
            yield Change(Kind.NEW, f"{code}: new item", frozenset(_reach(new, after)), frozenset({after.competency}))


def _changed(old: FrameworkPack, new: FrameworkPack, before: Item, after: Item) -> Iterator[Change]:
    both = frozenset((*_reach(old, before), *_reach(new, after)))
    competencies = frozenset({before.competency, after.competency})
    if before.statement != after.statement:
        words = f"{before.code}: “{before.statement}”, now “{after.statement}”"
        if _same_words(before.statement, after.statement):
            yield Change(Kind.SPELLING, words)
        else:
            yield Change(Kind.WORDING, words, both, competencies)
    if before.facet is not after.facet:
        facets = {(old.domain_of(before.competency), before.facet), (new.domain_of(after.competency), after.facet)}
        yield Change(Kind.FACET, f"{before.code}: {before.facet}, now {after.facet}", frozenset(facets))
    if before.competency != after.competency:
        was, now = old.domain_of(before.competency), new.domain_of(after.competency)
        words = f"{before.code}: moved from {before.competency} to {after.competency}"
        yield Change(Kind.MOVED, words, both if was != now else frozenset(), competencies)


def _of_competency(kind: Kind, words: str, pack: FrameworkPack, code: str) -> Change:
    """A competency that came or went: assessors rate one more or one less, whatever its items."""
    return Change(kind, words, frozenset(_places_of(pack.domain_of(code))), frozenset({code}))


def _reach(pack: FrameworkPack, item: Item) -> tuple[Place, Place]:
    domain = pack.domain_of(item.competency)
    return (domain, None), (domain, item.facet)


def _places(pack: FrameworkPack) -> Iterator[Place]:
    for domain in pack.domains:
        yield from _places_of(domain.code)


def _places_of(domain: str) -> Iterator[Place]:
    yield domain, None
    for facet in Facet:
        yield domain, facet


def _order(old: FrameworkPack, new: FrameworkPack) -> list[str]:
    return list(dict.fromkeys((*new.domain, *old.domain)))


def _rank(facet: Facet | None) -> int:
    return 0 if facet is None else 1 + list(Facet).index(facet)


def _ends(pack: FrameworkPack) -> str:
    return f"{pack.scale.minimum:g} to {pack.scale.maximum:g}"


def _verb(kind: Kind) -> str:
    return "a new" if kind is Kind.NEW else "removed"


def _same_words(one: str, other: str) -> bool:
    """Whether two texts differ in capitals, spaces and punctuation only.

    >>> _same_words("Keeps promises; always", "keeps  promises, always"), _same_words("Keeps", "Keeps not")
    (True, False)
    >>> _same_words("at most ≤ 3", "at most ≥ 3")
    False
    """
    return _words(one) == _words(other)


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(" " if unicodedata.category(sign)[0] in "PZ" else sign for sign in plain).split()
