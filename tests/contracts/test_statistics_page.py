"""docs/statistics.md gives, for each figure here, the smallest n that the program keeps to."""

import re
from pathlib import Path

import pytest

from services.scoring.core.fairness import differing, items, suppression
from services.scoring.core.norms import group
from services.scoring.core.remeasuring import cohort
from services.scoring.core.self_others import surface

PAGE = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")
COLUMNS = ["figure", "formula", "source", "smallest n", "not for"]


def rows() -> dict[str, list[str]]:
    """First cell → the cells of its row, of every table of figures on the page."""
    heading = re.escape(" | ".join(COLUMNS))
    tables = re.findall(rf"^\| {heading} \|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    lines = [line.removeprefix("|").removesuffix("|") for table in tables for line in table.splitlines()]
    found = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in lines]
    return {cells[0]: cells for cells in found if not set(cells[0]) <= set("-|")}


def test_every_table_is_one_of_figures_or_that_of_smallest_n() -> None:
    headings = re.findall(r"^\| (.*) \|\n\|-", PAGE, re.MULTILINE)
    assert set(headings) == {" | ".join(COLUMNS), "statistic | smallest n | below"}
    assert headings.count("statistic | smallest n | below") == 1  # it has a test of its own


def test_every_row_has_formula_source_smallest_n_and_what_it_is_not_for() -> None:
    assert len(rows()) > 30
    for cells in rows().values():
        assert len(cells) == len(COLUMNS), cells[0]
        assert cells[4], f"{cells[0]}: what is it not for?"


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ("`b0` … `O2`, `a1` … `a4`", f"{surface.SMALLEST} people"),
        ("rate", f"{suppression.PROGRAMME}, or {suppression.PUBLIC}"),
        ("difference of means, `g`", f"{differing.SMALLEST} in each group"),
        ("`gap`, `beyond`", f"{differing.SMALLEST} in each group"),
        ("DIF: `smd`, `effect`, `category`", f"{items.SMALLEST} in each group, provisional below {items.USUAL}"),
        ("change, `index`, verdict", f"{cohort.USUAL_MONTHS} months"),
        ("mean change", f"{cohort.SMALLEST} people"),
        ("percentile", f"{group.SMALLEST} people; provisional below {group.USUAL}"),
    ],
)
def test_the_smallest_n_is_the_programs(figure: str, said: str) -> None:
    assert said in rows()[figure][3]
