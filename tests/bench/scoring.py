"""What scoring a cohort costs and how well it finds the truth: `make bench-scoring` (ARGS=--quick for up to 1,000).

    python -m tests.bench.scoring [--quick]

Every line is measured in a process of its own, so that peak memory is its own: 100, 1,000 and 10,000 participants × 12
raters × 36 items from pools in which each rater has some three participants (4.3 million ratings, 37,500 raters), the
model without halo (four participants a rater), a panel of three, one crossed panel of twelve, a nation's nine fits, and
a cohort of seven. Beside it `scoring_peers`: gpboost, statsmodels, and R's TAM and lme4, where they are there.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
from time import perf_counter
from typing import Any

import numpy as np

from services.scoring.core.analysis.scoring import score
from services.scoring.core.facets.fit import fitted
from services.scoring.core.facets.ratings import collapsed
from tests.bench.scoring_peers import PEERS
from tests.builders.crowds import CLEAN, CROSSED, PANEL, PANEL_WORLD, REAL, SPARSE, TWELVE, a_cohort, a_crowd
from tests.measures.study.trials import best_line, tables

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Nothing here gains from more, and threads that wait for each other cost."""
SIZES = (100, 1_000, 10_000)
DESIGNS = {
    "realistic": (SPARSE, REAL),
    "clean": (TWELVE, CLEAN),
    "panel": (PANEL, PANEL_WORLD),
    "crossed": (CROSSED, CLEAN),
}
GOALS = {"clean": 0.40, "panel": 0.80, "realistic": 0.90}
TAM = 404.0, 7.6
"""Seconds and GB that R's TAM took for the crossed design of 10,000 on two cores (version 4.4-2, 101 nodes)."""


def measured(people: int, design: str) -> dict[str, Any]:
    """One design, in this process."""
    chance = np.random.default_rng(people)
    crowd = a_crowd(chance.normal(size=people), *DESIGNS[design], chance)
    ratings, place, raters = crowd.ratings, crowd.place - crowd.place.mean(), len(crowd.severity)
    del crowd
    started = perf_counter()
    means = np.bincount(ratings.participant, ratings.score) / np.bincount(ratings.participant)
    plain = perf_counter() - started
    started = perf_counter()
    units = collapsed(ratings)
    count = len(ratings)
    del ratings
    fit = fitted(units)
    seconds = perf_counter() - started
    return {
        "people": people, "design": design, "ratings": count, "raters": raters, "seconds": seconds, "plain": plain,
        "peak": _peak(), "rounds": fit.rounds, "ratio": best_line(fit.place, place) / best_line(means, place),
        "coverage": float(np.mean(np.abs(fit.place - place) < 1.96 * np.sqrt(fit.place_variance))),
    }  # fmt: skip


def nation(people: int) -> dict[str, Any]:
    """Three domains by three sources as `talentline score` does them: seconds of the fits, and of all that is told."""
    names = [f"P{n:06d}" for n in range(people)]
    spent, told, ratios = 0.0, 0.0, []
    for domain in range(3):
        shared, crowds = a_cohort(people, seed=domain)
        table, items = tables(names, crowds)
        del crowds
        started = perf_counter()
        found = score(table, items, clock=perf_counter)
        told += perf_counter() - started
        spent += sum(fit.seconds for fit in found.fits)
        raw = [{line.participant: line.raw for line in fit.participants} for fit in found.fits]
        lines = [line for line in found.combined[0].participants if line.estimate is not None]
        means = np.array([np.mean([v for of in raw if (v := of.get(x.participant)) is not None]) for x in lines])
        truth = dict(zip(names, shared, strict=True))
        true = np.array([truth[x.participant] for x in lines])
        ratios.append(best_line(np.array([x.estimate for x in lines], float), true) / best_line(means, true))
    return {"people": people, "fits": spent, "all": told, "peak": _peak(), "ratio": float(np.mean(ratios))}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def apart(*arguments: str) -> dict[str, Any]:
    """What a run in a process of its own told."""
    command = [sys.executable, "-m", "tests.bench.scoring", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | ONE_THREAD)
    if done.returncode:
        sys.exit(done.stderr)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def show(told: dict[str, Any]) -> None:
    goal = f" (goal {GOALS[told['design']]:.2f})" if told["design"] in GOALS else ""
    say(
        f"{told['design']:10} {told['people']:6} people {told['ratings']:8} ratings {told['raters']:6} raters: "
        f"{told['seconds']:6.2f} s, {told['peak']:.2f} GB, {told['rounds']} rounds; RMSE {told['ratio']:.3f}{goal} × "
        f"plain means ({told['plain']:.3f} s), coverage {told['coverage']:.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("PEOPLE", "DESIGN"))
    arguments = parser.parse_args()
    if arguments.one:
        people, design = int(arguments.one[0]), arguments.one[1]
        say(json.dumps(nation(people) if design == "nation" else measured(people, design)))
        return
    sizes = SIZES[:2] if arguments.quick else SIZES
    found = {}
    for people in sizes:
        found[people] = apart("--one", str(people), "realistic")
        show(found[people])
    small, large = found[sizes[-2]], found[sizes[-1]]
    growth = math.log(large["seconds"] / small["seconds"]) / math.log(large["ratings"] / small["ratings"])
    say(f"growth exponent from {small['people']} to {large['people']}: {growth:.2f} (goal 1.05)")
    for design in ("clean", "panel", "crossed"):
        told = apart("--one", str(sizes[-1]), design)
        show(told)
    if not arguments.quick:
        seconds, memory = TAM
        say(
            f"crossed beside R's TAM as measured on two cores ({seconds:.0f} s, {memory} GB): "
            f"{seconds / told['seconds']:.0f} times faster (goal 60), "
            f"{memory / told['peak']:.0f} times smaller (goal 8)"
        )
    for people in (sizes[-1], 7):
        told = apart("--one", str(people), "nation")
        say(
            f"nine fits, three domains by three sources, {people} people: {told['fits']:.2f} s of fits, "
            f"{told['all']:.2f} s with all tables, {told['peak']:.2f} GB; "
            f"combined RMSE {told['ratio']:.2f} × plain means{' (goal 0.80)' if people > 7 else ''}"
        )
    for name, run in PEERS.items():
        say(f"{name}: {run(sizes[-1])}")


if __name__ == "__main__":
    main()
