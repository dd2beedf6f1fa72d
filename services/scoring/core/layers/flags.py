"""Narrative flags: what somebody who reads a result should look at, each with its rule, trigger and figures; the
cohort's thresholds, whose version the result names, decide.

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
from shared.cohort.definition import USUAL, Thresholds
from shared.ids import RaterId
from shared.words import Instrument

VERSION = "flags/1"


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


def flags(
    thresholds: Thresholds, grounds: Sequence[Ground], observations: Observations, appraisal: Appraisal
) -> tuple[Flag, ...]:
    """Every flag of a result, domain by domain, then of the result as a whole."""
    scale = observations.framework.scale
    steps = scale.maximum - scale.minimum + 1
    found = [flag for ground in grounds for flag in _of_domain(thresholds, ground, appraisal, steps)]
    return (*found, *_straight(thresholds, appraisal))


def _of_domain(thresholds: Thresholds, ground: Ground, appraisal: Appraisal, steps: float) -> Iterator[Flag]:
    result, gate, domain = ground.result, ground.gate, ground.result.domain
    yield from _self_differs(ground)
    if result.disagreeing:
        figures = {source.instrument.value: source.estimate for source in result.sources}
        errors = "two" if thresholds.sources_apart == 2 else f"{thresholds.sources_apart:g}"
        trigger = f"two sources lie further apart than {errors} standard errors of their difference, method included"
        yield Flag("sources_disagree", domain, Audience.PARTICIPANT, trigger, figures)
    if len(result.sources) == 1:
        yield Flag("single_source", domain, Audience.PARTICIPANT, "one source carries this domain", {"sources": 1})
    if gate.provisional:
        figures = {"reasons": len(gate.lacking)}
        yield Flag("provisional", domain, Audience.PARTICIPANT, "; ".join(gate.lacking), figures)
    if gate.not_observed_share > thresholds.not_observed_share:
        trigger = f'more than {thresholds.not_observed_share:.0%} of the answers are "not observed"'
        yield Flag("often_not_observed", domain, Audience.PARTICIPANT, trigger, {"share": gate.not_observed_share})
    yield from _group_disagrees(thresholds, ground, appraisal, steps)


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


def _group_disagrees(thresholds: Thresholds, ground: Ground, appraisal: Appraisal, steps: float) -> Iterator[Flag]:
    groups: dict[Group, list[float]] = defaultdict(list)
    for rater, mean in ground.means.items():
        groups[appraisal.groups[rater]].append(mean)
    for group, means in groups.items():
        if len(means) < thresholds.spread_from:
            continue
        centre = fsum(means) / len(means)
        deviation = fsum(abs(mean - centre) for mean in means) / len(means)
        if deviation > thresholds.spread * steps:
            share = "a sixth" if thresholds.spread == USUAL.spread else f"{thresholds.spread:.0%}"
            trigger = f"{' and '.join(each.plural for each in group)} differ by more than {share} of the answer scale"
            figures = {"average_deviation": deviation, "raters": len(means)}
            yield Flag("group_disagrees", ground.result.domain, Audience.PARTICIPANT, trigger, figures)


def _straight(thresholds: Thresholds, appraisal: Appraisal) -> Iterator[Flag]:
    answers: dict[RaterId, list[float]] = defaultdict(list)
    for rating in appraisal.ratings:
        answers[rating.unit].append(rating.value)
    least = thresholds.straight_answers
    straight = sum(len(given) >= least and len(set(given)) == 1 for given in answers.values())
    if straight:
        trigger = f"a form of {least} answers or more has one answer throughout"
        yield Flag("straight_line", None, Audience.INTERNAL, trigger, {"raters": straight, "of": len(answers)})
