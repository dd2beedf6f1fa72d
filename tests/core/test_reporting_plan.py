"""Plans as words: whose figures, which goals, what is never said. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporting.core.comments import Names
from services.reporting.core.documents import PlanDocument
from services.reporting.core.plan import NothingToWriteAbout, Person, issued, plan_for
from services.reporting.library import plan_library
from shared.cohort.definition import CohortDefinition
from shared.events import ParticipantScored
from shared.people import Comment
from shared.words import PoolPolicy
from tests.builders.reporting import (
    COMPETENCIES,
    MANAGER,
    PARTNER,
    PEER,
    REPORT,
    SELF,
    a_comment,
    a_definition,
    a_figure,
    a_framework,
    a_rater,
    a_scored,
)

TODAY = date(2026, 4, 7)
PERSON = Person("Siân Llŷr", "Siân", "Trust N")


def a_plan(
    scored: ParticipantScored | None = None,
    definition: CohortDefinition | None = None,
    comments: list[Comment] | None = None,
    **changes: Any,
) -> PlanDocument:
    definition = definition or a_definition()
    settled: dict[str, Any] = {"person": PERSON, "names": Names(), "revision": 1, "drafted": TODAY}
    settled |= {"library": plan_library(definition.framework.pack)} | changes
    person, names = settled.pop("person"), settled.pop("names")
    return plan_for(person, definition, scored or a_scored(), comments or [], names, **settled)


def strings(value: object) -> Iterator[str]:
    """Every text in a document."""
    if isinstance(value, str):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from strings(getattr(value, field.name))
    elif isinstance(value, tuple):
        for part in value:
            yield from strings(part)


def test_the_same_result_gives_the_same_plan() -> None:
    assert a_plan() == a_plan()


def test_a_plan_addresses_the_person_in_any_script() -> None:
    plan = a_plan(person=Person("أمل\u202e حداد\x00", "أمل", "Ymddiriedolaeth\nŴyn"))
    assert (plan.name, plan.given_name, plan.organisation) == ("أمل حداد", "أمل", "Ymddiriedolaeth Ŵyn")


def test_domains_stand_in_the_frameworks_order_with_what_is_behind_them() -> None:
    plan = a_plan()
    assert [section.name for section in plan.domains] == ["Domain A", "Domain B", "Domain C"]
    assert [source.behind for source in plan.domains[0].sources] == ["8 raters", "2 assessors"]
    assert [(group.name, group.raters) for group in plan.domains[0].groups] == [
        ("line manager", 1),
        ("peers", 4),
        ("direct reports", 3),
    ]


def test_a_result_without_a_domain_of_the_framework_makes_no_plan() -> None:
    with pytest.raises(NothingToWriteAbout):
        a_plan(a_scored(competencies={"Z1": "Z"}))


def test_a_result_holds_only_figures_that_enough_raters_gave() -> None:
    scored = a_scored({"A1": 1.5})
    thin = a_figure("A", 1.5, competency="A1", appraisal_raters=2)
    figures = tuple(thin if figure.competency == "A1" else figure for figure in scored.figures)
    plan = a_plan(scored.model_copy(update={"figures": figures}))
    assert "Seeing the whole" not in " ".join(strings(plan))
    assert any("too few people answered those questions" in paragraph for paragraph in plan.made)


# ------------------------------------------------------------------------------------------------------------- goals

estimates = st.fixed_dictionaries({code: st.floats(1, 5) for code in COMPETENCIES})


@given(estimates, st.floats(0.05, 1.5))
@settings(deadline=None, max_examples=60)
def test_there_are_three_to_five_goals_each_with_everything_needed(given_: Mapping[str, float], half: float) -> None:
    plan = a_plan(a_scored(given_, half=half))
    assert 3 <= len(plan.goals) <= 5
    assert [goal.number for goal in plan.goals] == list(range(1, len(plan.goals) + 1))
    for goal in plan.goals:
        assert {action.kind for action in goal.actions} == {"experience", "people", "course"}
        assert all(action.text for action in goal.actions)
        assert all((goal.title, goal.reason, goal.support, goal.measure))
        assert "likely range" in goal.reason
        assert (goal.review - TODAY) % timedelta(weeks=1) == timedelta()
    assert len({goal.competency for goal in plan.goals}) == len(plan.goals)


@given(estimates)
@settings(deadline=None, max_examples=60)
def test_goals_are_the_lowest_estimates_and_one_is_on_the_lowest_domain(given_: Mapping[str, float]) -> None:
    plan = a_plan(a_scored(given_))
    lowest = min(plan.domains, key=lambda section: section.figure.estimate)
    assert lowest.code in {goal.domain for goal in plan.goals}
    for domain in "ABC":
        assert sum(goal.domain == domain for goal in plan.goals) <= 2
    by_name = {row.name: row.figure.estimate for section in plan.domains for row in section.competencies}
    taken = [by_name[goal.competency] for goal in plan.goals]
    assert taken == sorted(taken)
    assert all(estimate < 3.5 for estimate in taken[3:])
    assert all(estimate + 0.3 < 3.5 for estimate in taken[4:])


@given(estimates)
@settings(deadline=None, max_examples=60)
def test_nothing_is_a_strength_and_a_goal(given_: Mapping[str, float]) -> None:
    plan = a_plan(a_scored(given_))
    goals = {goal.competency for goal in plan.goals}
    assert not goals & {point.title for point in plan.strengths}
    assert len(plan.strengths) <= 3
    assert {point.title for point in plan.priorities} <= goals


@pytest.mark.parametrize("competencies", [{"A1": "A"}, {"A1": "A", "A2": "A"}, {"A1": "A", "B1": "B"}])
def test_a_very_small_framework_has_three_goals_too(competencies: dict[str, str]) -> None:
    definition = a_definition(framework=a_framework(competencies, pack="tiny"))
    plan = a_plan(a_scored(competencies=competencies), definition)
    assert len(plan.goals) == 3
    assert len({goal.title for goal in plan.goals}) == 3
    assert plan.strengths == ()
    assert "Too few competencies" in plan.strengths_note


def test_another_framework_gets_goals_with_its_own_names() -> None:
    definition = a_definition(framework=a_framework(pack="another"))
    plan = a_plan(definition=definition)
    assert all(goal.competency in goal.title for goal in plan.goals)
    assert not any("{" in text for text in strings(plan))


def test_the_pilots_pack_has_texts_of_its_own_by_name() -> None:
    plan = a_plan(a_scored({"A1": 1.0}))
    assert plan.goals[0].competency == "Seeing the whole"
    assert plan.goals[0].title.startswith("Trace one pathway")
    assert "“Does A1 well”" not in plan.goals[0].reason
    other = next(goal for goal in plan.goals if goal.competency == "Competency A2")
    assert "“Does A2 well”" in other.reason


def test_actions_follow_what_is_clearly_behind_knowing_or_doing() -> None:
    def actions(know: float | None) -> tuple[str, ...]:
        scored = a_scored(dict.fromkeys(COMPETENCIES, 3.0))
        facet = () if know is None else (a_figure("A", know, 0.1, facet="know"),)
        plan = a_plan(scored.model_copy(update={"figures": (*scored.figures, *facet)}))
        assert [action.kind for action in plan.goals[0].actions] == ["experience", "people", "course"]
        return tuple(action.text for action in plan.goals[0].actions)

    usual, similar, learn, practise = actions(None), actions(3.1), actions(1.5), actions(4.5)
    assert usual == similar
    assert [a == b for a, b in zip(usual, learn, strict=True)] == [True, True, False]
    assert [a == b for a, b in zip(usual, practise, strict=True)] == [False, True, True]


@given(estimates, st.floats(0.05, 1.5))
@settings(deadline=None, max_examples=40)
def test_what_stands_on_the_first_page_is_short(given_: Mapping[str, float], half: float) -> None:
    plan = a_plan(a_scored(given_, half=half))
    assert all(len(point.text) <= 75 for point in (*plan.strengths, *plan.priorities))
    assert all(len(review.what.split(".")[0].split()) <= 8 for review in plan.reviews)
    assert len(plan.opening) < 380
    assert all(len(goal.reason) <= 330 for goal in plan.goals)


def test_reviews_count_in_weeks_from_the_day_the_plan_is_issued() -> None:
    draft = a_plan()
    plan = issued(draft, Person("New Name", "New", "Trust S"), TODAY + timedelta(days=40))
    assert [(review.on - plan.drafted).days // 7 for review in plan.reviews] == [2, 6, 12, 26]
    assert [goal.review - plan.drafted for goal in plan.goals] == [goal.review - TODAY for goal in draft.goals]
    assert (plan.name, plan.organisation, plan.drafted) == ("New Name", "Trust S", TODAY + timedelta(days=40))
    assert issued(draft, PERSON, TODAY) == draft


# ------------------------------------------------------------------------------------------------ nothing is overstated


def test_competencies_that_overlap_are_called_similar_and_stand_in_the_frameworks_order() -> None:
    plan = a_plan(a_scored({"C2": 4.0, "C1": 4.2, "B3": 4.4}, half=0.5))
    assert [point.title for point in plan.strengths] == ["Competency B3", "Competency C1", "Competency C2"]
    assert "Read these as similar" in plan.strengths_note


def test_competencies_that_are_apart_are_not_called_similar() -> None:
    codes = list(COMPETENCIES)
    plan = a_plan(a_scored({code: 1.2 + 0.45 * n for n, code in enumerate(codes)}, half=0.1))
    assert plan.strengths_note == ""
    assert plan.strengths[0].title == "Competency C2"


def test_others_that_come_close_are_named() -> None:
    close = {"A1": 1.0, "A2": 1.5, "A3": 2.0, "B1": 1.2, "B2": 3.95, "B3": 4.0, "C1": 4.0, "C2": 4.0}
    plan = a_plan(a_scored(close, half=0.1))
    assert plan.strengths_note.endswith("Close to these: Competency B2.")


def test_a_gap_is_told_only_where_it_is_larger_than_the_others_uncertainty() -> None:
    def gap(own: float) -> str | None:
        figures = tuple(
            figure.model_copy(update={"self_rating": own}) if figure.groups and figure.domain == "A" else figure
            for figure in a_scored(dict.fromkeys(COMPETENCIES, 3.0)).figures
        )
        return a_plan(a_scored().model_copy(update={"figures": figures})).domains[0].gap

    assert gap(3.29) is None
    assert gap(2.71) is None
    assert "less often than you do: you rated it 3.5, they rate it 3.0" in str(gap(3.5))
    assert "more often than you do: you rated it 2.5" in str(gap(2.5))


def test_a_gap_at_the_end_of_the_scale_is_judged_by_the_whole_interval() -> None:
    figures = tuple(
        a_figure("A", 4.9, 0.6, groups=figure.groups, self_rating=4.4) if figure.groups else figure
        for figure in a_scored().figures
    )
    assert a_plan(a_scored().model_copy(update={"figures": figures})).domains[0].gap is None


def test_sources_that_differ_are_named() -> None:
    def figure_with(day: float) -> Any:
        figure = next(figure for figure in a_scored().figures if figure.groups)
        sources = (figure.sources[0], figure.sources[1].model_copy(update={"estimate": day}))
        return figure.model_copy(update={"sources": sources, "domain": "A"})

    def summary(day: float) -> str:
        rest = tuple(figure for figure in a_scored().figures if not (figure.groups and figure.domain == "A"))
        return a_plan(a_scored().model_copy(update={"figures": (*rest, figure_with(day))})).domains[0].summary

    assert "say different things: 360 appraisal 3.2 and development day 1.5" in summary(1.5)
    assert "do not differ by more" in summary(3.3)


def test_an_estimate_is_placed_in_the_words_of_the_form() -> None:
    def summary(estimate: float) -> str:
        return a_plan(a_scored(dict.fromkeys(COMPETENCIES, estimate))).domains[0].summary

    assert "close to “Sometimes”" in summary(3.2)
    assert "between “Sometimes” and “Often”" in summary(3.5)
    plan = a_plan(definition=a_definition(choices={"1": 1.0, "5": 5.0}))
    assert "on the scale from 1 to 5" in plan.domains[0].summary
    assert plan.scale_low_word == ""
    assert (a_plan().scale_low_word, a_plan().scale_high_word) == ("Never", "Always")


def test_the_plan_speaks_of_behaviour_and_never_blames() -> None:
    words = " ".join(strings(a_plan(a_scored(half=0.1)))).lower()
    for phrase in ("overrate", "overestimate", "percentile", "weakness", "worse than", "better than"):
        assert phrase not in words


# --------------------------------------------------------------------------------------------------- how it was made


def made(scored: ParticipantScored, definition: CohortDefinition | None = None) -> str:
    return " ".join(a_plan(scored, definition).made)


def test_raters_are_counted_by_shown_group() -> None:
    assert "1 line manager, 4 peers and 3 direct reports" in made(a_scored())


def test_a_merged_group_is_named_and_its_members_are_not_counted() -> None:
    merged = [(MANAGER,), (PEER, PARTNER), (REPORT,)]
    words = made(a_scored(groups={MANAGER: 1, PEER: 4, PARTNER: 2, REPORT: 3}, shown=merged))
    assert "6 peers and system partners" in words
    assert "shown as one group: peers and system partners" in words
    assert "4 peers" not in words
    assert "2 system partners" not in words


def test_a_withheld_group_is_named_without_a_number() -> None:
    few = a_scored(groups={MANAGER: 1, PEER: 4, REPORT: 2}, shown=[(MANAGER,), (PEER,)], withheld=(REPORT,))
    words = made(few)
    assert "Direct reports: too few answered" in words
    assert "2 direct reports" not in words
    assert "5 raters" in a_plan(few).opening


def test_model_framework_licence_and_weights_are_named() -> None:
    words = made(a_scored())
    for part in (
        "rater-means/1",
        "aspiring-talent/1",
        "CC0-1.0",
        "360 appraisal 50 %",
        "a choice of the people who run",
    ):
        assert part in words


def test_late_and_anchored_evidence_is_explained_only_where_there_is_some() -> None:
    assert "came after the cohort closed" in made(a_scored(late=2))
    assert "came after the cohort closed" not in made(a_scored())
    assert "stated assumption" in made(a_scored())


def test_who_decides_on_the_pool_follows_the_policy() -> None:
    assert "a named person decides" in made(a_scored())
    assert "by a stated rule" in made(a_scored(), a_definition(pool=PoolPolicy.AUTOMATIC))


# ---------------------------------------------------------------------------------------------------------- no rater


@given(
    st.fixed_dictionaries({MANAGER: st.integers(0, 1), PEER: st.integers(3, 6), REPORT: st.integers(3, 5)}),
    st.booleans(),
)
@settings(deadline=None, max_examples=40)
def test_no_rater_is_in_any_text_of_a_plan(groups: dict[Any, int], merged: bool) -> None:
    shown = [(MANAGER,)] if groups[MANAGER] else []
    shown += [(PEER, REPORT)] if merged else [(PEER,), (REPORT,)]  # type: ignore[list-item]
    raters = [a_rater(group, n) for group, count in groups.items() for n in range(1, count + 1)]
    comments = [
        a_comment(rater, f"Thank you, Siân. Yours, Rater {n}ová", "strengths") for n, rater in enumerate(raters)
    ]
    comments.append(a_comment(a_rater(SELF, 1), "I listen"))
    names = Names(raters=tuple(f"Rater {n}ová" for n in range(len(raters))), participant=("Siân Llŷr", "Siân"))
    plan = a_plan(a_scored(groups=groups, shown=shown), comments=comments, names=names)
    words = " ".join(strings(plan))
    assert "R-P-1" not in words
    assert "ová" not in words
    assert "Thank you, Siân. Yours, [name]" in words
