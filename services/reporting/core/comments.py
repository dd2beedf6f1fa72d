"""Comments in a plan: whose may be shown, in an order that tells nothing, with raters' names taken out."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.reporting.core.disclosure import Screen
from services.reporting.core.documents import CommentTheme
from services.reporting.core.english import capitalised, clean, one_line
from services.reporting.core.scored import Scored, Written
from shared.ids import RaterId
from shared.words import Relationship

MASK = "[name]"


@dataclass(frozen=True, slots=True)
class Names:
    """Names that comments may hold: those of raters are masked, what the participant is called is not."""

    raters: tuple[str, ...] = ()
    participant: tuple[str, ...] = ()


def comment_themes(
    written: Sequence[Written], scored: Scored, screen: Screen, titles: Mapping[str, str], names: Names, seed: str
) -> tuple[CommentTheme, ...]:
    """What may be shown of what was written, by what the form asked.

    Only comments that came with this result's evidence; of raters only those whose group is in its figures, and none
    if these raters are too few. Equal texts are shown once. `seed` settles the order, whatever order they came in.
    """
    visible, mask = _visible(scored), masking(names)
    own: dict[str, set[str]] = {}
    quotes: dict[str, set[str]] = {}
    for comment in written:
        relationship = visible.get((comment.rater, comment.evidence))
        text = clean(comment.text)
        if relationship is Relationship.SELF and text:
            own.setdefault(comment.kind, set()).add(text)
        elif relationship is not None and text and screen.may_quote:
            quotes.setdefault(comment.kind, set()).add(mask(text))
    return tuple(
        CommentTheme(
            title=one_line(titles.get(kind, capitalised(kind.replace("_", " ")))),
            quotes=_shuffled(quotes.get(kind, ()), seed),
            own=_shuffled(own.get(kind, ()), seed),
        )
        for kind in _in_order({*own, *quotes}, titles)
    )


def any_of_raters(written: Sequence[Written], scored: Scored) -> bool:
    """Whether a rater other than self wrote something that belongs to this result."""
    visible = _visible(scored)
    found = (visible.get((comment.rater, comment.evidence)) for comment in written)
    return any(relationship not in {None, Relationship.SELF} for relationship in found)


def _visible(scored: Scored) -> dict[tuple[RaterId, str], Relationship]:
    return {
        (ref.by, ref.evidence): ref.relationship
        for ref in scored.evidence
        if ref.relationship is not None and ref.relationship not in scored.withheld
    }


def _in_order(kinds: set[str], titles: Mapping[str, str]) -> list[str]:
    return [*(kind for kind in titles if kind in kinds), *sorted(kinds - set(titles))]


def _shuffled(texts: Iterable[str], seed: str) -> tuple[str, ...]:
    """In an order that only the seed and the texts settle: by SHA-256 of both, which is as good as drawn by lot."""
    return tuple(sorted(texts, key=lambda text: (hashlib.sha256(f"{seed}\n{text}".encode()).digest(), text)))


def masking(names: Names) -> Callable[[str], str]:
    """What replaces raters' names in a text: full names, and each part of them that is not the participant's own.

    >>> mask = masking(Names(raters=("Yusuf Østergaard",), participant=("Ffion Nakamura",)))
    >>> mask("Thanks for the workshop! Yusuf")
    'Thanks for the workshop! [name]'
    """
    patterns = [re.compile(_pattern(name)) for name in _to_mask(names)]

    def mask(text: str) -> str:
        for pattern in patterns:
            text = pattern.sub(MASK, text)
        return text

    return mask


def _to_mask(names: Names) -> list[str]:
    """Longest first, so that a part never hides the whole."""
    known = {part for name in names.participant for part in _parts(name)}
    whole = [one_line(name) for name in names.raters]
    parts = [part for name in whole for part in _parts(name) if part not in known and len(part) > 1]
    theirs = {*whole, *parts} - known - {one_line(name) for name in names.participant}
    return sorted(filter(None, theirs), key=_longest_first)


def _parts(name: str) -> list[str]:
    return one_line(name).split()


def _longest_first(name: str) -> tuple[int, str]:
    return -len(name), name


def _pattern(name: str) -> str:
    """A whole word where the script has capitals ("Will", not "will"); anywhere in scripts that join words."""
    body = r"\s+".join(re.escape(part) for part in _parts(name))
    return rf"(?<!\w){body}(?!\w)" if name.lower() != name.upper() else body
