"""The library's data: complete, sensible, and about the demo cohort's own competencies."""

import csv
import re
from pathlib import Path

import pytest

from services.reporting.core.library import GoalText, PlanLibrary
from services.reporting.library import PACKS, plan_library, pool_rule, report_words

DEMO = Path(__file__).parents[2] / "deploy" / "demo_cohort"


def texts(library: PlanLibrary) -> dict[str, GoalText]:
    return dict(library.competencies) | {f"general {n}": text for n, text in enumerate(library.general)}


@pytest.mark.parametrize("pack", [*PACKS, "unknown"])
def test_every_text_is_whole_sentences(pack: str) -> None:
    for name, text in texts(plan_library(pack)).items():
        for field, sentence in text.model_dump().items():
            assert sentence.strip() == sentence, (name, field)
            assert (field == "title") or sentence[-1] in ".?”", (name, field)
            assert "  " not in sentence


def test_the_demo_cohorts_competencies_have_texts_of_their_own() -> None:
    with (DEMO / "programme" / "framework.csv").open(encoding="utf-8") as file:
        names = {row["competency_name"].casefold() for row in csv.DictReader(file)}
    assert set(plan_library("aspiring-talent").competencies) == names


def test_own_texts_hold_no_placeholder_and_general_ones_only_the_name() -> None:
    library = plan_library("aspiring-talent")
    assert not any("{" in sentence for text in library.competencies.values() for sentence in text.model_dump().values())
    found = {each for text in library.general for each in re.findall(r"{.*?}", " ".join(text.model_dump().values()))}
    assert found == {"{name}"}


def test_a_name_that_looks_like_a_placeholder_is_printed_as_it_is() -> None:
    assert "“{who}”" in plan_library("unknown").text_for("{who}", 0).title


def test_general_texts_are_taken_in_turn() -> None:
    library = plan_library("unknown")
    assert len({library.text_for("Curiosity", turn).title for turn in range(3)}) == 3


def test_rules_fit_together() -> None:
    rules = plan_library("unknown").rules
    assert (rules.goals_least, rules.goals_most) == (3, 5)
    assert rules.priorities_most <= rules.goals_least
    weeks = [step.weeks for step in plan_library("unknown").reviews]
    assert weeks == sorted(set(weeks))
    assert set(rules.goal_review_weeks) <= set(weeks)


def test_the_pools_last_step_asks_for_nothing() -> None:
    assert [step.every is None for step in pool_rule().steps] == [False, False, True]


def test_report_words_can_be_read() -> None:
    assert report_words().made
