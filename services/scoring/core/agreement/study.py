"""A generalizability study of a table of ratings: its variance components, how dependable the means are, and what more
raters or items would bring, in words.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.agreement.components import (
    MOST_RATINGS,
    RESIDUAL,
    Components,
    NotConverged,
    TooManyRatings,
    estimated,
)
from services.scoring.core.agreement.generalizability import PERSON, Decision, decision
from services.scoring.core.agreement.statistic import Z

Codes = NDArray[np.int64]
MORE = (1, 2, 4)
"""Raters more than now, that the D-study looks at."""
LEAST_PEOPLE = 5
TRUNCATED = 1e-9


@dataclass(frozen=True, slots=True)
class Study:
    """`design`: such as "p × i × r". `components`: variance by effect, in the ratings' squared unit; `errors`: standard
    errors. `conditions`: raters a person and items a form, as they are. `now`, and `more` with other numbers.
    `words`: what a leader needs to know. `withheld`: why there is none.
    """

    design: str
    components: Mapping[str, float]
    errors: Mapping[str, float]
    now: Decision | None
    more: tuple[Decision, ...]
    words: tuple[str, ...]
    people: int
    withheld: str | None = None


def study_of(score: NDArray[np.float64], person: Codes, rater: Codes, item: Codes) -> Study:
    """The study. Raters who rated several people are crossed with them, others nested in them; too many ratings are
    thinned to whole people, the first by code.
    """
    people = int(person.max(initial=-1)) + 1
    nested = bool(
        np.bincount(np.unique(person * (int(rater.max(initial=0)) + 1) + rater) % (int(rater.max(initial=0)) + 1)).max(
            initial=0
        )
        <= 1
    )
    several = len(np.unique(item)) > 1
    design = _design(nested=nested, several=several)
    if people < LEAST_PEOPLE or len(np.unique(rater)) < 2:
        return _none(design, people, f"it needs {LEAST_PEOPLE} people and two raters")
    kept = _thinned(person)
    facets = _facets(nested=nested, several=several)
    levels = {
        effect: _levels(parts, person, rater, item, kept) for effect, parts in facets.items() if effect != RESIDUAL
    }
    try:
        found = estimated(score[kept], {PERSON: person[kept].tolist(), **levels})
    except (NotConverged, TooManyRatings) as error:
        return _none(design, people, str(error))
    used = len(np.unique(person[kept]))
    raters = max(1, round(_harmonic(person[kept], rater[kept])))
    items = max(1, round(_harmonic(person[kept] * (int(rater.max()) + 1) + rater[kept], item[kept]))) if several else 1
    now = decision(found, facets, {"rater": raters, "item": items})
    more = tuple(decision(found, facets, {"rater": raters + extra, "item": items}) for extra in MORE)
    errors = np.sqrt(np.maximum(np.diag(found.covariance), 0.0))
    return Study(
        design=design,
        components=dict(found.variance),
        errors=dict(zip(found.variance, map(float, errors), strict=True)),
        now=now,
        more=more,
        words=tuple(_words(found, now, more, used, people)),
        people=used,
    )


def _design(*, nested: bool, several: bool) -> str:
    if nested:
        return "i × (r:p)" if several else "r:p"
    return "p × i × r" if several else "p × r"


def _facets(*, nested: bool, several: bool) -> dict[str, Sequence[str]]:
    """Of which facets each effect consists, the person's own apart."""
    if not several:
        found: dict[str, Sequence[str]] = {} if nested else {"rater": ["rater"]}
        return found | {RESIDUAL: ["person", "rater"]}
    both: dict[str, Sequence[str]] = {"person:rater": ["person", "rater"], "person:item": ["person", "item"]}
    alone: dict[str, Sequence[str]] = {"item": ["item"]}
    if not nested:
        alone |= {"rater": ["rater"]}
        both |= {"item:rater": ["item", "rater"]}
    return alone | both | {RESIDUAL: ["person", "item", "rater"]}


def _levels(parts: Sequence[str], person: Codes, rater: Codes, item: Codes, kept: NDArray[np.bool_]) -> list[int]:
    codes = {"person": person, "rater": rater, "item": item}
    key = np.zeros(int(kept.sum()), dtype=np.int64)
    for part in parts:
        key = key * (int(codes[part].max()) + 1) + codes[part][kept]
    return [int(each) for each in key]


def _thinned(person: Codes) -> NDArray[np.bool_]:
    """Ratings of as many whole people as the method takes."""
    count = np.cumsum(np.bincount(person))
    return person < max(int(np.searchsorted(count, MOST_RATINGS, side="right")), 1)


def _harmonic(outer: Codes, inner: Codes) -> float:
    """Harmonic mean of how many different inner levels each outer level has."""
    pairs = np.unique(np.stack([outer, inner], axis=1), axis=0)
    sizes = np.unique(pairs[:, 0], return_counts=True)[1]
    return float(len(sizes) / (1 / sizes).sum())


def _none(design: str, people: int, reason: str) -> Study:
    return Study(design, {}, {}, None, (), (), people, reason)


def _words(found: Components, now: Decision, more: Sequence[Decision], used: int, people: int) -> Iterator[str]:
    half = Z * now.sem_absolute
    raters = now.conditions["rater"]
    yield f"With {raters} raters a person's mean is known to about ± {half:.2f} points (95 %)."
    for each in more:
        extra = each.conditions["rater"] - raters
        narrower = Z * each.sem_absolute
        yield f"{_number(extra)} more {'rater' if extra == 1 else 'raters'} would narrow this to ± {narrower:.2f}."
    zero = [effect for effect, variance in found.variance.items() if variance < TRUNCATED]
    if zero:
        yield f"Estimated as zero, where chance alone would have given more: {', '.join(zero)}."
    if used < people:
        yield f"Components from the first {used} of {people} people: the method takes {MOST_RATINGS} ratings."


def _number(count: int) -> str:
    return {1: "One", 2: "Two", 3: "Three", 4: "Four"}.get(count, str(count))
