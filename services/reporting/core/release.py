"""When a plan goes out: the states of plans and messages, which revision a new result makes, and why one waits."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from shared.cohort.definition import CohortDefinition
from shared.words import ReleasePolicy


class PlanState(StrEnum):
    """How far a plan is on its way."""

    DRAFT = "draft"
    RELEASED = "released"
    SENT = "sent"


class MessageState(StrEnum):
    """How far a plan's mail is on its way."""

    PENDING = "pending"
    """Nobody has it yet; it is sent, or tried again."""
    HANDING_OVER = "handing_over"
    """The other side may be taking it now, or that was cut off."""
    SENT = "sent"
    UNDELIVERABLE = "undeliverable"
    """The other side refused it for good."""
    UNCERTAIN = "uncertain"
    """It may have arrived; the channel's proof will tell."""
    HELD = "held"
    """It may have arrived, and nothing will tell but a person."""


def day_of(definition: CohortDefinition, moment: datetime) -> date:
    """The day of a moment where the cohort is."""
    return moment.astimezone(ZoneInfo(definition.time_zone)).date()


def revision_for(plans: Mapping[int, PlanState]) -> int:
    """The revision that a new result is drafted as: it replaces a draft, and comes after what was released.

    >>> revision_for({}), revision_for({1: PlanState.DRAFT}), revision_for({1: PlanState.SENT})
    (1, 1, 2)
    """
    latest = max(plans, default=0)
    return latest if plans.get(latest) is PlanState.DRAFT else latest + 1


def goes_out_at_once(revision: int, policy: ReleasePolicy, *, is_authorised: bool) -> bool:
    """Whether a plan just drafted is released right away: a first plan, by the policy or since a run has released it
    beforehand. A revision of a plan that went out never is.
    """
    return revision == 1 and (policy is ReleasePolicy.AUTOMATIC or is_authorised)


def waits_for(revision: int, policy: ReleasePolicy) -> str:
    """What releases a draft, for a coordinator."""
    if revision > 1:
        return "a revision of a plan that went out: it waits for `talentline plan release`"
    if policy is ReleasePolicy.AT_RUN:
        return "it goes out by `talentline cohort run`"
    return "it waits for `talentline plan release`, after the debrief"


def releasable(revision: int, policy: ReleasePolicy) -> bool:
    """Whether a person may release a draft by `plan release`: every revision, and first plans after their debrief."""
    return revision > 1 or policy is ReleasePolicy.AFTER_DEBRIEF
