"""Ratings drawn from the many-facet model itself, with everything known that a fit is to find."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.facets.items import probabilities
from services.scoring.core.facets.ratings import Ratings, Units, collapsed

STEPS = np.array([-2.1, -0.9, 0.5, 2.5])


@dataclass(frozen=True, slots=True)
class Drawn:
    """Ratings, and what they were drawn from."""

    ratings: Ratings
    place: NDArray[np.float64]
    severity: NDArray[np.float64]
    difficulty: NDArray[np.float64]

    @property
    def units(self) -> Units:
        return collapsed(self.ratings)


def drawn(
    participants: int,
    raters: int,
    each: int,
    *,
    items: int = 8,
    seed: int = 1,
    severity: float = 0.5,
    halo: float = 0.6,
    missing: float = 0.0,
    nested: bool = False,
) -> Drawn:
    """Each participant rated by `each` of `raters` raters on every item, from 0 to 4. `nested`: raters of their own."""
    chance = np.random.default_rng(seed)
    place = chance.normal(size=participants)
    place -= place.mean()
    difficulty = chance.normal(scale=0.5, size=items)
    difficulty -= difficulty.mean()
    of_raters = chance.normal(scale=severity, size=participants * each if nested else raters)
    pairs = [
        (p, p * each + n if nested else int(r))
        for p in range(participants)
        for n, r in enumerate(range(each) if nested else chance.choice(raters, size=each, replace=False))
    ]
    who, whom = np.array(pairs).T
    psi = place[who] - of_raters[whom] + chance.normal(scale=halo, size=len(pairs))
    cumulative = np.concatenate([np.zeros((items, 1)), np.cumsum(difficulty[:, None] + STEPS, axis=1)], axis=1)
    chances = probabilities(psi, cumulative).transpose(1, 0, 2)
    score = (chance.random((len(pairs), items, 1)) > np.cumsum(chances, axis=2)[:, :, :-1]).sum(axis=2)
    there = chance.random(score.shape) >= missing
    unit, item = np.nonzero(there)
    zeros = np.zeros(len(unit), dtype=np.int64)
    ratings = Ratings(who[unit], whom[unit], item, zeros, zeros, score[there].astype(np.int64), 4)
    return Drawn(ratings, place, of_raters, difficulty)
