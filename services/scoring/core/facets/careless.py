"""Raters who answered without looking: one and the same answer to every item about everybody.

A sum score hides them: to the model "all fives" is high praise. So a rater whose every answer is the same is weighed
against what the model expects of a rater who looked: P(careless) by Bayes' rule over raters, the share of careless
raters learned from these data (a two-class mixture, EM). What the rater gave counts as little as the rater is doubted.
"""

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.facets.items import probabilities
from services.scoring.core.facets.ratings import NOT_RATED, Units

Vector = NDArray[np.float64]
FIRST_SHARE, MOST_SHARE = 0.02, 0.2
ENOUGH_RATERS = 50
"""Raters from which the share of careless ones is learned."""
LEAST_ITEMS = 4
"""Answers a rater must have given: below, alike says nothing."""
TOP_SHARE = 0.5
"""Careless raters who choose the highest answer; the others choose any, equally often."""
MARKS = np.arange(-12.0, 12.01, 0.1)
NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(9)


def doubts(units: Units, cumulative: NDArray[np.float64], expected: Vector, severity: float, halo: float) -> Vector:
    """For each unit the chance that its rater did not look. `expected`: where the participant stands for this rater's
    group, `severity` and `halo`: variances around that.
    """
    suspect, answer = _alike(units)
    raters = np.nonzero(suspect)[0]
    if len(raters) == 0:
        return np.zeros(len(units))
    chosen = np.nonzero(suspect[units.rater])[0]
    looked = _looked(units, cumulative, expected, severity, halo, chosen, answer)
    number = np.cumsum(suspect) - 1
    by_rater = np.zeros((len(raters), len(NODES)))
    np.add.at(by_rater, number[units.rater[chosen]], looked)
    honest = np.exp(by_rater) @ (NODE_WEIGHTS / NODE_WEIGHTS.sum())
    careless = np.where(answer[raters] == units.steps, TOP_SHARE, (1 - TOP_SHARE) / units.steps)
    found = np.zeros(len(suspect))
    found[raters] = _posterior(honest, careless, len(np.unique(units.rater)))
    doubt: Vector = found[units.rater]
    return doubt


def _alike(units: Units) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Raters whose answers are all the same, and which."""
    size = int(units.rater.max(initial=-1)) + 1
    given = units.answers != NOT_RATED
    highest = np.where(given, units.answers, -1).max(axis=1)
    lowest = np.where(given, units.answers, units.steps + 1).min(axis=1)
    high, low, count = np.full(size, -1), np.full(size, units.steps + 1), np.zeros(size)
    np.maximum.at(high, units.rater, highest)
    np.minimum.at(low, units.rater, lowest)
    np.add.at(count, units.rater, given.sum(axis=1))
    return (high == low) & (count >= LEAST_ITEMS), high


def _looked(
    units: Units,
    cumulative: NDArray[np.float64],
    expected: Vector,
    severity: float,
    halo: float,
    chosen: NDArray[np.int64],
    answer: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Log chance of each chosen unit's answers, the halo integrated out, at each node of its rater's severity."""
    logs = np.log(np.maximum(probabilities(MARKS, cumulative), 1e-300))  # items × marks × categories
    category = answer[units.rater[chosen]]
    given = (units.answers[chosen] != NOT_RATED).astype(float)
    along = np.empty((len(chosen), len(MARKS)))
    for k in np.unique(category):
        of_k = category == k
        along[of_k] = given[of_k] @ logs[:, :, k]
    found = np.empty((len(chosen), len(NODES)))
    for column, node in enumerate(NODES):
        centre = expected[chosen] - node * np.sqrt(severity)
        weight = np.exp(-((MARKS - centre[:, None]) ** 2) / (2 * halo)) + 1e-300
        weight /= weight.sum(axis=1, keepdims=True)
        found[:, column] = np.log((weight * np.exp(along)).sum(axis=1) + 1e-300)
    return found


def _posterior(honest: Vector, careless: Vector, raters: int) -> Vector:
    """P(careless) of the suspects, and with enough raters the share of careless ones among all."""
    share = FIRST_SHARE
    posterior = share * careless / (share * careless + (1 - share) * honest + 1e-300)
    for _ in range(50 if raters >= ENOUGH_RATERS else 0):
        share = min(max((float(posterior.sum()) + 0.5) / (raters + 25), 1e-4), MOST_SHARE)
        posterior = share * careless / (share * careless + (1 - share) * honest + 1e-300)
    return posterior
