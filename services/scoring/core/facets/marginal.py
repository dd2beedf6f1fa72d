"""Marginal maximum likelihood of the many-facet model with raters as fixed effects and a normal distribution of places:
what R's TAM fits. For comparison only: no halo, so its intervals are too short; it takes some hundreds of parameters.

Likelihood and its gradient by Fisher's identity over a fine grid (Bock & Aitkin 1981, Psychometrika 46:443), maximised
by BFGS. Coarse grids are wrong where a participant has many ratings: the spacing must be below half a posterior's SD.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize

from services.scoring.core.facets.ratings import Ratings
from services.scoring.core.facets.threads import in_one_thread

Vector = NDArray[np.float64]
Steps = Literal["common", "own"]
OfRaters = Literal["none", "additive", "by item"]
GRID = np.linspace(-8.0, 8.0, 321)
IMPOSSIBLE = -1e6
"""Log odds of a category that an item does not have."""
MOST_PARAMETERS = 400


class TooManyParameters(ValueError):
    """More raters or items than this method should be asked to take."""


@dataclass(frozen=True, slots=True)
class MarginalFit:
    """`cumulative`: items × categories, sums of steps with the scale's location (places have mean 0). Severities sum to
    0. `interaction`: raters × items, summing to 0 both ways, or None. `place` and `place_error`: means and standard
    deviations of the posteriors (EAP).
    """

    cumulative: NDArray[np.float64]
    severity: Vector
    severity_error: Vector
    interaction: NDArray[np.float64] | None
    place: Vector
    place_error: Vector
    variance: float
    deviance: float
    parameters: int

    @property
    def difficulty(self) -> Vector:
        """Of items, with the location."""
        found: Vector = self.cumulative[:, -1] / (self.cumulative.shape[1] - 1)
        return found


@in_one_thread
def marginal_fit(
    ratings: Ratings, *, steps: Steps = "common", raters: OfRaters = "additive", observed_only: bool = False
) -> MarginalFit:
    """Fit. Steps `common` to all items or each item's `own`; raters not at all, with a severity each, or by item.
    `observed_only`: no item has categories above the highest that it was given, as TAM takes it.

    Raises TooManyParameters.
    """
    return _Marginal(ratings, steps, raters, observed_only=observed_only).run()


class _Marginal:
    def __init__(self, ratings: Ratings, steps: Steps, raters: OfRaters, *, observed_only: bool) -> None:
        self.items, self.raters = int(ratings.item.max()) + 1, int(ratings.rater.max()) + 1
        self.top = ratings.steps
        self.k = np.arange(self.top + 1.0)
        self.with_raters = raters
        cells, cell = np.unique(ratings.item * self.raters + ratings.rater, return_inverse=True)
        self.cells, self.cell_item, self.cell_rater = len(cells), cells // self.raters, cells % self.raters
        highest = np.full(self.items, 0 if observed_only else self.top)
        np.maximum.at(highest, ratings.item, ratings.score)
        self.impossible = self.k[None, :] > highest[self.cell_item][:, None]
        categories = self.top + 1
        people = int(ratings.participant.max()) + 1
        column = cell.ravel() * categories + ratings.score
        shape = (people, self.cells * categories)
        self.given = sparse.csr_matrix((np.ones(len(column)), (ratings.participant, column)), shape=shape)
        self.basis = self._basis(steps)
        if self.basis.shape[2] + 1 > MOST_PARAMETERS:
            raise TooManyParameters(f"{self.basis.shape[2] + 1} parameters; at most {MOST_PARAMETERS}")

    def _basis(self, steps: Steps) -> NDArray[np.float64]:
        """How parameters make the cumulative steps of each cell (cells × categories × parameters)."""
        parts = []
        if steps == "common":
            difficulty = np.zeros((self.cells, self.top + 1, self.items))
            difficulty[np.arange(self.cells), :, self.cell_item] = self.k
            within = np.zeros((self.cells, self.top + 1, self.top - 1))
            for step in range(self.top - 1):
                within[:, step + 1, step] = 1.0
            parts += [difficulty, within]
        else:
            own = np.zeros((self.cells, self.top + 1, self.items * self.top))
            for step in range(self.top):
                own[np.arange(self.cells), step + 1, self.cell_item * self.top + step] = 1.0
            parts.append(own)
        self.of_items = sum(part.shape[2] for part in parts)
        to_zero = np.vstack([np.eye(self.raters - 1), -np.ones(self.raters - 1)])[self.cell_rater]
        if self.with_raters != "none":
            parts.append(self.k[None, :, None] * to_zero[:, None, :])
        if self.with_raters == "by item":
            of_items = np.vstack([np.eye(self.items - 1), -np.ones(self.items - 1)])[self.cell_item]
            both = (to_zero[:, :, None] * of_items[:, None, :]).reshape(self.cells, -1)
            parts.append(self.k[None, :, None] * both[:, None, :])
        return np.concatenate(parts, axis=2)

    def _tables(self, parameters: Vector) -> NDArray[np.float64]:
        """Log chance of each cell's categories on the grid (cells × categories × grid)."""
        cumulative = self.basis @ parameters[:-1]
        logits = self.k[None, :, None] * GRID - cumulative[:, :, None]
        logits[self.impossible] = IMPOSSIBLE
        logits -= logits.max(axis=1, keepdims=True)
        chances: NDArray[np.float64] = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return chances

    def _posterior(self, parameters: Vector, tables: NDArray[np.float64]) -> tuple[NDArray[np.float64], Vector]:
        """Of each participant over the grid, and each one's log likelihood."""
        prior = -(GRID**2) / (2 * np.exp(2 * parameters[-1]))
        prior -= np.log(np.exp(prior).sum())
        logs = self.given @ tables.reshape(-1, len(GRID)) + prior
        highest = logs.max(axis=1, keepdims=True)
        likelihood = np.exp(logs - highest)
        total = likelihood.sum(axis=1, keepdims=True)
        return likelihood / total, (np.log(total) + highest).ravel()

    def _deviance(self, parameters: Vector) -> tuple[float, Vector]:
        tables = self._tables(parameters)
        posterior, logs = self._posterior(parameters, tables)
        counts = (self.given.T @ posterior).reshape(self.cells, self.top + 1, len(GRID))
        beyond = (counts - counts.sum(axis=1, keepdims=True) * np.exp(tables)).sum(axis=2)
        gradient = np.empty(len(parameters))
        gradient[:-1] = 2 * np.einsum("ck,ckp->p", beyond, self.basis)
        variance = np.exp(2 * parameters[-1])
        prior = np.exp(-(GRID**2) / (2 * variance))
        supposed = float(prior @ GRID**2) / float(prior.sum())
        gradient[-1] = -2 * float((posterior @ GRID**2 - supposed).sum()) / variance
        return -2 * float(logs.sum()), gradient

    def run(self) -> MarginalFit:
        found = minimize(
            self._deviance,
            np.zeros(self.basis.shape[2] + 1),
            jac=True,
            method="BFGS",
            options={"gtol": 1e-5, "maxiter": 2_000},
        )
        parameters: Vector = np.asarray(found.x)
        posterior, logs = self._posterior(parameters, self._tables(parameters))
        place = posterior @ GRID
        cumulative = np.zeros((self.items, self.top + 1))
        cumulative[self.cell_item] = (self.basis[:, :, : self.of_items] @ parameters[: self.of_items])[:]
        severity, error, interaction = self._of_raters(parameters, 2 * np.asarray(found.hess_inv))
        return MarginalFit(
            cumulative=cumulative,
            severity=severity,
            severity_error=error,
            interaction=interaction,
            place=place,
            place_error=np.sqrt(np.maximum(posterior @ GRID**2 - place**2, 0.0)),
            variance=float(np.exp(2 * parameters[-1])),
            deviance=-2 * float(logs.sum()),
            parameters=len(parameters),
        )

    def _of_raters(
        self, parameters: Vector, covariance: NDArray[np.float64]
    ) -> tuple[Vector, Vector, NDArray[np.float64] | None]:
        """Severities, their errors (by the optimiser's curvature: near), and interactions."""
        if self.with_raters == "none":
            return np.zeros(self.raters), np.full(self.raters, np.nan), None
        start = self.of_items
        to_zero = np.vstack([np.eye(self.raters - 1), -np.ones(self.raters - 1)])
        part = slice(start, start + self.raters - 1)
        error = np.sqrt(np.maximum(np.einsum("rp,pq,rq->r", to_zero, covariance[part, part], to_zero), 0.0))
        if self.with_raters == "additive":
            return to_zero @ parameters[part], error, None
        of_items = np.vstack([np.eye(self.items - 1), -np.ones(self.items - 1)])
        free = parameters[part.stop : -1].reshape(self.raters - 1, self.items - 1)
        return to_zero @ parameters[part], error, to_zero @ free @ of_items.T
