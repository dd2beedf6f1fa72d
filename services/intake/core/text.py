"""Text from outside, made safe to store and to show. A database refuses some characters that JSON may carry."""

import math
import re
import unicodedata

LONGEST_ID = 100
"""Characters that an id may have."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def plain(text: str) -> str:
    r"""The text as every database can keep it: NUL and lone surrogates become the replacement character.

    >>> plain("a\x00b") == "a\ufffdb"
    True
    """
    return _UNSTORABLE.sub("\ufffd", text)


def is_plain(text: str) -> bool:
    """Whether every database can keep the text as it is."""
    return (text.isascii() and "\x00" not in text) or _UNSTORABLE.search(text) is None


def is_id(text: str) -> bool:
    r"""Whether this could be an id at all: one that every database can look up.

    >>> is_id("appraisal-360"), is_id("a\x00b"), is_id("")
    (True, False, False)
    """
    return 0 < len(text) <= LONGEST_ID and text.isprintable()


def shown(value: object, limit: int = 80) -> str:
    r"""A value for a sentence: printable, in one line, and short.

    >>> shown("4/5\n"), shown("x" * 100, limit=5), shown(7.0)
    ('4/5', 'xxxx…', '7')
    """
    text = f"{value:g}" if isinstance(value, float) else str(value)
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in plain(text[: 20 * limit])).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def folded(text: str) -> str:
    """A label as it is compared: without regard to case, kind of space or form of accent.

    >>> folded(" Not  Observed ") == folded("not observed")
    True
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def spelled(number: float) -> str:
    """A number as a choice's label would have it.

    >>> spelled(6.0), spelled(2.5), spelled(10**400)
    ('6', '2.5', 'a number out of range')
    """
    finite = number_of(number)
    return "a number out of range" if finite is None else f"{finite:g}"


def number_of(value: float | str) -> float | None:
    """The finite number that this is; None if it is none. Digits only: no "1e3", no "1_000", no "nan".

    >>> number_of("4"), number_of("3.5"), number_of("4/5"), number_of("1e1"), number_of(float("nan"))
    (4.0, 3.5, None, None, None)
    """
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    plain_digits = isinstance(value, float | int) or set(value.strip()) <= set("0123456789.+-")
    return number if plain_digits and math.isfinite(number) else None


def listed(words: list[str], most: int = 12) -> str:
    """Words in a row for a sentence; a long row is cut.

    >>> listed(["EX1", "EX2"]), listed(["a", "b", "c"], most=2), listed([])
    ('EX1, EX2', 'a, b and 1 more', 'none')
    """
    few = ", ".join(words[:most]) or "none"
    return few if len(words) <= most else f"{few} and {len(words) - most} more"
