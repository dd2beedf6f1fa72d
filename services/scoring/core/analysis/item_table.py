"""The table of items beside a file of ratings: to which source, domain and exercise each belongs."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass

from services.scoring.core.analysis.long_table import UnreadableTable


@dataclass(frozen=True, slots=True)
class ItemPlace:
    """Where an item belongs. `source` and `exercise` are empty where the table has none."""

    source: str
    domain: str
    exercise: str


def read_items(lines: Iterable[str]) -> dict[str, ItemPlace]:
    """Columns item, domain, and where there are any source and exercise; others are ignored. By item.

    Raises UnreadableTable.
    """
    rows = csv.DictReader(line.lstrip("\ufeff") for line in lines)
    for name in ("item", "domain"):
        if name not in (rows.fieldnames or []):
            there = ", ".join(rows.fieldnames or []) or "none"
            raise UnreadableTable(f"items, line 1: no column {name!r}; the columns are: {there}")
    found: dict[str, ItemPlace] = {}
    for at, row in enumerate(rows, start=2):
        item, domain = (row["item"] or "").strip(), (row["domain"] or "").strip()
        if not item or not domain:
            raise UnreadableTable(f"items, line {at}: item and domain must both be there")
        if item in found:
            raise UnreadableTable(f"items, line {at}: item {item!r} stands in an earlier line already")
        found[item] = ItemPlace((row.get("source") or "").strip(), domain, (row.get("exercise") or "").strip())
    if not found:
        raise UnreadableTable("the table of items has a header and no item")
    return found
