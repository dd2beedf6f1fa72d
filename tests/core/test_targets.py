"""Role targets: read from a folder, and told as a distance with its interval wherever a figure has one."""

from datetime import date
from pathlib import Path

import pytest

from services.reporting.core.cohort_report import report_for
from services.reporting.core.comments import Names
from services.reporting.core.plan import Person, plan_for
from services.reporting.library import plan_library, report_words
from shared.cohort.changes import definition_changes, pinned_changes
from shared.cohort.definition import CohortDefinition, Target
from shared.words import Facet
from tests.builders.described_folder import described, mistakes, read
from tests.builders.reporting import P1, P2, P3, a_cohort_scored, a_definition, a_gap, a_scored

HEAD = "domain,facet,target\n"
TODAY = date(2026, 4, 7)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return described(tmp_path / "cohort")


def aimed(folder: Path, rows: str) -> Path:
    (folder / "programme/targets.csv").write_text(HEAD + rows, encoding="utf-8")
    return folder


def with_targets(*targets: tuple[str, Facet | None, float]) -> CohortDefinition:
    return a_definition(targets=tuple(Target(domain=d, facet=f, target=t) for d, f, t in targets))


def test_a_folder_may_set_targets_for_domains_and_facets(folder: Path) -> None:
    without = read(folder).definition
    assert (without.targets, "targets" in without.model_dump()) == ((), False)
    definition = read(aimed(folder, "SL,,3.5\nIK,apply,3\nSL,know,2.5\n")).definition
    assert definition.target_of("SL", None) == Target(domain="SL", target=3.5)
    assert definition.target_of("SL", Facet.KNOW) == Target(domain="SL", facet=Facet.KNOW, target=2.5)
    assert definition.target_of("IK", None) is None
    assert definition_changes(without, definition) == ["programme/targets.csv: added IK (apply), SL, SL (know)"]
    assert pinned_changes(without, definition) == []


def test_the_order_of_rows_changes_no_definition(folder: Path) -> None:
    one = read(aimed(folder, "SL,,3.5\nIK,apply,3\n")).definition
    assert one.digest == read(aimed(folder, "IK,apply,3\nSL,,3.5\n")).definition.digest


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("SX,,3\n", "targets.csv, line 2, domain: “SX” is not in programme/framework.csv"),
        ("SL,do,3\n", "line 2, facet: “do” is not one of know, apply"),
        ("SL,,6\n", "line 2, target: “6” is not on the scale 1 to 5"),
        ("SL,,high\n", "line 2, target: “high” is not a number"),
        ("SL,,\n", "line 2, target: is blank"),
        ("SL,know,3\nSL,know,4\n", "line 3, domain: “SL” has a target on line 2 already"),
        ("SL,,1e308\n", "is not a number"),
        ("", "has no rows below its column names"),
    ],
)
def test_a_wrong_target_is_told_by_line_and_column(folder: Path, rows: str, told: str) -> None:
    assert any(told in str(mistake) for mistake in mistakes(aimed(folder, rows)))


def test_a_target_that_nothing_can_show_is_a_warning(folder: Path) -> None:
    text = (folder / "programme/written_criteria.csv").read_text(encoding="utf-8")
    (folder / "programme/written_criteria.csv").write_text(
        "\n".join(line for line in text.splitlines() if ",CL" not in line), encoding="utf-8"
    )
    warnings = [str(each) for each in read(aimed(folder, "CL,know,3\nCL,apply,3\n")).warnings]
    assert any("“CL, know” has a target, and no item, exercise or criterion shows it" in each for each in warnings)
    assert not any("CL, apply" in each for each in warnings)


def summaries(definition: CohortDefinition) -> list[str]:
    plan = plan_for(
        Person("Siân Llŷr", "Siân", "Trust N"),
        definition,
        a_scored({"A1": 3.0, "A2": 3.0, "A3": 3.0}),
        [],
        Names(),
        revision=1,
        drafted=TODAY,
        library=plan_library(definition.framework.pack),
    )
    return [domain.summary for domain in plan.domains]


def test_a_plan_says_how_far_it_is_to_a_target_and_nothing_without_one() -> None:
    first, second, _ = summaries(with_targets(("A", None, 3.5), ("A", Facet.APPLY, 3.1)))
    assert "aims at 3.5 here: your estimate is 0.5 below that (likely range 0.2 to 0.8 below)." in first
    assert "it aims at 3.1: your estimate is 0.1 below that, and the likely range includes it." in first
    assert "aims at" not in second
    assert not any("aims at" in each for each in summaries(a_definition()))


GAPS = (a_gap("B", 7, 2.4), a_gap("A", 7, 3.0), a_gap("C", 7, 3.4), a_gap("A", 4, 3.0, organisation="N"))


def test_the_gap_table_begins_with_the_furthest_from_its_target() -> None:
    definition = with_targets(("A", Facet.APPLY, 3.5), ("C", Facet.APPLY, 4.0))
    report = report_for(definition, a_cohort_scored((P1, P2, P3), gaps=GAPS), report_words(), TODAY)
    assert [row.domain for row in report.gaps] == ["C", "A", "B"]
    first, second, third = report.gaps
    assert first.distance is not None
    assert (first.distance.target, round(first.distance.gap, 6), round(first.distance.low, 6)) == (4.0, -0.6, -1.0)
    assert second.aim == "Target 3.5: 0.5 below that (likely range 0.1 to 0.9 below)"
    assert (third.distance, third.aim) == (None, "")
    assert "furthest from its target in Domain C (putting it into practice): the target is 4," in report.summary
    trust = next(section for section in report.organisations if section.name == "Trust N")
    assert [row.aim for row in trust.rows] == [second.aim]


def test_where_every_target_is_reached_the_report_says_so() -> None:
    report = report_for(
        with_targets(("A", Facet.APPLY, 2.0)), a_cohort_scored((P1, P2, P3), gaps=GAPS), report_words(), TODAY
    )
    assert "No average is below its target; the closest is Domain A" in report.summary


def test_a_withheld_figure_tells_no_distance() -> None:
    found = a_cohort_scored((P1, P2), gaps=(a_gap("A", 2, 2.0),))
    report = report_for(with_targets(("A", Facet.APPLY, 4.0)), found, report_words(), TODAY)
    assert [(row.figure, row.distance, row.aim) for row in report.gaps] == [(None, None, "")]


def test_without_targets_the_report_is_what_it_was() -> None:
    report = report_for(a_definition(), a_cohort_scored((P1, P2, P3), gaps=GAPS), report_words(), TODAY)
    assert [row.domain for row in report.gaps] == ["B", "A", "C"]
    assert "target" not in report.summary
