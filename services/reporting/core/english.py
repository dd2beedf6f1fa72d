"""Numbers, counts and lists as people read them, and text made safe to print, store and put into a header."""

import unicodedata
from collections.abc import Iterable

_DIRECTION_OVERRIDES = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


def number(value: float) -> str:
    """A figure with one decimal.

    >>> number(3.449)
    '3.4'
    """
    return f"{value:.1f}"


def mark_of(value: float) -> str:
    """An end of a scale: without decimals where it has none.

    >>> mark_of(5.0), mark_of(2.5)
    ('5', '2.5')
    """
    return f"{value:g}"


def counted(n: int, one: str) -> str:
    """A count with its noun.

    >>> counted(1, "rater"), counted(9, "assessor")
    ('1 rater', '9 assessors')
    """
    return f"{n} {one}" if n == 1 else f"{n} {one}s"


def listed(words: Iterable[str]) -> str:
    """Words as a list in a sentence.

    >>> listed(["peers", "direct reports", "line manager"])
    'peers, direct reports and line manager'
    """
    *first, last = [*words] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def sentences(parts: Iterable[str]) -> str:
    """Sentences in a row, without the empty ones."""
    return " ".join(part for part in parts if part)


def capitalised(text: str) -> str:
    """The first letter in upper case, the rest as it was.

    >>> capitalised("peers and NHS partners")
    'Peers and NHS partners'
    """
    return text[:1].upper() + text[1:]


def clean(text: str) -> str:
    r"""Text as somebody wrote it, without what can't be printed: control characters, direction overrides, halves of
    characters. White space within a line becomes single blanks; empty lines go.

    >>> clean("  Listens\x00 well.\r\n\r\nAlways \u202e there. ")
    'Listens well.\nAlways there.'
    """
    composed = unicodedata.normalize("NFC", "\n".join(text.replace("\t", " ").splitlines()))
    lines = (" ".join("".join(filter(_is_printable, line)).split()) for line in composed.split("\n"))
    return "\n".join(line for line in lines if line)


def _is_printable(character: str) -> bool:
    return character not in _DIRECTION_OVERRIDES and unicodedata.category(character) not in _UNPRINTABLE


def one_line(text: str) -> str:
    r"""Clean text on a single line, as names, headers and file names need it.

    >>> one_line("Ffion\r\nBcc: all")
    'Ffion Bcc: all'
    """
    return " ".join(clean(text).split())
