"""One trial: a cohort of three sources is drawn, scored as `talentline score` does, and compared with the truth."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.analysis.item_table import ItemPlace
from services.scoring.core.analysis.long_table import Column, LongTable
from services.scoring.core.analysis.results import ParticipantResult
from services.scoring.core.analysis.scoring import score
from tests.builders.crowds import LITERATURE, USUAL, Crowd, a_cohort

Vector = NDArray[np.float64]
WORLDS = {"usual": USUAL, "literature": LITERATURE}
COHORTS = {7: 40, 24: 10, 200: 6, 2_000: 1}
"""People, and how many cohorts of that size are drawn in each world."""
TARGET = 0.0
"""Place below which there is a gap; it is named when the whole interval lies below."""
LARGE_GAP = 1.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What one source, or all combined, gave for one cohort. Logits. `slope`: of truth on estimate, 1 where estimates
    promise neither too much nor too little; `lowest`, `highest`: mean error of the fifth that truly is so; `power`:
    share of gaps of `LARGE_GAP` or more that are named; `alarms`: share named of those who have none.
    """

    world: str
    people: int
    seed: int
    source: str
    n: int
    rmse: float
    ratio: float
    coverage: float
    half_width: float
    slope: float
    lowest: float
    highest: float
    gaps: int
    named: int
    without: int
    alarms: int


def trials(world: str, people: int, seed: int) -> Iterator[Trial]:
    """All sources of one cohort and their combination."""
    shared, crowds = a_cohort(people, WORLDS[world], seed=seed)
    names = [f"P{n:06d}" for n in range(people)]
    found = score(*tables(names, crowds))
    means: dict[str, list[float]] = {name: [] for name in names}
    for fit in found.fits:
        crowd = crowds[fit.source or ""]
        raw = {line.participant: line.raw for line in fit.participants if line.raw is not None}
        for name, value in raw.items():
            means[name].append(value)
        truth = dict(zip(names, crowd.place, strict=True))
        yield _compared((world, people, seed, fit.source or ""), fit.participants, truth, raw)
    plain = {name: float(np.mean(values)) for name, values in means.items() if values}
    truth = dict(zip(names, shared, strict=True))
    yield _compared((world, people, seed, "combined"), found.combined[0].participants, truth, plain)


def tables(names: Sequence[str], crowds: dict[str, Crowd]) -> tuple[LongTable, dict[str, ItemPlace]]:
    """As they would be read from files."""
    sources = tuple(sorted(crowds))
    parts = [crowds[name].ratings for name in sources]
    raters = np.cumsum([0, *(int(part.rater.max()) + 1 for part in parts)])
    groups = np.cumsum([0, *(int(part.group.max()) + 1 for part in parts)])
    items = np.cumsum([0, *(int(part.item.max()) + 1 for part in parts)])

    def column(codes: list[NDArray[np.int64]], prefix: str, size: int) -> Column:
        return Column(np.concatenate(codes).astype(np.int32), tuple(f"{prefix}{n:07d}" for n in range(size)))

    places: dict[str, ItemPlace] = {}
    for source, part, first in zip(sources, parts, items, strict=False):
        exercise = np.zeros(int(part.item.max()) + 1, dtype=np.int64)
        exercise[part.item] = part.exercise
        places |= {
            f"I{first + n:07d}": ItemPlace(source, "domain", str(e) if exercise.max() else "")
            for n, e in enumerate(exercise.tolist())
        }
    table = LongTable(
        participant=Column(np.concatenate([p.participant for p in parts]).astype(np.int32), tuple(names)),
        rater=column([p.rater + at for p, at in zip(parts, raters, strict=False)], "R", int(raters[-1])),
        item=column([p.item + at for p, at in zip(parts, items, strict=False)], "I", int(items[-1])),
        score=np.concatenate([p.score + 1.0 for p in parts]),
        source=Column(np.repeat(np.arange(len(parts)), [len(p) for p in parts]).astype(np.int32), sources),
        rater_group=column([p.group + at for p, at in zip(parts, groups, strict=False)], "G", int(groups[-1])),
    )
    return table, places


def _compared(
    trial: tuple[str, int, int, str],
    lines: Sequence[ParticipantResult],
    truth: Mapping[str, float],
    plain: Mapping[str, float],
) -> Trial:
    rated = [line for line in lines if line.estimate is not None]
    true = np.array([truth[line.participant] for line in rated])
    true -= true.mean()
    estimate, low, high = (np.array([getattr(line, k) for line in rated], float) for k in ("estimate", "low", "high"))
    raw = np.array([plain[line.participant] for line in rated])
    error = estimate - true
    order = np.argsort(true)
    fifth = max(1, len(order) // 5)
    gap, named = true <= TARGET - LARGE_GAP, high < TARGET
    return Trial(
        *trial,
        n=len(rated),
        rmse=float(np.sqrt(np.mean(error**2))),
        ratio=best_line(estimate, true) / best_line(raw, true),
        coverage=float(np.mean((low <= true) & (true <= high))),
        half_width=float(np.mean(high - low)) / 2,
        slope=float(np.polyfit(estimate, true, 1)[0]),
        lowest=float(error[order[:fifth]].mean()),
        highest=float(error[order[-fifth:]].mean()),
        gaps=int(gap.sum()),
        named=int((gap & named).sum()),
        without=int((true >= TARGET).sum()),
        alarms=int(((true >= TARGET) & named).sum()),
    )


def best_line(found: Vector, truth: Vector) -> float:
    """Root mean square error of the best straight line from what was found to the truth."""
    slope, level = np.polyfit(found, truth, 1)
    return float(np.sqrt(np.mean((slope * found + level - truth) ** 2)))


def as_row(trial: Trial) -> dict[str, object]:
    """For a line of JSON."""
    return asdict(trial)
