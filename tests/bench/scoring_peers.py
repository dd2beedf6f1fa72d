"""Other programs on the same ratings, where they are there: none is a dependency, each is skipped with a word."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import numpy as np

from services.scoring.core.facets.ratings import Units, collapsed
from tests.builders.crowds import CLEAN, CROSSED, REAL, TWELVE, Layout, World, a_crowd

PATIENCE = 900
"""Seconds after which a peer is stopped."""
TAM = """
suppressMessages(library(TAM)); d <- read.csv("wide.csv")
t <- system.time(m <- tam.mml.mfr(resp=d[, -(1:2)], facets=d[, "rater", drop=FALSE], pid=d$participant,
  formulaA=~ item + item:step + rater, control=list(nodes=seq(-6, 6, len=101), progress=FALSE)), gcFirst=TRUE)
cat(sprintf("%.1f s", t["elapsed"]))
"""
LME4 = """
suppressMessages(library(lme4)); d <- read.csv("means.csv")
t <- system.time(lmer(mean ~ 1 + (1|participant) + (1|rater), d)); cat(sprintf("%.1f s", t["elapsed"]))
"""


def _units(people: int, layout: Layout = TWELVE, world: World = REAL) -> Units:
    chance = np.random.default_rng(people)
    return collapsed(a_crowd(chance.normal(size=people), layout, world, chance).ratings)


def by_statsmodels() -> str:
    """Crossed effects on the means of pairs, as far as statsmodels takes them."""
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


def by_gpboost() -> str:
    """The same on the largest size."""
    if find_spec("gpboost") is None:
        return "skipped, it is not installed"
    import gpboost

    units = _units(10_000)
    started = perf_counter()
    model = gpboost.GPModel(group_data=np.stack([units.participant, units.rater], axis=1), likelihood="gaussian")
    model.fit(y=units.score / units.answers.shape[1], X=np.ones((len(units), 1)))
    return f"{perf_counter() - started:.1f} s for 10,000 people, means of pairs (no steps, no errors of people)"


def _in_r(package: str, program: str, file: str, text: str, what: str) -> str:
    if shutil.which("Rscript") is None:
        return "skipped, R is not here"
    probe = ["Rscript", "-e", f"quit(status = !requireNamespace('{package}', quietly=TRUE))"]
    if subprocess.run(probe, capture_output=True).returncode:
        return "skipped, R is here without it"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / file).write_text(text)
        try:
            done = subprocess.run(
                ["Rscript", "-e", program], cwd=folder, capture_output=True, text=True, timeout=PATIENCE
            )
        except subprocess.TimeoutExpired:
            return f"stopped after {PATIENCE} s for {what}"
    return f"{done.stdout} for {what}" if done.returncode == 0 else f"failed: {done.stderr.strip()[-200:]}"


def by_tam() -> str:
    """The crossed design."""
    units = _units(1_000, CROSSED, CLEAN)
    head = ["participant", "rater", *(f"I{n}" for n in range(units.answers.shape[1]))]
    rows = np.column_stack([units.participant, units.rater, units.answers])
    text = "\n".join([",".join(head), *(",".join(map(str, row)) for row in rows.tolist())])
    return _in_r("TAM", TAM, "wide.csv", text, "1,000 people, crossed")


def by_lme4() -> str:
    """Means of pairs."""
    units = _units(1_000)
    means = units.score / units.answers.shape[1]
    lines = (f"P{p},R{r},{m}" for p, r, m in zip(units.participant, units.rater, means, strict=True))
    return _in_r("lme4", LME4, "means.csv", "\n".join(["participant,rater,mean", *lines]), "1,000 people, means")


PEERS: Mapping[str, Callable[[], str]] = {
    "statsmodels": by_statsmodels,
    "gpboost": by_gpboost,
    "R's TAM": by_tam,
    "R's lme4": by_lme4,
}
