"""On which line of a TOML text each key stands. The standard library's parser does not tell."""

import re
import tomllib
from collections.abc import Mapping

_TABLE = re.compile(r"\s*\[(?!\[)(?P<path>[^\]]+)\]")
_KEY = re.compile(r"\s*(?P<path>[A-Za-z0-9_.\"'\- ]+?)\s*=")

Path = tuple[str, ...]


def key_lines(text: str) -> dict[Path, int]:
    r"""Paths of tables and keys → line, counted from 1. Keys of inline tables have the line of the outer key only.

    >>> key_lines('cohort = "a"\n[evidence.development_day]\nassessors = 2\n')
    {('cohort',): 1, ('evidence', 'development_day'): 2, ('evidence', 'development_day', 'assessors'): 3}
    """
    lines: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            table = _path(header["path"])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault(table + _path(key["path"]), number)
    return lines


def line_of(lines: Mapping[Path, int], path: Path) -> int | None:
    """The line of a key, or else of the nearest table or key around it."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


def _path(written: str) -> Path:
    """A dotted, perhaps quoted key as its parts; nothing for what is no key at all."""
    try:
        level = tomllib.loads(f"{written} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    parts: list[str] = []
    while isinstance(level, dict):
        ((part, level),) = level.items()
        parts.append(part)
    return tuple(parts)
