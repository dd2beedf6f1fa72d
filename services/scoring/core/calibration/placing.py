"""A participant who was not in a calibration, placed against it: items, severities and variances as they were found.

Expectation propagation (Minka 2001) over the participant's own units, a rater's answers (in one exercise) each: with
few unknowns everything is exact but the answers' moments. A rater whom the calibration knows has the severity found
there, with its error; another one has that of its group, with the variance of severities.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.calibration.calibration import CalibratedPart
from services.scoring.core.calibration.gathering import exercise_of, group_of
from services.scoring.core.observations import Rating
from shared.ids import RaterId
from shared.words import Relationship

Vector = NDArray[np.float64]
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
ROUNDS, ENOUGH = 200, 1e-10
NEWTON = 50
DAMPED = 0.8
NOT_RATED = -1


@dataclass(frozen=True, slots=True)
class Placed:
    """Place in logits, its error variance, and how many of the raters link to the calibration."""

    place: float
    variance: float
    links: int
    raters: int


@dataclass(frozen=True, slots=True)
class _Units:
    """A participant's units: answers (units × items, NOT_RATED where none), prior mean and covariance."""

    answers: NDArray[np.int64]
    cumulative: NDArray[np.float64]
    mean: Vector
    covariance: NDArray[np.float64]


def placed(
    part: CalibratedPart, ratings: Sequence[Rating], relationships: Mapping[RaterId, Relationship]
) -> Placed | None:
    """Where these ratings of one source and domain put a participant; None if no calibrated item was rated."""
    known = part.document["items"]
    given = sorted((r for r in ratings if r.item in known), key=lambda r: (r.unit, exercise_of(r), r.item))
    if not given:
        return None
    units = _units(part, given, relationships)
    mean, covariance = _propagated(units)
    prior = part.variance["participant"]
    # what the units say of the participant: theta is a part of each of them
    gain = np.linalg.solve(units.covariance, np.full(len(units.mean), prior))
    place = float(gain @ (mean - units.mean))
    variance = float(prior - gain @ (units.covariance - covariance) @ gain)
    severities = part.document["severities"]
    raters = {rating.unit for rating in given}
    links = sum(bool(severities.get(rater, [0, 0, False])[2]) for rater in raters)
    return Placed(place, variance, links, len(raters))


def _units(part: CalibratedPart, given: Sequence[Rating], relationships: Mapping[RaterId, Relationship]) -> _Units:
    items = {item: n for n, item in enumerate(part.document["items"])}
    rows: dict[tuple[RaterId, str], list[Rating]] = defaultdict(list)
    for rating in given:
        rows[rating.unit, exercise_of(rating)].append(rating)
    answers = np.full((len(rows), len(items)), NOT_RATED, dtype=np.int64)
    values = np.array(part.document["values"])
    for row, ratings in enumerate(rows.values()):
        for rating in ratings:
            answers[row, items[rating.item]] = int(np.argmin(np.abs(values - rating.value)))
    raters, scenes = [rater for rater, _ in rows], [scene for _, scene in rows]
    groups = [group_of(ratings[0], relationships) for ratings in rows.values()]
    mean, covariance = _prior(part, raters, scenes, groups)
    return _Units(answers, part.scale.cumulative, mean, covariance)


def _prior(
    part: CalibratedPart, raters: Sequence[RaterId], scenes: Sequence[str], groups: Sequence[str]
) -> tuple[Vector, NDArray[np.float64]]:
    v, leniency, severities = part.variance, part.document["leniency"], part.document["severities"]
    usual = float(np.mean(list(leniency.values())))
    told = [severities.get(rater, [0.0, v["severity"], False]) for rater in raters]
    mean = np.array([leniency.get(g, usual) - s[0] for g, s in zip(groups, told, strict=True)])
    same_rater = np.equal.outer(np.array(raters, dtype=object), np.array(raters, dtype=object))
    same_scene = np.equal.outer(np.array(scenes, dtype=object), np.array(scenes, dtype=object))
    own = np.array([s[1] for s in told]) + v["halo"]
    covariance = v["participant"] + same_scene * v["scene"] + same_rater * own[:, None]
    # the halo as the smallest unit of noise keeps the matrix far from singular
    return mean, covariance + np.eye(len(raters)) * 1e-6


def _propagated(units: _Units) -> tuple[Vector, NDArray[np.float64]]:
    """Posterior mean and covariance of the units' places."""
    told, pull = np.zeros(len(units.mean)), np.zeros(len(units.mean))
    mean, covariance = units.mean, units.covariance
    for _ in range(ROUNDS):
        own = np.diag(covariance)
        cavity = 1 / (1 / own - told)
        centre = cavity * (mean / own - pull)
        at, spread = _moments(units, centre, cavity)
        new_told = np.maximum(1 / spread - 1 / cavity, 1e-6)
        new_pull = at / spread - centre / cavity
        change = float(np.max(np.abs(new_told - told) + np.abs(new_pull - pull)))
        told, pull = told + DAMPED * (new_told - told), pull + DAMPED * (new_pull - pull)
        mean, covariance = _posterior(units, told, pull)
        if change < ENOUGH:
            break
    return mean, covariance


def _posterior(units: _Units, told: Vector, pull: Vector) -> tuple[Vector, NDArray[np.float64]]:
    root = np.sqrt(told)
    inner = np.eye(len(told)) + root[:, None] * units.covariance * root[None, :]
    covariance = units.covariance - (units.covariance * root) @ np.linalg.solve(inner, root[:, None] * units.covariance)
    return units.mean + covariance @ (pull - told * units.mean), covariance


def _moments(units: _Units, centre: Vector, cavity: Vector) -> tuple[Vector, Vector]:
    """Mean and variance of each unit's place, given its answers and what everything else says of it."""
    answered = units.answers != NOT_RATED
    score = np.where(answered, units.answers, 0).sum(axis=1).astype(float)
    at = centre.copy()
    for _ in range(NEWTON):
        _, expected, spread = _sums(units, answered, at[:, None])
        step = (score - expected[:, 0] - (at - centre) / cavity) / (spread[:, 0] + 1 / cavity)
        at = at + np.clip(step, -2.0, 2.0)
        if float(np.max(np.abs(step))) < ENOUGH:
            break
    deviation = 1 / np.sqrt(_sums(units, answered, at[:, None])[2][:, 0] + 1 / cavity)
    points = at[:, None] + NODES * deviation[:, None]
    norm, _, _ = _sums(units, answered, points)
    logs = score[:, None] * points - norm - (points - centre[:, None]) ** 2 / (2 * cavity[:, None]) + NODES**2 / 2
    weight = WEIGHTS * np.exp(logs - logs.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    mean = (weight * points).sum(axis=1)
    return mean, (weight * (points - mean[:, None]) ** 2).sum(axis=1)


def _sums(units: _Units, answered: NDArray[np.bool_], points: Vector) -> tuple[Vector, Vector, Vector]:
    """Over each unit's answered items at its points (units × points): log norm, expected score, its variance."""
    k = np.arange(units.cumulative.shape[1], dtype=float)
    logits = points[:, :, None, None] * k - units.cumulative[None, None]
    highest = logits.max(axis=3, keepdims=True)
    chance = np.exp(logits - highest)
    total = chance.sum(axis=3)
    first, second = (chance * k).sum(axis=3) / total, (chance * k**2).sum(axis=3) / total
    norm = np.log(total) + highest[..., 0]
    held = answered[:, None, :]
    return (norm * held).sum(axis=2), (first * held).sum(axis=2), ((second - first**2) * held).sum(axis=2)
