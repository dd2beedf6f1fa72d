"""docs/study.md and its plots, from the rows of the trials. What fails stands there like what holds."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Row = Mapping[str, Any]
PAGE = Path(__file__).with_name("page.txt")
SOURCES = ("360", "day", "written", "combined")
GOALS = {"clean": "0.40", "panel": "0.80", "realistic": "0.90"}
HONEST = (0.93, 0.97)
COLOURS = dict(zip(SOURCES, ("#1d6996", "#e17c05", "#38a6a5", "#94346e"), strict=True))


def written(rows: Sequence[Row], folder: Path) -> None:
    """The page and two plots beside it."""
    trials = [row for row in rows if "world" in row]
    page = PAGE.read_text()
    for name, lines in (
        ("TRIALS", _trials(trials)),
        ("RECOVERY", _recovery([row for row in rows if "design" in row])),
        ("SHORT", _short(trials)),
    ):
        page = page.replace(f"{{{name}}}", "\n".join(lines))
    (folder / "study.md").write_text(page)
    _plot(trials, "coverage", folder / "study-coverage.svg")
    _plot(trials, "power", folder / "study-power.svg")


def _cells(trials: Sequence[Row]) -> Iterator[tuple[str, int, str, list[Row]]]:
    found: dict[tuple[str, int, str], list[Row]] = defaultdict(list)
    for row in trials:
        found[row["world"], row["people"], row["source"]].append(row)
    for key in sorted(found, key=lambda k: (k[0] != "usual", k[1], SOURCES.index(k[2]))):
        yield *key, found[key]


def _pooled(rows: Sequence[Row], name: str) -> float:
    """Mean over people; a share of gaps or of those without one for power and false alarms."""
    if name in ("power", "alarm"):
        above, below = ("named", "gaps") if name == "power" else ("alarms", "without")
        return float(sum(row[above] for row in rows) / max(sum(row[below] for row in rows), 1))
    weights = np.array([float(row["n"]) for row in rows])
    return float((np.array([float(row[name]) for row in rows]) * weights).sum() / weights.sum())


def _error(rows: Sequence[Row]) -> float:
    """Standard error of pooled coverage: between cohorts where there are several, else as if people were apart."""
    of = np.array([row["coverage"] for row in rows])
    if len(of) > 3:
        return float(of.std(ddof=1) / np.sqrt(len(of)))
    p, n = _pooled(rows, "coverage"), sum(row["n"] for row in rows)
    return float(np.sqrt(p * (1 - p) / n))


def _trials(trials: Sequence[Row]) -> Iterator[str]:
    yield "| world | people | cohorts | of | coverage (± se) | ± 95 % | RMSE | ÷ plain means | slope | lowest fifth | highest fifth | power | false alarms |"  # noqa: E501
    yield "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    for world, people, source, rows in _cells(trials):
        of = {
            name: _pooled(rows, name)
            for name in ("coverage", "half_width", "ratio", "lowest", "highest", "power", "alarm")
        }
        rmse = np.sqrt(np.average([row["rmse"] ** 2 for row in rows], weights=[row["n"] for row in rows]))
        slope = float(np.median([row["slope"] for row in rows]))
        yield (
            f"| {world} | {people:,} | {len(rows)} | {source} | {of['coverage']:.3f} ± {_error(rows):.3f} | "
            f"{of['half_width']:.2f} | {rmse:.2f} | {of['ratio']:.2f} | {slope:.2f} | {of['lowest']:+.2f} | "
            f"{of['highest']:+.2f} | {of['power']:.2f} | {of['alarm']:.3f} |"
        )


def _recovery(rows: Sequence[Row]) -> Iterator[str]:
    yield "| design | cohorts | RMSE ÷ plain means | the least possible | goal | coverage | coverage without a halo |"
    yield "|---|---|---|---|---|---|---|"
    for design in dict.fromkeys(row["design"] for row in rows):
        of = [row for row in rows if row["design"] == design]
        mean = {name: float(np.mean([row[name] for row in of])) for name in ("ratio", "oracle", "coverage", "plain")}
        yield (
            f"| {design} | {len(of)} | {mean['ratio']:.2f} | {mean['oracle']:.2f} | {GOALS.get(design, '–')} | "
            f"{mean['coverage']:.3f} | {mean['plain']:.3f} |"
        )


def _short(trials: Sequence[Row]) -> Iterator[str]:
    """Cells whose coverage is outside of what is honest, and whether that may be chance."""
    for world, people, source, rows in _cells(trials):
        coverage, error = _pooled(rows, "coverage"), 2 * _error(rows)
        if HONEST[0] <= coverage <= HONEST[1]:
            continue
        short = coverage < HONEST[0]
        chance = coverage + error >= HONEST[0] if short else coverage - error <= HONEST[1]
        yield (
            f"- Intervals {'**too short**' if short else 'wider than need be'}: {source}, {people:,} people, {world}: "
            f"{coverage:.3f}{' (may be chance)' if chance else ''}."
        )


def _plot(trials: Sequence[Row], name: str, file: Path) -> None:
    import matplotlib as mpl  # comes with what `make study` installs

    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "talentline", "svg.fonttype": "none", "font.size": 9}
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(7.5, 2.8), sharey=True)
    for axis, world in zip(axes, ("usual", "literature"), strict=True):
        for source in SOURCES:
            points = [
                (people, _pooled(rows, name)) for w, people, s, rows in _cells(trials) if (w, s) == (world, source)
            ]
            if points:
                axis.plot(*zip(*points, strict=True), marker="o", ms=4, color=COLOURS[source], label=source)
        axis.set_xscale("log")
        axis.set_xticks([7, 24, 200, 2_000], ["7", "24", "200", "2,000"])
        axis.minorticks_off()
        axis.set_xlabel("people")
        axis.set_title({"usual": "ICC(1) about .5", "literature": "ICC(1) = .25"}[world])
        if name == "coverage":
            axis.axhspan(*HONEST, color="#dddddd", zorder=0)
    axes[0].set_ylim(*((0.8, 1.0) if name == "coverage" else (0.0, 1.0)))
    axes[0].set_ylabel({"coverage": "coverage of 95 % intervals", "power": "gaps of 1 logit or more named"}[name])
    axes[1].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
