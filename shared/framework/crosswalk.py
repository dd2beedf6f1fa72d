"""Crosswalks between packs: which domain or competency of one corresponds to which of another. Names and codes only.

A crosswalk carries no statements, so it can be shared where the frameworks' own words may not. It says what people hold
to correspond; it makes no result comparable: whoever answered other statements was asked something else.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from shared.framework.documents import Code, Document, FaultyDocument, Part, Text, parsed, unknown
from shared.framework.pack import FrameworkPack


class Relation(StrEnum):
    """How the first stands to the second; the mapping relations of SKOS (W3C 2009, § 10)."""

    EXACT = "exact"
    CLOSE = "close"
    BROADER = "broader"
    """The second is broader than the first."""
    NARROWER = "narrower"
    """The second is narrower than the first."""
    RELATED = "related"


class PackName(Part):
    """One version of a pack."""

    pack: Code
    version: Code

    @property
    def label(self) -> str:
        """As results name it."""
        return f"{self.pack}/{self.version}"


class End(Part):
    """A domain or a competency, with the name that whoever wrote the crosswalk knew it by."""

    code: Code
    name: Text


class Link(Part):
    """One correspondence."""

    from_: End = Field(alias="from")
    to: End
    relation: Annotated[Relation, Field(strict=False)]


class Crosswalk(Document):
    """Which parts of one pack correspond to which of another."""

    kind: ClassVar[str] = "crosswalk"

    crosswalk: Code
    version: Code
    licence: Text
    from_: PackName = Field(alias="from")
    to: PackName
    links: Annotated[list[Link], Field(min_length=1)]

    @property
    def label(self) -> str:
        """Name and version."""
        return f"{self.crosswalk}/{self.version}"


def read_crosswalk(text: str | bytes, name: str = "the crosswalk") -> Crosswalk:
    """The crosswalk that a file holds. Raises FaultyDocument, with every mistake that shows without the packs."""
    found = parsed(text, Crosswalk, name)
    mistakes = list(_mistakes(found))
    if mistakes:
        raise FaultyDocument(name, mistakes)
    return found


def against(crosswalk: Crosswalk, packs: Sequence[FrameworkPack]) -> tuple[list[str], list[str]]:
    """What does not fit the packs that are known: mistakes; and, as a second list, what could not be looked at."""
    known = {pack.label: pack for pack in packs}
    mistakes: list[str] = []
    unseen = [name.label for name in (crosswalk.from_, crosswalk.to) if name.label not in known]
    for n, link in enumerate(crosswalk.links):
        ends = (("from", link.from_, crosswalk.from_), ("to", link.to, crosswalk.to))
        for side, end, name in ends:
            if name.label in known:
                mistakes += _unfit(f"links[{n}].{side}", end, known[name.label])
    return mistakes, [f"{label} is not known here, so its codes were not looked at" for label in unseen]


def _mistakes(found: Crosswalk) -> Iterator[str]:
    if found.from_ == found.to:
        yield f"to: is {found.to.label}, the same as from"
    first: dict[tuple[str, str], int] = {}
    for n, link in enumerate(found.links):
        earlier = first.setdefault((link.from_.code, link.to.code), n)
        if earlier != n:
            yield f"links[{n}]: {link.from_.code} and {link.to.code} are linked by links[{earlier}] already"


def _unfit(place: str, end: End, pack: FrameworkPack) -> Iterator[str]:
    names = {code: each.name for code, each in pack.domain.items()}
    names |= {code: each.name for code, each in pack.competency.items()}
    if end.code in pack.item:
        yield f"{place}.code: “{end.code}” is an item of {pack.label}; a crosswalk links domains and competencies"
        return
    yield from unknown(f"{place}.code", end.code, names, f"a domain or competency of {pack.label}")
    if end.code in names and names[end.code] != end.name:
        yield f"{place}.name: {end.code} is called “{names[end.code]}” in {pack.label}"
