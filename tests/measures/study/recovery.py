"""How near the engine comes to what a design allows: its error beside that of one who knows the true variances.

The oracle is the posterior standard deviation under the true variances, with the information that the answers carry,
by the exact inverse: the least root mean square error that any estimator linear in what raters said can have.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.facets.effects import Design
from services.scoring.core.facets.fit import Fit, Options, Variances, fitted
from services.scoring.core.facets.items import Places, tables_of
from services.scoring.core.facets.ratings import Units, collapsed
from services.scoring.core.facets.sites import Answers
from tests.builders.crowds import CLEAN, CROSSED, PANEL, PANEL_WORLD, REAL, TWELVE, Crowd, Layout, World, a_crowd
from tests.measures.study.trials import best_line

Vector = NDArray[np.float64]
DESIGNS: dict[str, tuple[Layout, World]] = {
    "clean": (TWELVE, CLEAN),
    "crossed": (CROSSED, CLEAN),
    "panel": (PANEL, PANEL_WORLD),
    "realistic": (TWELVE, REAL),
}
PEOPLE, SEEDS = 1_000, 3


@dataclass(frozen=True, slots=True)
class Recovery:
    """Of one design and seed: errors over that of plain means; `oracle`: the least that is possible; coverage of
    nominal 95 %, ours and that of a fit without a halo (each rating as evidence of its own).
    """

    design: str
    people: int
    seed: int
    ratio: float
    oracle: float
    coverage: float
    plain: float


def recovery(design: str, people: int, seed: int) -> Recovery:
    """One."""
    layout, world = DESIGNS[design]
    chance = np.random.default_rng(seed)
    crowd = a_crowd(chance.normal(size=people), layout, world, chance)
    units = collapsed(crowd.ratings)
    place = crowd.place - crowd.place.mean()
    fit = fitted(units)
    without = fitted(units, Variances(halo=1e-4), Options(anchored=True))
    means = np.bincount(crowd.ratings.participant, crowd.ratings.score) / np.bincount(crowd.ratings.participant)
    plain = best_line(means, place)
    return Recovery(
        design=design,
        people=people,
        seed=seed,
        ratio=best_line(fit.place, place) / plain,
        oracle=oracle(crowd, units, fit, world) / plain,
        coverage=covered(fit, place),
        plain=covered(without, place),
    )


def oracle(crowd: Crowd, units: Units, fit: Fit, world: World) -> float:
    """Root mean square of the posterior standard deviations under the true variances."""
    at = Places.of(fit.psi)
    information = Answers(units).coverage.summed(tables_of(fit.cumulative).variance, at)
    design = Design({"participant": units.participant, "severity": units.rater})
    variances = {"participant": 1.0 + world.method**2, "severity": world.severity**2}
    weight = 1 / (world.halo**2 + 1 / np.maximum(information, 1e-3))
    return sqrt(float(design.solved(weight, np.zeros(len(units)), variances).variances["participant"].mean()))


def covered(fit: Fit, place: Vector) -> float:
    """Share of 95 % intervals that hold the truth."""
    return float(np.mean(np.abs(fit.place - place) < 1.96 * np.sqrt(fit.place_variance)))
