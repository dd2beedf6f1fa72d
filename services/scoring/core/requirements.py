"""What a cohort asks for about each participant, piece by piece, and doing without one of them by a waiver.

A waiver lets a participant be scored on reduced evidence. It adds nothing: what is there counts as it is, within the
rules of disclosure. Neighbour: `completeness` says what is missing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz.process import extractOne

from shared.errors import PermanentError
from shared.words import Instrument


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that is asked for. `element`: a relationship, an exercise or a criterion, by its code."""

    instrument: Instrument
    element: str


@dataclass(frozen=True, slots=True)
class Lack:
    """A requirement that is not met. `who` is what it is called, `needs` how much of it is there or must still come.

    >>> print(Lack(Requirement(Instrument.APPRAISAL_360, "direct_report"), "direct reports", "1 of 3"))
    360 appraisal: direct reports: 1 of 3
    """

    requirement: Requirement
    who: str
    needs: str

    @property
    def name(self) -> str:
        """How people name the requirement, such as "360 appraisal: direct reports". It tells no count."""
        return f"{self.requirement.instrument.label}: {self.who}"

    def __str__(self) -> str:
        """The lack in words that a coordinator can act on."""
        return f"{self.name}: {self.needs}"


Waived = frozenset[Requirement]
NOTHING: Waived = frozenset()


class NotMissing(PermanentError):
    """A requirement was to be waived that is not missing, or is called otherwise."""

    def __init__(self, participant: str, named: str, lacking: Iterable[Lack]) -> None:
        found = list(lacking)
        names = {lack.name.casefold(): lack.name for lack in found}
        near = extractOne(named.casefold(), list(names), score_cutoff=70)
        hint = f"; did you mean “{names[near[0]]}”?" if near else "."
        there = "\n".join(f"  {lack}" for lack in found) or "  nothing"
        super().__init__(
            f"{participant}: “{printable(named)}” is not missing{hint} What is missing, to be named as it stands here:"
            f"\n{there}"
        )


def named(participant: str, text: str, lacking: Iterable[Lack]) -> Lack:
    """The lack that a person names: by its name, with or without its count, capital letters or not.

    Raises NotMissing, with all that is missing.
    """
    found = list(lacking)
    said = " ".join(text.split()).casefold()
    for lack in found:
        if said in {lack.name.casefold(), str(lack).casefold()}:
            return lack
    raise NotMissing(participant, text, found)


def printable(text: str) -> str:
    """What somebody typed, as a message may show it: in one line, cut at 80 signs."""
    shown = "".join(sign if sign.isprintable() else "�" for sign in text)
    return shown if len(shown) <= 80 else f"{shown[:79]}…"
