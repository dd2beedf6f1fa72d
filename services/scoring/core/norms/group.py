"""A norm group: whose results they are, of when, under which terms; frozen, without anybody's id."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from services.scoring.core.canonical import canonical, hashed
from services.scoring.core.observations import FigureKey
from services.scoring.core.remeasuring.pairing import Figure
from services.scoring.core.scales import rounded
from shared.errors import PermanentError
from shared.framework import FrameworkPack
from shared.framework.comparing import compared
from shared.words import Facet

SMALLEST = 100
"""People without whom there is no norm: a percentile is known to ± 10 points then."""
USUAL = 400
"""From which it is not provisional: ± 5 points."""
Mix = tuple[tuple[str, float], ...]
"""Sources of a figure and their weights: what it is a mixture of."""


class NoNorms(PermanentError):
    """No norm group can be made of these cohorts, or none of this name is there."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """One cohort's current results."""

    cohort: str
    opens: date
    closes: date
    framework: FrameworkPack
    people: Sequence[Sequence[Figure]]
    """One for each participant."""


@dataclass(frozen=True)
class NormGroup:
    """`document` is canonical JSON, `hash` its SHA-256 (hex): the same results make the same group."""

    document: str

    @cached_property
    def _read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.document)
        return found

    @property
    def hash(self) -> str:
        """Names the group for good."""
        return hashed(self.document)

    @property
    def cohorts(self) -> list[dict[str, Any]]:
        """Code, opening and closing day, and people of each cohort in it."""
        found: list[dict[str, Any]] = self._read["cohorts"]
        return found

    @property
    def described_by(self) -> str:
        """The model whose figures they are."""
        return str(self._read["described_by"])

    @cached_property
    def framework(self) -> FrameworkPack:
        """Under which they were made."""
        return FrameworkPack.model_validate(self._read["framework"])

    @cached_property
    def values(self) -> dict[FigureKey, tuple[Mix, tuple[float, ...]]]:
        """Figure → what it is a mixture of, and the group's estimates, sorted."""
        return {
            (each["domain"], Facet(each["facet"]) if each["facet"] else None, each["competency"]): (
                tuple((instrument, weight) for instrument, weight in each["mix"]),
                tuple(each["values"]),
            )
            for each in self._read["figures"]
        }

    @property
    def n(self) -> int:
        """People in it."""
        return sum(int(each["n"]) for each in self.cohorts)


def mix_of(figure: Figure) -> Mix:
    """Sources and weights of a figure."""
    return tuple(sorted((str(instrument), rounded(each.weight)) for instrument, each in figure.sources.items()))


def norm_group(contributions: Sequence[Contribution]) -> NormGroup:
    """Freeze the current results of these cohorts. A figure enters where all cohorts ask the same for it, by the same
    mixture of sources (the most frequent one); it stays where a hundred people have it.

    Raises NoNorms: fewer than a hundred people, two models, or no figure that all have alike.
    """
    people = [figures for each in contributions for figures in each.people]
    models = {figure.described_by for figures in people for figure in figures}
    if len(models) > 1:
        raise NoNorms(f"their results are described by {' and '.join(sorted(models))}; run the cohorts with one model")
    n = sum(bool(figures) for figures in people)
    if n < SMALLEST:
        raise NoNorms(f"{n} people are scored in these cohorts; norms need {SMALLEST}")
    first = contributions[0].framework
    alike = [compared(first, each.framework) for each in contributions[1:]]
    given: dict[FigureKey, dict[Mix, list[float]]] = defaultdict(lambda: defaultdict(list))
    for figures in people:
        for figure in figures:
            if all(each.comparable(*figure.key) for each in alike):
                given[figure.key][mix_of(figure)].append(rounded(figure.estimate))
    usual = {key: max(mixes.items(), key=lambda each: (len(each[1]), each[0])) for key, mixes in given.items()}
    kept = {key: (mix, values) for key, (mix, values) in usual.items() if len(values) >= SMALLEST}
    if not kept:
        raise NoNorms("no figure is asked alike, of the same sources, of a hundred people in these cohorts")
    return NormGroup(canonical(_document(contributions, first, models.pop(), kept)))


def _document(
    contributions: Iterable[Contribution],
    framework: FrameworkPack,
    described_by: str,
    kept: Mapping[FigureKey, tuple[Mix, list[float]]],
) -> dict[str, Any]:
    return {
        "cohorts": [
            {
                "cohort": each.cohort,
                "opens": each.opens.isoformat(),
                "closes": each.closes.isoformat(),
                "framework": each.framework.label,
                "n": sum(bool(figures) for figures in each.people),
            }
            for each in contributions
        ],
        "described_by": described_by,
        "framework": framework.model_dump(mode="json"),
        "figures": [
            {"domain": d, "facet": f, "competency": c, "mix": [list(each) for each in mix], "values": sorted(values)}
            for (d, f, c), (mix, values) in kept.items()
        ],
    }
