"""Other programs on the same ratings, where they are there: none is a dependency, each is skipped with a word. Each is
given the largest number of people of the benchmark's run.
"""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.facets.ratings import Units, collapsed
from tests.builders.crowds import CLEAN, CROSSED, REAL, TWELVE, Crowd, Layout, World, a_crowd
from tests.measures.study.trials import best_line

PATIENCE = 900
"""Seconds after which a peer is stopped."""
TAM = """
suppressMessages(library(TAM)); d <- read.csv("wide.csv")
t <- system.time(m <- tam.mml.mfr(resp=d[, -(1:2)], facets=d[, "rater", drop=FALSE], pid=d$participant,
  formulaA=~ item + item:step + rater, control=list(nodes=seq(-6, 6, len=101), progress=FALSE)), gcFirst=TRUE)
write.csv(m$person[, c("pid", "EAP")], "found.csv", row.names=FALSE)
cat(sprintf("%.1f s", t["elapsed"]))
"""
LME4 = """
suppressMessages(library(lme4)); d <- read.csv("means.csv")
t <- system.time(lmer(mean ~ 1 + (1|participant) + (1|rater), d)); cat(sprintf("%.1f s", t["elapsed"]))
"""


def _crowd(people: int, layout: Layout = TWELVE, world: World = REAL) -> Crowd:
    """Drawn as `scoring.measured` draws it: the same numbers."""
    chance = np.random.default_rng(people)
    return a_crowd(chance.normal(size=people), layout, world, chance)


def _units(people: int, layout: Layout = TWELVE, world: World = REAL) -> Units:
    return collapsed(_crowd(people, layout, world).ratings)


def by_statsmodels(_people: int) -> str:
    """Crossed effects on the means of pairs, as far as statsmodels takes them: its design matrices are dense."""
    if find_spec("statsmodels") is None:
        return "skipped, it is not installed"
    from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

    units = _units(100)
    ones = np.ones(len(units))
    levels = {"p": units.participant, "r": units.rater}
    parts = {name: (codes[:, None] == np.arange(codes.max() + 1)).astype(float) for name, codes in levels.items()}
    started = perf_counter()
    names = [[[f"{name}{n}" for n in range(part.shape[1])]] for name, part in parts.items()]
    spec = VCSpec(list(parts), names, [[part] for part in parts.values()])
    MixedLM(units.score / units.answers.shape[1], ones, groups=ones, exog_vc=spec).fit()
    return f"{perf_counter() - started:.1f} s for 100 people, means of pairs (maximum likelihood of a linear model)"


def by_gpboost(people: int) -> str:
    """The same on the largest size."""
    if find_spec("gpboost") is None:
        return "skipped, it is not installed"
    import gpboost

    units = _units(people)
    started = perf_counter()
    model = gpboost.GPModel(group_data=np.stack([units.participant, units.rater], axis=1), likelihood="gaussian")
    model.fit(y=units.score / units.answers.shape[1], X=np.ones((len(units), 1)))
    return f"{perf_counter() - started:.1f} s for {people:,} people, means of pairs (no steps, no errors of people)"


@dataclass(frozen=True, slots=True)
class InR:
    """A run of R. `said`: its seconds, or why there are none; `peak` in GB; `found`: the file that it wrote, if any."""

    said: str
    peak: float = 0.0
    found: NDArray[np.float64] | None = None


def _in_r(package: str, program: str, file: str, text: str) -> InR:
    if shutil.which("Rscript") is None:
        return InR("skipped, R is not here")
    probe = ["Rscript", "-e", f"quit(status = !requireNamespace('{package}', quietly=TRUE))"]
    if subprocess.run(probe, capture_output=True).returncode:
        return InR("skipped, R is here without it")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / file).write_text(text)
        with (folder / "said").open("w") as said, (folder / "wrong").open("w") as wrong:
            run = subprocess.Popen(["Rscript", "-e", program], cwd=folder, stdout=said, stderr=wrong)
            stop = threading.Timer(PATIENCE, run.kill)
            stop.start()
            _, run.returncode, usage = os.wait4(run.pid, 0)
            stop.cancel()
        if run.returncode:
            words = (folder / "wrong").read_text().strip()[-200:]
            return InR(f"ended with status {run.returncode} (it is stopped after {PATIENCE} s) {words}")
        found = folder / "found.csv"
        values = np.loadtxt(found, delimiter=",", skiprows=1) if found.is_file() else None
        return InR((folder / "said").read_text(), usage.ru_maxrss / 1e6, values)


def by_tam(people: int) -> str:
    """The crossed design, on the ratings on which the engine is timed: seconds, memory, and how near to the truth."""
    crowd = _crowd(people, CROSSED, CLEAN)
    units = collapsed(crowd.ratings)
    head = ["participant", "rater", *(f"I{n}" for n in range(units.answers.shape[1]))]
    rows = np.column_stack([units.participant, units.rater, units.answers])
    text = "\n".join([",".join(head), *(",".join(map(str, row)) for row in rows.tolist())])
    run = _in_r("TAM", TAM, "wide.csv", text)
    if run.found is None:
        return run.said
    place, ratings = crowd.place - crowd.place.mean(), crowd.ratings
    means = np.bincount(ratings.participant, ratings.score) / np.bincount(ratings.participant)
    estimates = np.empty(people)
    estimates[run.found[:, 0].astype(int)] = run.found[:, 1]
    ratio = best_line(estimates, place) / best_line(means, place)
    return f"{run.said}, {run.peak:.2f} GB, RMSE {ratio:.3f} × plain means for {people:,} people, crossed"


def by_lme4(people: int) -> str:
    """Means of pairs."""
    units = _units(people)
    means = units.score / units.answers.shape[1]
    lines = (f"P{p},R{r},{m}" for p, r, m in zip(units.participant, units.rater, means, strict=True))
    run = _in_r("lme4", LME4, "means.csv", "\n".join(["participant,rater,mean", *lines]))
    return f"{run.said}, {run.peak:.2f} GB for {people:,} people, means of pairs" if run.peak else run.said


PEERS: Mapping[str, Callable[[int], str]] = {
    "statsmodels": by_statsmodels,
    "gpboost": by_gpboost,
    "R's TAM": by_tam,
    "R's lme4": by_lme4,
}
