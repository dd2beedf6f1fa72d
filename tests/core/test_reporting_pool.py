"""The talent pool: what a result proposes, what stands, what is withdrawn. Pure."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from services.reporting.core.pool import Decision, PoolEntry, PoolStatus, Proposal, decided, entries_after, proposed
from services.reporting.library import pool_rule
from shared.words import PoolPolicy
from tests.builders.reporting import COMPETENCIES, a_framework, a_scored

TODAY = date(2026, 4, 7)
RULE = pool_rule()
PROPOSAL = Proposal("developing", "because")


def after(
    current: list[PoolEntry] | None = None, agreed: str | None = "local", policy: PoolPolicy = PoolPolicy.PROPOSE
) -> list[PoolEntry]:
    return entries_after(PROPOSAL, current or [], agreed=agreed, policy=policy, rule=RULE, on=TODAY)


@pytest.mark.parametrize(
    ("estimate", "half", "readiness"),
    [
        (4.2, 0.4, "ready now"),
        (3.5, 0.0, "ready now"),
        (3.6, 0.4, "ready with development"),
        (3.0, 0.5, "ready with development"),
        (2.99, 0.1, "developing"),
    ],
)
def test_readiness_follows_the_weakest_domain(estimate: float, half: float, readiness: str) -> None:
    scored = a_scored(dict.fromkeys(COMPETENCIES, 4.9) | {"C1": estimate, "C2": estimate}, half=half)
    assert proposed(scored, a_framework(), RULE).readiness == readiness


def test_the_basis_says_why_and_whose_rule_it_is() -> None:
    basis = proposed(a_scored(), a_framework(), RULE).basis
    assert basis.startswith("Ready with development: every domain’s estimate is at or above 3.0. Lowest: Domain A, 3.2")
    assert "which is ours and not the framework’s" in basis


def test_without_an_agreement_there_is_no_record() -> None:
    assert after(agreed=None) == []


def test_a_new_record_waits_for_a_person_or_is_admitted_as_the_policy_says() -> None:
    (entry,) = after()
    assert (entry.level, entry.status, entry.by) == ("local", PoolStatus.PROPOSED, RULE.rule)
    assert (entry.review_on, entry.expires_on) == (TODAY + timedelta(weeks=26), TODAY + timedelta(weeks=104))
    (entry,) = after(policy=PoolPolicy.AUTOMATIC)
    assert entry.status is PoolStatus.ADMITTED


@pytest.mark.parametrize("decision", list(Decision))
def test_a_persons_decision_stands_when_the_participant_is_scored_again(decision: Decision) -> None:
    (first,) = after()
    settled = decided(first, decision, by="Chair", reason="agreed", rule=RULE, on=TODAY)
    (again,) = after([settled])
    assert again.status is decision.status
    assert again.by == RULE.rule


def test_another_agreement_withdraws_the_record_of_the_former_level() -> None:
    (local,) = after()
    withdrawn, regional = after([local], agreed="regional")
    assert (withdrawn.level, withdrawn.status) == ("local", PoolStatus.WITHDRAWN)
    assert (regional.level, regional.status) == ("regional", PoolStatus.PROPOSED)
    assert [entry.level for entry in after([withdrawn, regional], agreed="regional")] == ["regional"]


def test_an_agreement_taken_back_leaves_a_withdrawn_record() -> None:
    (local,) = after()
    (withdrawn,) = after([local], agreed=None)
    assert withdrawn.status is PoolStatus.WITHDRAWN
    assert "no longer the one agreed" in withdrawn.reason


def test_a_level_agreed_again_is_proposed_again() -> None:
    (local,) = after()
    (again,) = after([replace(local, status=PoolStatus.WITHDRAWN)])
    assert again.status is PoolStatus.PROPOSED
