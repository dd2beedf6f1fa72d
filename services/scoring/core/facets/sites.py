"""What each unit's answers say of where it stands: a precision (`told`) and that times a place (`pull`), such that a
normal density stands in for the answers' likelihood (a site of expectation propagation, Minka 2001, UAI 17:362).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.facets.items import Coverage, ItemTables, Places
from services.scoring.core.facets.ratings import NOT_RATED, Units

Vector = NDArray[np.float64]
NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
LEAST_INFORMATION = 1e-3
LONGEST_STEP = 3.0
"""Logits that a unit's place may move in a round."""


@dataclass(frozen=True, slots=True)
class Believed:
    """Of each unit the place and its variance under everything that is known, and the chance that its rater did not
    look.
    """

    place: Vector
    spread: Vector
    doubt: Vector


@dataclass(frozen=True, slots=True)
class Sites:
    """Arrays over units; `places` and `weights`: points of each unit's place, and how likely each is."""

    told: Vector
    pull: Vector
    places: list[Places]
    weights: list[Vector]


class Answers:
    """The units' answers, prepared."""

    def __init__(self, units: Units) -> None:
        self.score = units.score
        self.answered = units.answers != NOT_RATED
        self.coverage = Coverage.of(self.answered)

    def by_curvature(self, tables: ItemTables, believed: Believed) -> Sites:
        """Newton's way, at the present places: for the first round, and for joint maximum likelihood."""
        at = Places.of(believed.place)
        told = np.maximum(self.coverage.summed(tables.variance, at), LEAST_INFORMATION)
        surprise = (self.score - self.coverage.summed(tables.expected, at)) / told
        pull = told * (believed.place + np.clip(surprise, -LONGEST_STEP, LONGEST_STEP))
        return Sites(told, pull, [at], [1 - believed.doubt])

    def by_moments(self, tables: ItemTables, believed: Believed, before: Sites) -> Sites:
        """Mean and variance of each unit's place, given its answers and what everything else says of it."""
        trust = 1 - believed.doubt
        others = np.maximum(1 / believed.spread - trust * before.told, 1e-2 / believed.spread)
        centre = (believed.place / believed.spread - trust * before.pull) / others
        deviation = 1 / np.sqrt(others + before.told)
        middle = (others * centre + before.pull) * deviation**2
        points = [middle + node * deviation for node in NODES]
        places = [Places.of(point) for point in points]
        logs = [
            np.log(weight) + node**2 / 2 - others * (point - centre) ** 2 / 2
            + self.score * point - self.coverage.summed(tables.norm, at)
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
        told = np.maximum(np.minimum(told, self.answered @ tables.variance.max(axis=1)), LEAST_INFORMATION)
        mean = np.clip(mean, middle - LONGEST_STEP, middle + LONGEST_STEP)
        return Sites(told, mean * (told + others) - centre * others, places, [each * trust for each in weights])
