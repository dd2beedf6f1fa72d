"""Which characters the vendored fonts can draw, and text made safe to draw. Typst refuses a document over one it can't.

People write their names and comments in any script, and paste what they like: control characters, marks that turn the
reading direction, emoji. What no font draws becomes a visible placeholder and is counted; nothing else is changed.
"""

import re
import struct
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TEMPLATES = Path(__file__).parents[1] / "templates"
FONTS = TEMPLATES / "fonts"
PLACEHOLDER = "\ufffd"

_JOINERS = "\u200c\u200d"
_BREAKS = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_KEPT_INVISIBLE = frozenset(_JOINERS + "\u00ad\u200b")
_LONG_WORD = re.compile("[!-,.0-\u058f]{24,}")  # hyphens and slashes are ends of lines already
_BREAK_EVERY = 11
_EVERYDAY = frozenset(map(chr, range(0x20, 0x7F))) | frozenset(
    "\n’‘“”–"
)  # what most text is made of: nothing in it has to be changed


@dataclass(frozen=True, slots=True)
class Drawable:
    """Text that the fonts can draw. `replaced` counts what they could not, by script such as "RUNIC", not by letter."""

    text: str
    replaced: Counter[str]


def drawable(text: str) -> Drawable:
    r"""The text as people read it, made safe to draw.

    Line ends become "\n", other control and direction characters are left out, long words may break, and each
    character that no vendored font draws becomes "�".

    >>> drawable("Noor\x00 \u202eLlewellyn").text
    'Noor Llewellyn'
    >>> drawable("𓀀 Ffion")
    Drawable(text='� Ffion', replaced=Counter({'EGYPTIAN': 1}))
    """
    replaced: Counter[str] = Counter()
    whole = (
        text
        if _EVERYDAY.issuperset(text)
        else "".join(_drawn(cluster, replaced) for cluster in _clusters(visible(text)))
    )
    return Drawable(_LONG_WORD.sub(_breakable, whole), replaced)


def visible(text: str) -> str:
    r"""The text's characters that are to be seen, composed, with one kind of line end and of space.

    >>> visible("Bo\u0301\u2028Nu\u202e\x07")
    'Bó\nNu'
    """
    composed = unicodedata.normalize("NFC", _BREAKS.sub("\n", text))
    return "".join(_spaced(character) for character in composed if _is_seen(character))


def _spaced(character: str) -> str:
    is_space = character == "\t" or (unicodedata.category(character) == "Zs" and character != "\u00a0")
    return " " if is_space else character


def _is_seen(character: str) -> bool:
    if character in "\n\t" or character in _KEPT_INVISIBLE:
        return True
    varies = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return not varies and unicodedata.category(character) not in {"Cc", "Cf", "Cs"}


def _clusters(characters: Iterable[str]) -> Iterator[str]:
    """A letter with the marks and joiners that follow it: what one font has to draw whole."""
    cluster = ""
    for character in characters:
        if cluster and (character in _JOINERS or unicodedata.category(character)[0] == "M"):
            cluster += character
        else:
            if cluster:
                yield cluster
            cluster = character
    if cluster:
        yield cluster


def _drawn(cluster: str, replaced: Counter[str]) -> str:
    """The cluster; or, where no font has all of it, its letter alone; or the placeholder."""
    base = cluster[0]
    if base == "\n" or base in _KEPT_INVISIBLE:
        return cluster if len(cluster) == 1 else base
    needed = {ord(character) for character in cluster if character not in _JOINERS}
    if any(needed <= font for font in _fonts()):
        return cluster
    replaced[unicodedata.name(base, "UNNAMED").split()[0]] += 1
    return base if any(ord(base) in font for font in _fonts()) else PLACEHOLDER


def _breakable(word: re.Match[str]) -> str:
    whole = word[0]
    return "\u00ad".join(whole[at : at + _BREAK_EVERY] for at in range(0, len(whole), _BREAK_EVERY))


@cache
def _fonts() -> tuple[frozenset[int], ...]:
    """The code points of each vendored font, the most used first. Each family has its regular weight."""
    files = sorted(path for path in FONTS.glob("*/*") if path.suffix in {".otf", ".ttf"})
    files.sort(key=lambda path: path.parent.name != "source")
    return tuple(frozenset(_public(_code_points(path.read_bytes()))) for path in files if "Regular" in path.stem)


def _public(codes: Iterable[int]) -> Iterator[int]:
    """Without code points of private use, which mean nothing outside their font: PDF/A forbids them."""
    return (code for code in codes if unicodedata.category(chr(code)) != "Co")


def _code_points(font: bytes) -> Iterator[int]:
    """The code points in a font's character map (OpenType `cmap`, formats 4 and 12)."""
    (tables,) = struct.unpack_from(">H", font, 4)
    records = (struct.unpack_from(">4sLLL", font, 12 + 16 * n) for n in range(tables))
    start = next(offset for tag, _, offset, _ in records if tag == b"cmap")
    (maps,) = struct.unpack_from(">H", font, start + 2)
    for n in range(maps):
        _, _, offset = struct.unpack_from(">HHL", font, start + 4 + 8 * n)
        (version,) = struct.unpack_from(">H", font, start + offset)
        if version == 4:
            yield from _segments(font, start + offset)
        elif version == 12:
            (groups,) = struct.unpack_from(">L", font, start + offset + 12)
            for group in range(groups):
                first, last = struct.unpack_from(">LL", font, start + offset + 16 + 12 * group)
                yield from range(first, last + 1)


def _segments(font: bytes, start: int) -> Iterator[int]:
    """The code points of a format 4 map that lead to a glyph."""
    (doubled,) = struct.unpack_from(">H", font, start + 6)
    count = doubled // 2
    ends, starts, deltas, offsets = (
        struct.unpack_from(f">{count}H", font, start + at)
        for at in (14, 16 + doubled, 16 + 2 * doubled, 16 + 3 * doubled)
    )
    for n, (first, last, delta, offset) in enumerate(zip(starts, ends, deltas, offsets, strict=True)):
        place = start + 16 + 3 * doubled + 2 * n + offset
        for code in range(first, min(last, 0xFFFE) + 1):
            glyph = struct.unpack_from(">H", font, place + 2 * (code - first))[0] if offset else code
            if glyph and (glyph + delta) & 0xFFFF:
                yield code
