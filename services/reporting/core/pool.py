"""The talent pool: what a result proposes for a participant's record, and what a person may decide.

Readiness is proposed by a rule held as data, labelled as ours. The level is the one agreed in the roster; without an
agreement there is no record. With policy `propose` a named person decides, and a decision stands until a person
changes it: a re-score renews readiness and basis, never the decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from pydantic import Field

from services.reporting.core.english import capitalised, number, sentences
from services.reporting.core.library import Share, Weeks, at_share
from services.reporting.core.scored import Scored
from services.reporting.core.whole import Whole, wholes
from shared.framework import FrameworkPack
from shared.framework.pack import Frozen, Scale
from shared.words import PoolPolicy


class PoolStatus(StrEnum):
    """Where a pool record stands."""

    PROPOSED = "proposed"
    ADMITTED = "admitted"
    DEFERRED = "deferred"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    """The level is no longer the one agreed in the roster."""
    EXPIRED = "expired"
    """Neither a new result nor a person has renewed it in time."""


ENDED = frozenset({PoolStatus.WITHDRAWN, PoolStatus.EXPIRED})
"""A record that stands so has no expiry to come."""


class Decision(StrEnum):
    """What a named person decides on a record."""

    ADMIT = "admit"
    DEFER = "defer"
    DECLINE = "decline"

    @property
    def status(self) -> PoolStatus:
        """The status that the decision gives.

        >>> Decision.ADMIT.status.value
        'admitted'
        """
        return {
            Decision.ADMIT: PoolStatus.ADMITTED,
            Decision.DEFER: PoolStatus.DEFERRED,
            Decision.DECLINE: PoolStatus.DECLINED,
        }[self]


class ReadinessStep(Frozen):
    """A readiness, and what every domain must reach for it; without `every` it asks for nothing."""

    readiness: str
    every: str | None = Field(default=None, pattern="^(estimate|low|high)$")
    share: Share
    condition: str


class PoolRule(Frozen):
    """How readiness is proposed. The first step that holds counts."""

    rule: str
    review_weeks: Weeks
    expires_weeks: Weeks
    basis: str
    reduced: str
    """Added to the basis of a result on reduced evidence."""
    steps: tuple[ReadinessStep, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a result says about readiness, and on what basis, in words."""

    readiness: str
    basis: str


@dataclass(frozen=True, slots=True)
class PoolEntry:
    """A line in a record's history; the last one is how the record stands."""

    level: str
    readiness: str
    status: PoolStatus
    basis: str
    by: str
    """A named person, or the rule."""
    reason: str
    review_on: date
    expires_on: date


def proposed(scored: Scored, framework: FrameworkPack, rule: PoolRule) -> Proposal:
    """What the rule proposes from the domain results. Raises ValueError if no domain has a figure."""
    figures = [figure for figure in wholes(scored).values() if figure.domain in framework.domain]
    step = next(step for step in rule.steps if _holds(step, figures, framework.scale))
    lowest = min(figures, key=lambda figure: figure.estimate)
    basis = rule.basis.format(
        readiness=capitalised(step.readiness),
        condition=step.condition.format(threshold=number(at_share(framework.scale, step.share))),
        domain=framework.domain[lowest.domain].name,
        estimate=number(lowest.estimate),
        low=number(lowest.low),
        high=number(lowest.high),
        rule=rule.rule,
    )
    return Proposal(step.readiness, sentences([basis, rule.reduced if scored.waived else ""]))


def _holds(step: ReadinessStep, figures: Sequence[Whole], scale: Scale) -> bool:
    threshold = at_share(scale, step.share)
    return step.every is None or all(getattr(figure, step.every) >= threshold for figure in figures)


def entries_after(
    proposal: Proposal,
    current: Sequence[PoolEntry],
    *,
    agreed: str | None,
    policy: PoolPolicy,
    rule: PoolRule,
    on: date,
) -> list[PoolEntry]:
    """The history lines that a new result adds: one for the level agreed, one that withdraws each other level.

    `current`: how the participant's records stand, one entry a level.
    """
    withdrawn = [
        _withdrawn(entry) for entry in current if entry.level != agreed and entry.status is not PoolStatus.WITHDRAWN
    ]
    if agreed is None:
        return withdrawn
    before = next((entry for entry in current if entry.level == agreed), None)
    entry = PoolEntry(
        level=agreed,
        readiness=proposal.readiness,
        status=_status(before, policy),
        basis=proposal.basis,
        by=rule.rule,
        reason="",
        review_on=on + timedelta(weeks=rule.review_weeks),
        expires_on=on + timedelta(weeks=rule.expires_weeks),
    )
    return [*withdrawn, entry]


def _status(before: PoolEntry | None, policy: PoolPolicy) -> PoolStatus:
    if before is not None and before.status in {PoolStatus.ADMITTED, PoolStatus.DEFERRED, PoolStatus.DECLINED}:
        return before.status
    return PoolStatus.ADMITTED if policy is PoolPolicy.AUTOMATIC else PoolStatus.PROPOSED


def _withdrawn(entry: PoolEntry) -> PoolEntry:
    reason = "this level is no longer the one agreed in the roster"
    return replace(entry, status=PoolStatus.WITHDRAWN, by="roster", reason=reason)


def expired(entry: PoolEntry, rule: PoolRule, on: date) -> PoolEntry | None:
    """The history line that a record's expiry adds; None if it was renewed, or has ended otherwise."""
    if on < entry.expires_on or entry.status in ENDED:
        return None
    reason = f"nobody has renewed it by {entry.expires_on.isoformat()}; a decision or a new result renews it"
    return replace(entry, status=PoolStatus.EXPIRED, by=rule.rule, reason=reason)


def decided(entry: PoolEntry, decision: Decision, *, by: str, reason: str, rule: PoolRule, on: date) -> PoolEntry:
    """The history line that a person's decision adds; review and expiry count from that day."""
    return replace(
        entry,
        status=decision.status,
        by=by,
        reason=reason,
        review_on=on + timedelta(weeks=rule.review_weeks),
        expires_on=on + timedelta(weeks=rule.expires_weeks),
    )
