"""Narrative flags: what somebody who reads a result should look at, each with its rule, trigger and figures.

A flag for `internal` is for whoever runs the cohort, never for the participant; none names a rater.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import fsum

from services.scoring.core.appraisal_360 import Appraisal, Group
from services.scoring.core.layers.domains import DomainResult
from services.scoring.core.layers.gate import Gate
from services.scoring.core.observations import Observations
from shared.ids import RaterId
from shared.words import Instrument

VERSION = "flags/1"
NOT_OBSERVED = 0.25
"""Share of "not observed" from which a figure rests on what few could see."""
DISAGREEMENT = 1 / 6
"""Mean absolute deviation from the group's mean, in categories of the answer scale, from which raters of a group
disagree (Burke & Dunlap 2002, Organizational Research Methods 5:159: A / 6)."""
DISPERSION_FROM = 5
"""Raters from which a group's spread may be told at all."""
STRAIGHT_ANSWERS = 6
"""Answers, all alike, from which a form is a straight line."""


class Audience(StrEnum):
    """Who may see a flag."""

    PARTICIPANT = "participant"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Flag:
    """One rule that fired. `trigger` says in words when it does; `figures` are those it was decided on."""

    rule: str
    domain: str | None
    audience: Audience
    trigger: str
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Ground:
    """What the flags of one domain are decided on. `own`: the participant's self rating."""

    result: DomainResult
    gate: Gate
    own: float | None
    means: Mapping[RaterId, float]
    """Each 360 rater's mean, others than self."""


def flags(grounds: Sequence[Ground], observations: Observations, appraisal: Appraisal) -> tuple[Flag, ...]:
    """Every flag of a result, domain by domain, then of the result as a whole."""
    scale = observations.framework.scale
    steps = scale.maximum - scale.minimum + 1
    found = [flag for ground in grounds for flag in _of_domain(ground, appraisal, steps)]
    return (*found, *_straight(appraisal))


def _of_domain(ground: Ground, appraisal: Appraisal, steps: float) -> Iterator[Flag]:
    result, gate, domain = ground.result, ground.gate, ground.result.domain
    yield from _self_differs(ground)
    if result.disagreeing:
        figures = {source.instrument.value: source.estimate for source in result.sources}
        trigger = "two sources lie further apart than two standard errors of their difference, method included"
        yield Flag("sources_disagree", domain, Audience.PARTICIPANT, trigger, figures)
    if len(result.sources) == 1:
        yield Flag("single_source", domain, Audience.PARTICIPANT, "one source carries this domain", {"sources": 1})
    if gate.provisional:
        figures = {"reasons": len(gate.lacking)}
        yield Flag("provisional", domain, Audience.PARTICIPANT, "; ".join(gate.lacking), figures)
    if gate.not_observed_share > NOT_OBSERVED:
        trigger = f'more than {NOT_OBSERVED:.0%} of the answers are "not observed"'
        yield Flag("often_not_observed", domain, Audience.PARTICIPANT, trigger, {"share": gate.not_observed_share})
    yield from _group_disagrees(ground, appraisal, steps)


def _self_differs(ground: Ground) -> Iterator[Flag]:
    others = next((s for s in ground.result.sources if s.instrument is Instrument.APPRAISAL_360), None)
    if others is None or ground.own is None:
        return
    difference = ground.own - others.estimate
    if abs(difference) > max(others.high - others.estimate, others.estimate - others.low):
        rule = "self_higher" if difference > 0 else "self_lower"
        trigger = "self lies outside what the others' 95 % interval reaches"
        figures = {"self": ground.own, "others": others.estimate, "low": others.low, "high": others.high}
        yield Flag(rule, ground.result.domain, Audience.PARTICIPANT, trigger, figures)


def _group_disagrees(ground: Ground, appraisal: Appraisal, steps: float) -> Iterator[Flag]:
    groups: dict[Group, list[float]] = defaultdict(list)
    for rater, mean in ground.means.items():
        groups[appraisal.groups[rater]].append(mean)
    for group, means in groups.items():
        if len(means) < DISPERSION_FROM:
            continue
        centre = fsum(means) / len(means)
        deviation = fsum(abs(mean - centre) for mean in means) / len(means)
        if deviation > DISAGREEMENT * steps:
            trigger = f"{' and '.join(each.plural for each in group)} differ by more than a sixth of the answer scale"
            figures = {"average_deviation": deviation, "raters": len(means)}
            yield Flag("group_disagrees", ground.result.domain, Audience.PARTICIPANT, trigger, figures)


def _straight(appraisal: Appraisal) -> Iterator[Flag]:
    answers: dict[RaterId, list[float]] = defaultdict(list)
    for rating in appraisal.ratings:
        answers[rating.unit].append(rating.value)
    straight = sum(len(given) >= STRAIGHT_ANSWERS and len(set(given)) == 1 for given in answers.values())
    if straight:
        trigger = f"a form of {STRAIGHT_ANSWERS} answers or more has one answer throughout"
        yield Flag("straight_line", None, Audience.INTERNAL, trigger, {"raters": straight, "of": len(answers)})
