"""A form as its survey tool has it: what is asked, and what may be answered. The mapping is drafted from it.

A tool's API may give it whole (`Vendor.define`), a delivery may carry parts of it beside the answers (`Vendor.forms`);
what neither says is taken from the answers themselves (`mapping.seen`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Asks(StrEnum):
    """What kind of answer a question wants, as far as the tool says it."""

    ANYTHING = "anything"
    CHOICE = "choice"
    TEXT = "text"
    HIDDEN = "hidden"
    """Nobody is asked: the link carries it."""


@dataclass(frozen=True, slots=True)
class Option:
    """One of the answers that may be chosen: what the tool sends for it, and what people read."""

    sent: str
    label: str


@dataclass(frozen=True, slots=True)
class Question:
    """One field of a form. `given` are answers that arrived, for those who match values; they are never shown."""

    ref: str
    title: str = ""
    asks: Asks = Asks.ANYTHING
    options: tuple[Option, ...] = ()
    whole: bool = False
    """Whether these are all options there are."""
    given: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of one form, in its order."""

    form_id: str
    questions: tuple[Question, ...] = ()


def choices(ref: str, title: str, options: Iterable[tuple[str, str]]) -> Question:
    """A question with options, each (what is sent, what people read); without any, of no known kind."""
    there = tuple(Option(sent, label) for sent, label in options if sent)
    return Question(ref, title, Asks.CHOICE if there else Asks.ANYTHING, there, whole=bool(there))
