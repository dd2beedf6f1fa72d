"""What is wrong with a cohort folder, in words that a coordinator can act on. Collected first, told all at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache

from shared.errors import PermanentError


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to put right (or, as a warning, to know). `file` is relative to the folder, `line` counts from 1.

    `column` is a CSV column or a dotted key of cohort.toml. `value` is None wherever it could be personal data or a
    secret, so a mistake may be logged. `reason` completes a sentence.

    >>> print(Mistake("roster.csv", 4, "organisation", "NCUX", "is not in programme/organisations.csv"))
    roster.csv, line 4, organisation: “NCUX” is not in programme/organisations.csv
    """

    file: str
    line: int | None
    column: str | None
    value: str | None
    reason: str

    def __str__(self) -> str:
        """The mistake as one line."""
        where = [self.file, *([f"line {self.line}"] if self.line else []), *([self.column] if self.column else [])]
        return f"{', '.join(where)}: {f'“{self.value}” ' if self.value is not None else ''}{self.reason}"

    @property
    def order(self) -> tuple[str, int, str, str, str]:
        """What mistakes are sorted by: file, line, column."""
        return (self.file, self.line or 0, self.column or "", self.reason, self.value or "")


class FolderMistakes(PermanentError, ValueError):
    """The folder can't be opened as it is. `mistakes` holds every one; nothing of the folder counts until corrected."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda mistake: mistake.order))
        count = f"{len(self.mistakes)} mistake{'' if len(self.mistakes) == 1 else 's'}"
        lines = "\n".join(f"  {mistake}" for mistake in self.mistakes)
        super().__init__(f"the cohort folder has {count}; correct and open it again:\n{lines}")


@dataclass(slots=True)
class Findings:
    """Collects mistakes and warnings while a folder is read."""

    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[Mistake] = field(default_factory=list)

    def mistake(
        self, file: str, reason: str, *, line: int | None = None, column: str | None = None, value: str | None = None
    ) -> None:
        """Note something that must be put right."""
        self.mistakes.append(Mistake(file, line, column, shown(value), reason))

    def warn(
        self, file: str, reason: str, *, line: int | None = None, column: str | None = None, value: str | None = None
    ) -> None:
        """Note something that a coordinator should know and may leave."""
        self.warnings.append(Mistake(file, line, column, shown(value), reason))


def shown(value: str | None) -> str | None:
    """A value as a mistake shows it: printable, at most 60 signs; a blank one is not shown at all.

    >>> shown("a" * 70) == "a" * 59 + "…", shown(" ")
    (True, None)
    """
    if value is None or not value.strip():
        return None
    printable = "".join(sign if sign.isprintable() else "�" for sign in value)
    return printable if len(printable) <= 60 else f"{printable[:59]}…"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a reason: the nearest known word, or nothing if none is near.

    >>> did_you_mean("relase", ["release", "pool"])
    '; did you mean “release”?'
    """
    near = _nearest(word.casefold(), frozenset(known))
    return f"; did you mean “{near}”?" if near else ""


@lru_cache(maxsize=1024)
def _nearest(word: str, known: frozenset[str]) -> str | None:
    by_fold = {code.casefold(): code for code in sorted(known)}
    near = get_close_matches(word, by_fold, n=1, cutoff=0.6)
    return by_fold[near[0]] if near else None


def listed(words: Sequence[str]) -> str:
    """Words in a row for a sentence; a long row is cut.

    >>> listed(["a", "b", "c"]), listed([str(n) for n in range(30)])[-18:]
    ('a, b, c', '10, 11 and 18 more')
    """
    few = ", ".join(words[:12])
    return few if len(words) <= 12 else f"{few} and {len(words) - 12} more"
