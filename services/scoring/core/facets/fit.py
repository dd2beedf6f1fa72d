"""The regularised many-facet partial-credit model: place of participant minus severity of rater, plus what one rater
sees in one participant on every item alike (halo) and what a participant shows in one exercise; all of them shrunken.

Marginal maximum likelihood: each unit's answers by moments under what all others say of it (`sites`), effects by
mixed-model equations (`effects`), variances by Schall's equations (`variances`). Halo: Wilson & Hoskens (2001, JEBS
26:283), Patz et al. (2002, JEBS 27:341). Without it 36 items of one rater count as 36 pieces of evidence, and intervals
cover half of what they claim. Raters who give everybody one and the same answer count as little as they are doubted
(`careless`).
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.facets.careless import doubts
from services.scoring.core.facets.effects import Codes, Design
from services.scoring.core.facets.items import GRID, counted, stepped, tables_of
from services.scoring.core.facets.ratings import Units
from services.scoring.core.facets.sites import LEAST_INFORMATION, Answers, Believed, Sites
from services.scoring.core.facets.threads import in_one_thread
from services.scoring.core.facets.variances import Variances

__all__ = ["Fit", "Options", "Variances", "fitted"]

Vector = NDArray[np.float64]
PSEUDO_COUNTS = 0.25
"""Ratings added for each category of an item, so that its steps stay near those of an average item."""
ASKED, NEARLY = 4, 10.0
"""How often it is asked which raters answered without looking: first when the fit has nearly settled (in steps that are
small enough), then each time that it has, until nothing changes.
"""
ANOTHER = 0.05
"""Change of a doubt from which the fit goes on."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to fit. `anchored`: keep the variances given (too few participants to estimate them); with `widening` the
    halo still grows beyond its anchor where raters differ more. `common_steps`: one set
    of steps for all items (rating-scale model). `doubting` off: believe every rater. `smoothed` off and `pseudo_counts`
    near 0, with very large variances and no halo, is joint maximum likelihood: for comparison only.
    """

    anchored: bool = False
    common_steps: bool = False
    widening: bool = False
    doubting: bool = True
    smoothed: bool = True
    pseudo_counts: float = PSEUDO_COUNTS
    rounds: int = 80
    enough: float = 3e-4


@dataclass(frozen=True, slots=True)
class Fit:
    """What was found. Logits; places and severities centred at 0, a severity positive where a rater is harsher than the
    others of the group. `psi`, `spread` and `doubt` are of units: where its answers were drawn from, the variance of
    that, and the chance that the rater did not look.
    """

    place: Vector
    place_variance: Vector
    severity: Vector
    """NaN where every rater rated one participant."""
    severity_variance: Vector
    leniency: Vector
    """Of each rater group, beside the mean of all units."""
    cumulative: NDArray[np.float64]
    """Items × categories: sums of step difficulties, which carry the scale's location."""
    variances: Variances
    psi: Vector = field(repr=False)
    spread: Vector = field(repr=False)
    doubt: Vector = field(repr=False)
    rounds: int
    converged: bool


DEFAULTS = Variances()
PLAIN = Options()


@in_one_thread
def fitted(units: Units, start: Variances = DEFAULTS, options: Options = PLAIN) -> Fit:
    """Fit the model to `units`, from these variances on. The same units in any order give the same figures to the last
    digits that are shown; `converged` is False where the rounds did not suffice.
    """
    return _Fitting(units, start, options).run()


class _Fitting:
    def __init__(self, units: Units, start: Variances, options: Options) -> None:
        self.units, self.options = units, options
        self.separable = bool(units.rater.max(initial=0) < units.pair.max(initial=0))
        """Some rater rated two participants; otherwise severity is a part of the halo."""
        self.variances = start if self.separable else replace(start, severity=0.0, halo=start.halo + start.severity)
        self.anchors = self.variances
        self.own_halo = bool(units.pair.max(initial=0) + 1 == len(units))
        """Each unit has a halo of its own, so that it needs no unknown: it is noise of a known share."""
        self.design = Design(self._effects())
        self.answers = Answers(units)
        self.counts = counted(units.answers, units.steps)
        self.cumulative = self._first_steps()
        self.leniency = np.zeros(int(units.group.max(initial=0)) + 1)
        self.believed = Believed(self._first_places(), np.full(len(units), 0.3), np.zeros(len(units)))
        self.sites: Sites | None = None

    def _effects(self) -> dict[str, Codes]:
        units = self.units
        found = {"participant": units.participant}
        found |= {"scene": units.scene} if units.has_scenes else {}
        found |= {"severity": units.rater} if self.separable else {}
        return found | ({} if self.own_halo else {"halo": units.pair})

    def run(self) -> Fit:
        rounds, asked, converged = 0, 0, False
        while rounds < self.options.rounds and not converged:
            rounds += 1
            before, known = self.believed, self.variances
            self._round(learning=True)
            moving = self._moving(before, known)
            if moving < (1 if asked else NEARLY):
                again = self.options.doubting and asked < ASKED and self._doubt()
                asked, converged = asked + 1, moving < 1 and not again
        self._round(learning=False)
        places, severities = self._of("participant"), self._of("severity")
        return Fit(
            place=places[0],
            place_variance=places[1],
            severity=severities[0],
            severity_variance=severities[1],
            leniency=self.leniency,
            cumulative=self.cumulative,
            variances=self.variances,
            psi=self.believed.place,
            spread=self.believed.spread,
            doubt=self.believed.doubt,
            rounds=rounds,
            converged=converged,
        )

    def _moving(self, before: Believed, known: Variances) -> float:
        """How far the last round went, in steps that are small enough."""
        moved = float(np.sqrt(np.mean((self.believed.place - before.place) ** 2)))
        return max(moved, self.variances.distance(known) / 5) / self.options.enough

    def _of(self, name: str) -> tuple[Vector, Vector]:
        if name in self.design.effects:
            return self.solution.means[name], self.solution.variances[name]
        none = np.full(int(self.units.rater.max(initial=-1)) + 1, np.nan)
        return none, none

    def _doubt(self) -> bool:
        """Whether it was changed by much."""
        places = self.solution.means["participant"]
        expected = self.leniency[self.units.group] + places[self.units.participant]
        v, answers = self.variances, self.units.answers
        doubt = doubts(self.units, self.cumulative, expected, v.severity, v.halo + v.scene * self.units.has_scenes)
        changed = float(np.abs(doubt - self.believed.doubt).max(initial=0.0)) > ANOTHER
        self.believed = replace(self.believed, doubt=doubt)
        some = np.nonzero(doubt > 0)[0]
        lost = [(doubt[some, None] * (answers[some] == k)).sum(axis=0) for k in range(self.units.steps + 1)]
        self.counts = counted(answers, self.units.steps) - np.stack(lost, axis=1)
        return changed

    # -------------------------------------------------------------------------------------------------- first guesses

    def _first_steps(self) -> NDArray[np.float64]:
        counts = (
            np.broadcast_to(self.counts.sum(axis=0), self.counts.shape) if self.options.common_steps else self.counts
        )
        shares = (counts + 0.5) / (counts + 0.5).sum(axis=1, keepdims=True)
        steps = np.log(shares[:, :-1] / shares[:, 1:])
        cumulative = np.concatenate([np.zeros((len(steps), 1)), np.cumsum(steps, axis=1)], axis=1)
        k = np.arange(cumulative.shape[1])
        found: NDArray[np.float64] = cumulative - cumulative[:, -1:].mean() / k[-1] * k
        return found

    def _first_places(self) -> Vector:
        answered = (self.units.answers >= 0).sum(axis=1) * self.units.steps
        share = (self.units.score + 0.5) / (answered + 1)
        places: Vector = np.log(share / (1 - share))
        return places

    # -------------------------------------------------------------------------------------------------------- a round

    def _round(self, *, learning: bool) -> None:
        tables = tables_of(self.cumulative)
        if self.options.smoothed and self.sites is not None:
            self.sites = self.answers.by_moments(tables, self.believed, self.sites)
        else:
            self.sites = self.answers.by_curvature(tables, self.believed)
        self._solve(self.sites, learning=learning)
        if learning:
            self._learn_items(self.sites)

    def _solve(self, sites: Sites, *, learning: bool) -> None:
        """Effects from what the units' answers say; from them where each unit stands, and how surely."""
        groups, halo = self.units.group, self.variances.halo
        response = sites.pull / sites.told
        trusted = np.maximum(sites.told * (1 - self.believed.doubt), LEAST_INFORMATION)
        weight = 1 / (halo + 1 / trusted) if self.own_halo else trusted
        variances = {name: getattr(self.variances, name) for name in self.design.effects}
        self.solution = self.design.solved(weight, response - self.leniency[groups], variances, shown=not learning)
        at_units, of_units = self.solution.at_units, self.solution.of_units
        if learning:
            total = np.bincount(groups, weight, len(self.leniency))
            left = np.bincount(groups, weight * (response - at_units), len(self.leniency))
            self.leniency = left / np.maximum(total, 1e-9)
        place = self.leniency[groups] + at_units
        kept = halo * weight if self.own_halo else np.zeros(len(weight))
        own = kept * (response - place)
        own_variance = halo * (1 - kept) if self.own_halo else 0.0
        spread = (1 - kept) ** 2 * of_units + own_variance
        self.believed = replace(self.believed, place=place + own, spread=spread)
        self._centre()
        if learning:
            self._learn_variances(own, own_variance + kept**2 * of_units)

    def _centre(self) -> None:
        """Centre participants, severities and groups; what that moves is moved in the items. Without it the location
        would wander between them for many rounds.
        """
        size = len(self.leniency)
        if self.separable:
            severity = self.solution.means["severity"]
            group = np.zeros(len(severity), dtype=np.int64)
            group[self.units.rater] = self.units.group
            of_group = np.bincount(group, severity, size) / np.maximum(np.bincount(group, minlength=size), 1)
            severity -= of_group[group]
            self.leniency = self.leniency - of_group
        of_all = float((np.bincount(self.units.group, minlength=size) * self.leniency).sum()) / len(self.units)
        self.leniency = self.leniency - of_all
        place = self.solution.means["participant"]
        moved = of_all + float(place.mean())
        place -= place.mean()
        self.cumulative = self.cumulative - moved * np.arange(self.cumulative.shape[1])
        self.believed = replace(self.believed, place=self.believed.place - moved)
        if self.sites is not None:
            self.sites = replace(self.sites, pull=self.sites.pull - moved * self.sites.told)

    def _learn_variances(self, own: Vector, own_variance: Vector) -> None:
        found = {name: (mean, self.solution.variances[name]) for name, mean in self.solution.means.items()}
        if self.own_halo:
            found["halo"] = own, own_variance
        if not self.options.anchored:
            self.variances = self.variances.learned(found)
        elif self.options.widening:
            self.variances = self.variances.widened(self.anchors, found)

    def _learn_items(self, sites: Sites) -> None:
        histograms = np.zeros((self.answers.coverage.items, len(GRID)))
        for each, weight in zip(sites.places, sites.weights, strict=True):
            histograms += self.answers.coverage.histograms(each, weight)
        self.cumulative = stepped(
            self.cumulative,
            self.counts,
            histograms,
            pseudo_counts=self.options.pseudo_counts,
            common=self.options.common_steps,
        )
