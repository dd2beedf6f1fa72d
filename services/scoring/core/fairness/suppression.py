"""Small counts: which groups' rows of a table must be hidden so that no small count is shown or follows."""

from collections.abc import Mapping, Sequence

PUBLIC = 10
"""Least count that may be shown to everybody."""
PROGRAMME = 5
"""Least count that may be shown to those who run the programme."""


def hidden(counts: Mapping[str, Sequence[int]], minimum: int, already: frozenset[str] = frozenset()) -> frozenset[str]:
    """The groups whose rows are hidden. `counts`: group → its counts in each column, such as selected and not;
    `already`: groups that another table of the same people hides.

    A row with a count from 1 to `minimum` - 1, or with fewer people in all, is hidden. Since the column totals of the
    others may be known, so is the next smallest, until the hidden rows are two at least and add up in each column to 0
    or to `minimum` (complementary suppression).

    >>> sorted(hidden({"A": (2,), "B": (9,), "C": (30,)}, 5))
    ['A', 'B']
    >>> sorted(hidden({"A": (12,), "B": (30,)}, 5))
    []
    """
    found = {
        group
        for group, row in counts.items()
        if group in already or _small(sum(row), minimum) or any(_small(n, minimum) for n in row)
    }
    rest = sorted(counts.keys() - found, key=lambda group: (sum(counts[group]), group))
    while found and rest and not _safe([counts[group] for group in found], minimum):
        found.add(rest.pop(0))
    return frozenset(found)


def _safe(rows: Sequence[Sequence[int]], minimum: int) -> bool:
    return len(rows) > 1 and not any(_small(sum(column), minimum) for column in zip(*rows, strict=True))


def _small(count: int, minimum: int) -> bool:
    return 0 < count < minimum


def follows(n: int, whole: int, minimum: int) -> bool:
    """Whether a small count follows from n and the whole that it is part of.

    >>> follows(18, 20, 5), follows(20, 20, 5)
    (True, False)
    """
    return _small(n, minimum) or _small(whole - n, minimum)
