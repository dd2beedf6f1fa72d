"""What scoring a cohort costs and how well it finds the truth: `make bench-scoring` (ARGS=--quick for up to 1,000).

    python -m tests.bench.scoring [--quick]

Each size is measured in a process of its own, so that peak memory is its own: 100, 1,000 and 10,000 participants × 12
raters × 36 items, each rater with some four participants, complete (4.3 million ratings, 37,000 raters at the largest).
Beside it plain means, statsmodels (if installed), and R's TAM and lme4 (if R is there) on the smallest size.
"""

import argparse
import json
import math
import os
import resource
import shutil
import subprocess
import sys
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.facets.fit import Options, Variances, fitted
from services.scoring.core.facets.items import probabilities
from services.scoring.core.facets.ratings import Ratings, collapsed

Vector = NDArray[np.float64]
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Nothing here gains from more, and threads that wait for each other cost."""
SIZES = (100, 1_000, 10_000)
RATERS, ITEMS, LOAD, LINKS = 12, 36, 3.2, 0.05
STEPS = np.array([-2.1, -0.9, 0.5, 2.5])
DESIGNS = {
    "realistic": {"severity": 0.5, "halo": 0.6, "careless": 0.02},
    "clean": {"severity": 0.5, "halo": 0.01, "careless": 0.0},
    "panel": {"severity": 0.7, "halo": 0.6, "careless": 0.0},
}


def drawn(people: int, raters: int, pool: int, design: str, *, seed: int) -> tuple[Ratings, Vector]:
    """Complete ratings from 0 to 4, and where participants stand."""
    chance, shape = np.random.default_rng(seed), DESIGNS[design]
    place = chance.normal(size=people)
    severity = chance.normal(scale=shape["severity"], size=pool)
    who = np.repeat(np.arange(people), raters)
    whom = _who_rates(chance, people, raters, pool)
    psi = place[who] + 0.9 - severity[whom] + chance.normal(scale=shape["halo"], size=len(who))
    cumulative = np.concatenate(
        [np.zeros((ITEMS, 1)), np.cumsum(chance.normal(scale=0.4, size=(ITEMS, 1)) + STEPS, axis=1)], axis=1
    )
    score = np.empty((len(who), ITEMS), dtype=np.int8)
    for part in np.array_split(np.arange(len(who)), max(1, len(who) // 5_000)):
        chances = np.cumsum(probabilities(psi[part], cumulative), axis=2).transpose(1, 0, 2)[:, :, :-1]
        score[part] = (chance.random((len(part), ITEMS, 1)) > chances).sum(axis=2)
    blind = (chance.random(pool) < shape["careless"])[whom]
    score[blind] = 4
    item = np.tile(np.arange(ITEMS, dtype=np.int64), len(who))
    zeros = np.zeros(len(item), dtype=np.int64)
    rows = [np.repeat(each.astype(np.int64), ITEMS) for each in (who, whom)]
    return Ratings(rows[0], rows[1], item, zeros, zeros, score.ravel().astype(np.int64), 4), place - place.mean()


def _who_rates(chance: np.random.Generator, people: int, raters: int, pool: int) -> NDArray[np.int64]:
    """Raters of each participant: from a pool of the organisation, of some hundred participants each; one in twenty is
    from anywhere.
    """
    organisations = max(1, people // 100)
    size = pool // organisations
    start = chance.integers(size, size=people)
    own = (np.arange(people) % organisations)[:, None] * size + (start[:, None] + np.arange(raters)) % size
    whom = np.where(chance.random(own.shape) < LINKS, chance.integers(organisations * size, size=own.shape), own)
    ordered = np.sort(whom, axis=1)
    twice = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    whom[twice] = own[twice]
    return whom.ravel().astype(np.int64)


def measured(people: int, design: str) -> dict[str, Any]:
    """One size, in this process."""
    raters = 3 if design == "panel" else RATERS
    pool = max(raters + 1, math.ceil(people * raters / (22 if design == "panel" else LOAD)))
    ratings, place = drawn(people, raters, pool, design, seed=people)
    started = perf_counter()
    means = np.bincount(ratings.participant, ratings.score) / np.bincount(ratings.participant)
    plain = perf_counter() - started
    started = perf_counter()
    units = collapsed(ratings)
    count = len(ratings)
    del ratings
    fit = fitted(units, Variances(), Options(anchored=people < 100))
    seconds = perf_counter() - started
    covered = float(np.mean(np.abs(fit.place - place) < 1.96 * np.sqrt(fit.place_variance)))
    return {
        "people": people, "design": design, "ratings": count, "raters": pool, "seconds": seconds, "plain": plain,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, "rounds": fit.rounds,
        "ratio": _rmse(fit.place, place) / _rmse(means, place), "coverage": covered,
    }  # fmt: skip


def _rmse(found: Vector, truth: Vector) -> float:
    """Of the best straight line from what was found to the truth."""
    slope, level = np.polyfit(found, truth, 1)
    return float(np.sqrt(np.mean((slope * found + level - truth) ** 2)))


def by_statsmodels(people: int) -> str:
    """Crossed effects on the means of pairs, as far as statsmodels takes them."""
    if find_spec("statsmodels") is None:
        return "skipped: statsmodels is not installed"
    from statsmodels.regression.mixed_linear_model import MixedLM

    ratings, _ = drawn(people, RATERS, math.ceil(people * RATERS / LOAD), "realistic", seed=people)
    units = collapsed(ratings)
    ones = np.ones(len(units))
    parts = {
        name: codes[:, None] == np.arange(codes.max() + 1)
        for name, codes in (("p", units.participant), ("r", units.rater))
    }
    started = perf_counter()
    from statsmodels.regression.mixed_linear_model import VCSpec

    names = [[f"{name}{n}" for n in range(part.shape[1])] for name, part in parts.items()]
    spec = VCSpec(list(parts), [[each] for each in names], [[part.astype(float)] for part in parts.values()])
    MixedLM(units.score / ITEMS, ones, groups=ones, exog_vc=spec).fit()
    return f"{perf_counter() - started:.1f} s at {people} participants, means of pairs"


def in_r() -> str:
    """R with TAM and lme4 takes minutes; it is only told whether it could."""
    if shutil.which("Rscript") is None:
        return "skipped: R is not here"
    probe = 'cat(requireNamespace("TAM", quietly=TRUE), requireNamespace("lme4", quietly=TRUE))'
    found = subprocess.run(["Rscript", "-e", probe], capture_output=True, text=True, check=False).stdout
    return f"R is here, TAM and lme4: {found or 'no answer'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("PEOPLE", "DESIGN"))
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measured(int(arguments.one[0]), arguments.one[1])))  # noqa: T201
        return
    sizes = SIZES[:2] if arguments.quick else SIZES
    runs = [(size, "realistic") for size in sizes] + [(sizes[-1], "clean"), (sizes[-1], "panel")]
    found = []
    for people, design in runs:
        command = [sys.executable, "-m", "tests.bench.scoring", "--one", str(people), design]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | ONE_THREAD)
        told = json.loads(done.stdout)
        found.append(told)
        print(  # noqa: T201
            f"{design:10} {people:6} people {told['ratings']:8} ratings {told['raters']:6} raters: "
            f"{told['seconds']:6.2f} s, {told['peak']:.2f} GB, {told['rounds']} rounds; "
            f"RMSE {told['ratio']:.2f} × plain means ({told['plain']:.2f} s), coverage {told['coverage']:.3f}",
            flush=True,
        )
    first, last = found[len(sizes) - 2], found[len(sizes) - 1]
    growth = math.log(last["seconds"] / first["seconds"]) / math.log(last["ratings"] / first["ratings"])
    print(f"growth exponent from {first['people']} to {last['people']}: {growth:.2f}")  # noqa: T201
    print(f"statsmodels: {by_statsmodels(100)}")  # noqa: T201
    print(f"TAM, lme4: {in_r()}")  # noqa: T201


if __name__ == "__main__":
    main()
