"""Who of two cohorts is the same person, from a file: for those whose address has changed."""

import csv
from collections.abc import Collection, Iterable
from itertools import chain

from services.scoring.core.analysis.long_table import DELIMITERS, UnreadableTable
from shared.ids import ParticipantId

COLUMNS = ("participant", "earlier")


def read_pairs(
    lines: Iterable[str], later: Collection[ParticipantId], earlier: Collection[ParticipantId]
) -> dict[ParticipantId, ParticipantId]:
    """Columns `participant` (of the later cohort) and `earlier`; by participant. `later`, `earlier`: who there is.

    Raises UnreadableTable: a column is missing, somebody is unknown, or stands twice on either side.
    """
    lines = iter(lines)
    first = next(lines, "").lstrip("\ufeff")
    try:
        rows = csv.DictReader(chain([first], lines), delimiter=max(DELIMITERS, key=first.count), restval="")
        if missing := [name for name in COLUMNS if name not in (rows.fieldnames or [])]:
            raise UnreadableTable(f"line 1: no column {missing[0]!r}; the columns are participant,earlier")
        found: dict[ParticipantId, ParticipantId] = {}
        for row in rows:
            who, then = (ParticipantId((row[name] or "").strip()) for name in COLUMNS)
            _check(rows.line_num, who, then, found, (later, earlier))
            found[who] = then
    except csv.Error as error:
        raise UnreadableTable(f"it is no CSV: {error}") from error
    return found


def _check(
    line: int,
    who: ParticipantId,
    then: ParticipantId,
    found: dict[ParticipantId, ParticipantId],
    known: tuple[Collection[ParticipantId], Collection[ParticipantId]],
) -> None:
    for name, person, there in zip(COLUMNS, (who, then), known, strict=True):
        if person not in there:
            raise UnreadableTable(f"line {line}, {name}: {person[:100]!r} is no participant of that cohort")
    if who in found or then in found.values():
        raise UnreadableTable(f"line {line}: {who} or {then} stands in an earlier line already")
