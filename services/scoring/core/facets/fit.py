"""The regularised many-facet partial-credit model: place of participant minus severity of rater, plus what one rater
sees in one participant on every item alike (halo) and what a participant shows in one exercise; all of them shrunken.

Marginal maximum likelihood: each unit's answers by moments under what all others say of it (expectation propagation,
Minka 2001, UAI 17:362), effects by mixed-model equations, variances by Schall (1991, Biometrika 78:719). Halo: Wilson
& Hoskens (2001, JEBS 26:283),
Patz et al. (2002, JEBS 27:341). Without it 36 items of one rater count as 36 pieces of evidence, and intervals cover
half of what they claim. Raters who give everybody one and the same answer count as little as they are doubted
(`careless`).
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.facets.careless import doubts
from services.scoring.core.facets.effects import Codes, Design
from services.scoring.core.facets.items import GRID, Coverage, ItemTables, Places, counted, stepped, tables_of
from services.scoring.core.facets.ratings import NOT_RATED, Units

Vector = NDArray[np.float64]
NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
PSEUDO_COUNTS = 0.25
"""Ratings added to each category of an item, so that a category nobody used has finite steps."""
LEAST_INFORMATION = 1e-3
LONGEST_STEP = 3.0
"""Logits that a unit's place may move in a round."""
LEAST_VARIANCE, MOST_VARIANCE = 1e-4, 25.0
HASTE = 0.6
"""How much further than it should a variance goes in a round: it would come near in ever smaller steps."""
DOUBTING = (3, 7)
"""Rounds after which it is asked again which raters answered without looking."""


@dataclass(frozen=True, slots=True)
class Variances:
    """Variances of the effects, in squared logits. The defaults are the anchors of small cohorts: ours, a little wider
    than what simulated cohorts at literature-like reliability have. `severity` is 0 where every rater rated one person:
    it is then a part of `halo`.
    """

    participant: float = 1.0
    severity: float = 0.25
    halo: float = 0.6
    scene: float = 0.3


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
        self.anchor = self.variances.halo
        self.own_halo = bool(units.pair.max(initial=0) + 1 == len(units))
        """Each unit has a halo of its own, so that it needs no unknown: it is noise of a known share."""
        self.design = Design(self._effects())
        self.answered = units.answers != NOT_RATED
        self.coverage = Coverage.of(self.answered)
        self.doubt = np.zeros(len(units))
        self.counts = counted(units.answers, units.steps)
        self.cumulative = self._first_steps()
        self.leniency = np.zeros(int(units.group.max(initial=0)) + 1)
        self.psi, self.spread = self._first_places(), np.full(len(units), 0.3)
        self.told = self.pull = np.zeros(len(units))
        """What a unit's answers say: 1 / variance, and that times the place (the site of expectation propagation)."""

    def _effects(self) -> dict[str, Codes]:
        units = self.units
        found = {"participant": units.participant}
        found |= {"scene": units.scene} if units.has_scenes else {}
        found |= {"severity": units.rater} if self.separable else {}
        return found | ({} if self.own_halo else {"halo": units.pair})

    def run(self) -> Fit:
        converged, count = False, 0
        for count in range(1, self.options.rounds + 1):
            before, known = self.psi, self.variances
            self._round(learning=True)
            if self.options.doubting and count in DOUBTING:
                self._doubt()
            elif self._settled(before, known):
                converged = True
                break
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
            psi=self.psi,
            spread=self.spread,
            doubt=self.doubt,
            rounds=count,
            converged=converged,
        )

    def _settled(self, before: Vector, known: Variances) -> bool:
        moved = float(np.sqrt(np.mean((self.psi - before) ** 2)))
        grown = max(abs(getattr(self.variances, name) - getattr(known, name)) for name in Variances.__slots__)
        return moved < self.options.enough and grown < 5 * self.options.enough

    def _of(self, name: str) -> tuple[Vector, Vector]:
        if name in self.design.effects:
            return self.solution.means[name], self.solution.variances[name]
        none = np.full(int(self.units.rater.max(initial=-1)) + 1, np.nan)
        return none, none

    def _doubt(self) -> None:
        places = self.solution.means["participant"]
        expected = self.leniency[self.units.group] + places[self.units.participant]
        v = self.variances
        self.doubt = doubts(self.units, self.cumulative, expected, v.severity, v.halo + v.scene * self.units.has_scenes)
        doubted = np.nonzero(self.doubt > 0)[0]
        lost = np.stack(
            [
                (self.doubt[doubted, None] * (self.units.answers[doubted] == k)).sum(axis=0)
                for k in range(self.units.steps + 1)
            ],
            axis=1,
        )
        self.counts = counted(self.units.answers, self.units.steps) - lost

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
        if self.options.smoothed and self.told.any():
            nodes, weights = self._by_moments(tables)
        else:
            nodes, weights = self._by_curvature(tables)
        self._solve(learning=learning)
        if learning:
            self._learn_items(nodes, weights)

    def _by_curvature(self, tables: ItemTables) -> tuple[list[Places], list[Vector]]:
        """Newton's way, at the present places: for the first round, and for joint maximum likelihood."""
        at = Places.of(self.psi)
        self.told = np.maximum(self.coverage.summed(tables.variance, at), LEAST_INFORMATION)
        surprise = (self.units.score - self.coverage.summed(tables.expected, at)) / self.told
        self.pull = self.told * (self.psi + np.clip(surprise, -LONGEST_STEP, LONGEST_STEP))
        return [at], [1 - self.doubt]

    def _by_moments(self, tables: ItemTables) -> tuple[list[Places], list[Vector]]:
        """Mean and variance of each unit's place, given its answers and what everything else says of it."""
        believed = 1 - self.doubt
        others = np.maximum(1 / self.spread - believed * self.told, 1e-2 / self.spread)
        centre = (self.psi / self.spread - believed * self.pull) / others
        deviation = 1 / np.sqrt(others + self.told)
        middle = (others * centre + self.pull) * deviation**2
        points = [middle + node * deviation for node in NODES]
        places = [Places.of(point) for point in points]
        logs = [
            np.log(weight) + node**2 / 2 - others * (point - centre) ** 2 / 2
            + self.units.score * point - self.coverage.summed(tables.norm, at)
            for node, weight, point, at in zip(NODES, NODE_WEIGHTS, points, places, strict=True)
        ]  # fmt: skip
        highest = np.maximum.reduce(logs)
        weights = [np.exp(each - highest) for each in logs]
        total = sum(weights, np.zeros(len(highest)))
        weights = [each / total for each in weights]
        mean = sum((w * x for w, x in zip(weights, points, strict=True)), np.zeros(len(total)))
        variance = sum((w * (x - mean) ** 2 for w, x in zip(weights, points, strict=True)), np.zeros(len(total)))
        # a step at a time where the points were set too narrowly, and never more than the answers can hold
        told = 1 / np.maximum(variance, deviation**2 / 2) - others
        self.told = np.clip(told, LEAST_INFORMATION, self.answered @ tables.variance.max(axis=1))
        mean = np.clip(mean, middle - LONGEST_STEP, middle + LONGEST_STEP)
        self.pull = mean * (self.told + others) - centre * others
        return places, [each * believed for each in weights]

    def _solve(self, *, learning: bool) -> None:
        """Effects from what the units' answers say; from them where each unit stands, and how surely."""
        groups, halo = self.units.group, self.variances.halo
        response = self.pull / self.told
        believed = np.maximum(self.told * (1 - self.doubt), LEAST_INFORMATION)
        weight = 1 / (halo + 1 / believed) if self.own_halo else believed
        variances = {name: getattr(self.variances, name) for name in self.design.effects}
        self.solution = self.design.solved(weight, response - self.leniency[groups], variances, shown=not learning)
        at_units = self.solution.at_units
        if learning:
            total = np.bincount(groups, weight, len(self.leniency))
            left = np.bincount(groups, weight * (response - at_units), len(self.leniency))
            self.leniency = left / np.maximum(total, 1e-9)
        place = self.leniency[groups] + at_units
        kept = halo * weight if self.own_halo else np.zeros(len(weight))
        own = kept * (response - place)
        self.psi = place + own
        self.spread = (1 - kept) ** 2 * self.solution.of_units + (halo * (1 - kept) if self.own_halo else 0.0)
        self._centre()
        if learning and not self.options.anchored:
            self._learn_variances(own, kept)
        elif learning and self.options.widening and self.own_halo:
            grown = _schall(halo, own, halo * (1 - kept) + kept**2 * self.solution.of_units)
            self.variances = replace(self.variances, halo=min(max(grown, self.anchor), MOST_VARIANCE))

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
        of_all = float(np.bincount(self.units.group, minlength=size) @ self.leniency) / len(self.units)
        self.leniency = self.leniency - of_all
        place = self.solution.means["participant"]
        moved = of_all + float(place.mean())
        place -= place.mean()
        self.cumulative = self.cumulative - moved * np.arange(self.cumulative.shape[1])
        self.psi = self.psi - moved
        self.pull = self.pull - moved * self.told

    def _learn_variances(self, own: Vector, kept: Vector) -> None:
        found = self.solution
        learned = {
            name: _schall(getattr(self.variances, name), mean, found.variances[name])
            for name, mean in found.means.items()
        }
        if self.own_halo:
            before = self.variances.halo
            learned["halo"] = _schall(before, own, before * (1 - kept) + kept**2 * found.of_units)
        bounded = {
            name: min(max(each * (each / getattr(self.variances, name)) ** HASTE, LEAST_VARIANCE), MOST_VARIANCE)
            for name, each in learned.items()
        }
        self.variances = replace(self.variances, **bounded)

    def _learn_items(self, nodes: list[Places], weights: list[Vector]) -> None:
        histograms = np.zeros((self.coverage.items, len(GRID)))
        for each, weight in zip(nodes, weights, strict=True):
            histograms += self.coverage.histograms(each, weight)
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
    return float((mean * mean).sum()) / effective if effective > 1e-6 else variance / 2
