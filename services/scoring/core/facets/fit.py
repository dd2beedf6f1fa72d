"""The regularised many-facet partial-credit model: place of participant minus severity of rater, plus what one rater
sees in one participant on every item alike (halo) and what a participant shows in one exercise; all of them shrunken.

Marginal maximum likelihood by penalised quasi-likelihood (Breslow & Clayton 1993, JASA 88:9) with Gaussian posteriors
smoothed over three nodes; variances by Schall (1991, Biometrika 78:719). Halo: Wilson & Hoskens (2001, JEBS 26:283),
Patz et al. (2002, JEBS 27:341). Without it 36 items of one rater count as 36 pieces of evidence, and intervals cover
half of what they claim.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.facets.effects import Design, Effect
from services.scoring.core.facets.items import GRID, Coverage, Places, counted, stepped, tables_of
from services.scoring.core.facets.ratings import NOT_RATED, Units

Vector = NDArray[np.float64]
NODES = np.array([-(3**0.5), 0.0, 3**0.5])
NODE_WEIGHTS = np.array([1 / 6, 2 / 3, 1 / 6])
PSEUDO_COUNTS = 0.25
"""Ratings added to each category of an item, so that a category nobody used has finite steps."""
LEAST_INFORMATION = 1e-3
LONGEST_STEP = 3.0
"""Logits that a unit's place may move in a round."""
LEAST_VARIANCE, MOST_VARIANCE = 1e-4, 25.0
DRAWS, LAST_DRAWS = 6, 48
"""Draws of the posterior for variances that can't be had exactly: while learning, where sums matter, and at the end."""


@dataclass(frozen=True, slots=True)
class Variances:
    """Variances of the effects, in squared logits. The defaults are the anchors of small cohorts: ours, a little wider
    than what simulated cohorts at literature-like reliability have.
    """

    participant: float = 1.0
    severity: float = 0.25
    halo: float = 0.6
    scene: float = 0.15

    @property
    def each(self) -> tuple[float, ...]:
        """In the order of the fields."""
        return self.participant, self.severity, self.halo, self.scene


@dataclass(frozen=True, slots=True)
class Options:
    """How to fit. `anchored`: keep the variances given (too few participants to estimate them). `common_steps`: one set
    of steps for all items (rating-scale model). `smoothed` off and `pseudo_counts` near 0, with very large variances
    and no halo, is joint maximum likelihood, the estimator of older programs: for comparison only.
    """

    anchored: bool = False
    common_steps: bool = False
    smoothed: bool = True
    pseudo_counts: float = PSEUDO_COUNTS
    rounds: int = 80
    enough: float = 2e-4


@dataclass(frozen=True, slots=True)
class Fit:
    """What was found. Logits; places and severities centred at 0, a severity positive where a rater is harsher than the
    others of the group. `psi` and `information` are of units: where its answers were drawn from, and what they say.
    """

    place: Vector
    place_variance: Vector
    severity: Vector
    severity_variance: Vector
    leniency: Vector
    """Of each rater group, beside the mean of all units."""
    cumulative: NDArray[np.float64]
    """Items × categories: sums of step difficulties, which carry the scale's location."""
    variances: Variances
    psi: Vector = field(repr=False)
    information: Vector = field(repr=False)
    rounds: int
    converged: bool


DEFAULTS = Variances()
PLAIN = Options()


def fitted(units: Units, start: Variances = DEFAULTS, options: Options = PLAIN) -> Fit:
    """Fit the model to `units`, from these variances on. The same units in any order give the same figures to the last
    digits that are shown; `converged` is False where the rounds did not suffice.
    """
    return _Fitting(units, start, options).run()


class _Fitting:
    def __init__(self, units: Units, start: Variances, options: Options) -> None:
        self.units, self.options, self.variances = units, options, start
        effects = [Effect("participant", units.participant), Effect("severity", units.rater, -1.0)]
        if units.has_scenes:
            effects += [Effect("halo", units.pair), Effect("scene", units.scene)]
        self.design = Design(effects)
        self.own_halo = not units.has_scenes
        """Each unit has a halo of its own, so that it needs no unknown: it is noise of a known share."""
        self.coverage = Coverage.of(units.answers != NOT_RATED)
        self.counts = counted(units.answers, units.steps)
        self.cumulative = self._first_steps()
        self.leniency = np.zeros(int(units.group.max(initial=0)) + 1)
        self.nodes: Vector = NODES if options.smoothed else np.zeros(1)
        self.weights: Vector = NODE_WEIGHTS if options.smoothed else np.ones(1)
        self.psi, self.spread = self._first_places(), np.full(len(units), 0.3)

    def run(self) -> Fit:
        converged, count = False, 0
        for count in range(1, self.options.rounds + 1):  # noqa: B007  (the last one is told)
            before, known = self.psi, self.variances.each
            self._round(DRAWS, learning=True)
            moved = float(np.sqrt(np.mean((self.psi - before) ** 2)))
            grown = max(abs(new - old) for new, old in zip(self.variances.each, known, strict=True))
            if moved < self.options.enough and grown < 5 * self.options.enough:
                converged = True
                break
        self._round(LAST_DRAWS, learning=False)
        found = self.solution
        return Fit(
            place=found.means[0],
            place_variance=found.variances[0],
            severity=found.means[1],
            severity_variance=found.variances[1],
            leniency=self.leniency,
            cumulative=self.cumulative,
            variances=self.variances,
            psi=self.psi,
            information=self.information,
            rounds=count,
            converged=converged,
        )

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

    def _places(self) -> list[Places]:
        deviation = np.sqrt(self.spread)
        return [Places.of(self.psi + node * deviation) for node in self.nodes]

    def _round(self, draws: int, *, learning: bool) -> None:
        tables = tables_of(self.cumulative)
        expected = information = np.zeros(len(self.units))
        for each, weight in zip(self._places(), self.weights, strict=True):
            expected = expected + weight * self.coverage.summed(tables.expected, each)
            information = information + weight * self.coverage.summed(tables.variance, each)
        self.information = np.maximum(information, LEAST_INFORMATION)
        surprise = np.clip((self.units.score - expected) / self.information, -LONGEST_STEP, LONGEST_STEP)
        self._solve(self.psi + surprise, draws, learning=learning)
        if learning:
            self._learn_items()

    def _solve(self, response: Vector, draws: int, *, learning: bool) -> None:
        """Effects from the units' working responses; from them where each unit stands, and how surely."""
        v, groups = self.variances, self.units.group
        weight = 1 / (v.halo + 1 / self.information) if self.own_halo else self.information
        variances = (v.participant, v.severity) if self.own_halo else (v.participant, v.severity, v.halo, v.scene)
        self.solution = self.design.solved(weight, response - self.leniency[groups], variances, draws=draws)
        if learning:
            left = response - self.solution.at_units(self.design.effects)
            total = np.bincount(groups, weight, len(self.leniency))
            self.leniency = np.bincount(groups, weight * left, len(self.leniency)) / np.maximum(total, 1e-9)
            response = response - self._centred()
        place = self.leniency[groups] + self.solution.at_units(self.design.effects)
        kept = v.halo * weight if self.own_halo else np.zeros(len(weight))
        halo = kept * (response - place)
        self.psi = place + halo
        self.spread = (1 - kept) ** 2 * self.solution.of_units + (v.halo * (1 - kept) if self.own_halo else 0.0)
        if learning and not self.options.anchored:
            self._learn_variances(halo, kept)

    def _centred(self) -> float:
        """Centre participants, severities and groups; what that moves is moved in the items, and given. Without it the
        location would wander between them for many rounds.
        """
        place, severity = self.solution.means[:2]
        size = len(self.leniency)
        group = np.zeros(len(severity), dtype=np.int64)
        group[self.units.rater] = self.units.group
        of_group = np.bincount(group, severity, size) / np.maximum(np.bincount(group, minlength=size), 1)
        severity -= of_group[group]
        self.leniency = self.leniency - of_group
        of_all = float(np.bincount(self.units.group, minlength=size) @ self.leniency) / len(self.units)
        self.leniency = self.leniency - of_all
        moved = of_all + float(place.mean())
        place -= place.mean()
        self.cumulative = self.cumulative - moved * np.arange(self.cumulative.shape[1])
        return moved

    def _learn_variances(self, halo: Vector, kept: Vector) -> None:
        before, found = self.variances, self.solution
        learned = [
            _schall(old, mean, posterior)
            for old, mean, posterior in zip(
                before.each if not self.own_halo else before.each[:2], found.means, found.variances, strict=True
            )
        ]
        if self.own_halo:
            posterior = before.halo * (1 - kept) + kept**2 * found.of_units
            learned += [_schall(before.halo, halo, posterior), before.scene]
        self.variances = Variances(*(min(max(each, LEAST_VARIANCE), MOST_VARIANCE) for each in learned))

    def _learn_items(self) -> None:
        histograms = np.zeros((self.coverage.items, len(GRID)))
        for each, weight in zip(self._places(), self.weights, strict=True):
            histograms += self.coverage.histograms(each, np.full(len(self.units), weight))
        self.cumulative = stepped(
            self.cumulative,
            self.counts,
            histograms,
            pseudo_counts=self.options.pseudo_counts,
            common=self.options.common_steps,
        )


def _schall(variance: float, mean: Vector, posterior: Vector) -> float:
    """M'm / (levels - sum of posterior variance / variance)."""
    effective = len(mean) - float(posterior.sum()) / variance
    return float(mean @ mean) / effective if effective > 1e-6 else variance / 2
