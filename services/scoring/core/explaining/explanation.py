"""What made a result: domain by domain its sources and their shares, rater groups, items, shifts and flags."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.scoring.core.appraisal_360 import EXEMPT
from services.scoring.core.counted import appraisal_of, observations
from services.scoring.core.evidence import Piece, current
from services.scoring.core.explaining.items import ItemFigure, items_of
from services.scoring.core.replay import waived_in
from shared.cohort.definition import CohortDefinition
from shared.words import Instrument

EARLIER = (
    "groups and items are not shown: an earlier version differs by the answers of fewer than {minimum} raters, which "
    "could be worked out from the difference"
)
Refs = Iterable[Mapping[str, Any]]
"""Pieces of evidence as a result document names them."""


@dataclass(frozen=True, slots=True)
class SourceExplained:
    """A source's part. `described`: the plain mean over its raters; `shift`: what correcting for who rated moved it by.
    `points`: what it adds to the domain, weight × estimate; None where sources are joined on the logit scale.
    """

    instrument: Instrument
    weight: float
    described: float
    estimate: float
    shift: float
    points: float | None
    reason: str | None
    evidence: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class DomainExplained:
    """One domain of a result. `result`: its part of the document."""

    domain: str
    name: str
    result: Mapping[str, Any]
    sources: tuple[SourceExplained, ...]
    groups: tuple[Mapping[str, Any], ...]
    items: tuple[ItemFigure, ...]
    shifts: tuple[str, ...]
    flags: tuple[Mapping[str, Any], ...]
    withheld: str | None


def explained(
    definition: CohortDefinition, document: Mapping[str, Any], pieces: Iterable[Piece], earlier: Iterable[Refs]
) -> tuple[DomainExplained, ...]:
    """Each domain of a result, in its order. `pieces`: those that it rests on; `earlier`: those of earlier versions.

    Nothing in it is about fewer raters than the cohort's minimum, self and line manager apart, and no rater is named.
    """
    now, minimum = current(pieces), definition.disclosure.group_minimum
    appraisal = appraisal_of(definition, now)
    observed = observations(definition, appraisal, now, waived_in(document))
    closed = EARLIER.format(minimum=minimum) if _differs_by_few(document["evidence"], earlier, minimum) else None
    names = _names(definition)
    found = []
    for result in document.get("domains", ()):
        code = result["domain"]
        figure = next(
            f for f in document["figures"] if (f["domain"], f["facet"], f["competency"]) == (code, None, None)
        )
        items = items_of(observed, appraisal, code, minimum, names)
        found.append(
            DomainExplained(
                domain=code,
                name=definition.framework.domain[code].name,
                result=result,
                sources=_sources(result, figure),
                groups=() if closed else tuple(figure["groups"]),
                items=tuple(item for item in items if not closed or item.instrument is not Instrument.APPRAISAL_360),
                shifts=_shifts(document, result),
                flags=tuple(flag for flag in document["flags"] if flag["domain"] in {code, None}),
                withheld=closed,
            )
        )
    return tuple(found)


def _sources(result: Mapping[str, Any], figure: Mapping[str, Any]) -> tuple[SourceExplained, ...]:
    described = {source["instrument"]: source["estimate"] for source in figure["sources"]}
    counts = ("raters", "items", "asked", "answered", "not_observed", "exercises", "late")
    return tuple(
        SourceExplained(
            instrument=Instrument(source["instrument"]),
            weight=source["weight"],
            described=described[source["instrument"]],
            estimate=source["estimate"],
            shift=source["estimate"] - described[source["instrument"]],
            points=source["weight"] * source["estimate"] if result["basis"] == "means" else None,
            reason=source["reason"],
            evidence={name: source[name] for name in counts},
        )
        for source in result["sources"]
    )


def _shifts(document: Mapping[str, Any], result: Mapping[str, Any]) -> tuple[str, ...]:
    """What moved the figure away from plain means, in words."""
    told = [
        f"{Instrument(source['instrument']).label}: not adjusted: {source['reason']}"
        for source in result["sources"]
        if source["reason"]
    ]
    if result["basis"] == "many-facet":
        told.append(
            "sources are joined by weight and precision on the logit scale, and drawn towards the cohort's mean by as "
            "much as their error makes likely"
        )
    if document["withheld"]:
        told.append("a rater group that is too small is in no figure")
    told += [f"does without {each['name']} (waived)" for each in document.get("waived", ())]
    return tuple(told)


def _names(definition: CohortDefinition) -> dict[str, str]:
    pack = definition.framework
    cells = {
        f"{cell.exercise}/{cell.competency}": f"{cell.name}: {pack.competency[cell.competency].name}"
        for cell in definition.exercises
    }
    criteria = {criterion.code: criterion.name for criterion in definition.criteria}
    return {item.code: item.statement for item in pack.items} | cells | criteria


def _differs_by_few(now: Sequence[Mapping[str, Any]], earlier: Iterable[Refs], minimum: int) -> bool:
    """Whether some earlier version has other answers of only a few raters, self and line manager apart."""
    mine = _answers(now)
    return any(0 < len({rater for rater, _ in mine ^ _answers(refs)}) < minimum for refs in earlier)


def _answers(refs: Refs) -> set[tuple[str, str]]:
    exempt = {each.value for each in EXEMPT}
    return {(r["by"], r["evidence"]) for r in refs if r["relationship"] is not None and r["relationship"] not in exempt}
