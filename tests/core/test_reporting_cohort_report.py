"""The cohort's report as words: order, what is withheld, who waits. Pure."""

from datetime import date

from services.reporting.core.cohort_report import report_for
from services.reporting.core.documents import CohortReportDocument, ReducedRow
from services.reporting.library import report_words
from shared.events import CohortScored, Gap, Waiting
from shared.words import Facet
from tests.builders.reporting import P1, P2, P3, a_cohort_scored, a_definition, a_gap

SMALL = (
    a_gap("A", 9),
    a_gap("A", 4, organisation="N"),
    a_gap("A", 2, organisation="S"),
    a_gap("A", 3, organisation="W"),
)


def a_report(found: CohortScored | None = None, gaps: tuple[Gap, ...] = (), minimum: int = 3) -> CohortReportDocument:
    found = found or a_cohort_scored((P1, P2, P3), gaps=gaps)
    return report_for(a_definition(minimum=minimum), found, report_words(), date(2026, 4, 7))


def test_gaps_keep_their_order_and_carry_count_and_interval() -> None:
    report = a_report(gaps=(a_gap("B", 7, 2.4), a_gap("A", 7, 3.1, facet=Facet.KNOW)))
    assert [(row.domain_name, row.facet_name, row.n) for row in report.gaps] == [
        ("Domain B", "Putting it into practice", 7),
        ("Domain A", "Knowing how", 7),
    ]
    assert report.gaps[0].figure is not None
    assert (report.gaps[0].figure.low, report.gaps[0].figure.high) == (2.0, 2.8)


def test_a_cohort_below_the_minimum_has_no_figures() -> None:
    report = a_report(gaps=(a_gap("A", 2, 2.0), a_gap("B", 3, 4.0)))
    assert [(row.domain, row.figure is None, row.n) for row in report.gaps] == [("B", False, 3), ("A", True, 0)]
    assert "fewer than 3" in report.gaps[1].note


def test_organisations_below_the_minimum_are_withheld_with_one_more_so_that_nobody_can_subtract() -> None:
    sections = {section.name: section for section in a_report(gaps=SMALL).organisations}
    assert sections["Trust N"].rows[0].figure is not None
    assert sections["Trust N"].participants == "4 participants"
    assert [sections[name].rows for name in ("Trust S", "Trust W")] == [(), ()]
    assert sections["Trust S"].participants == "fewer than 3"
    assert sections["Trust W"].participants == "not shown"
    assert "worked out" in sections["Trust W"].note


def test_an_organisation_without_a_scored_participant_is_named_without_figures() -> None:
    sections = {
        section.name: section
        for section in a_report(gaps=(a_gap("A", 4), a_gap("A", 4, organisation="N"))).organisations
    }
    assert sections["Trust S"].rows == ()
    assert sections["Trust S"].participants == "fewer than 3"


def test_who_waits_is_told_with_reasons() -> None:
    waiting = (Waiting(participant=P3, missing=("direct reports: 1 of 3",)),)
    report = a_report(a_cohort_scored((P1, P2), waiting=waiting, gaps=()))
    assert (report.participants, report.scored) == (3, 2)
    assert "2 of 3 participants have been scored; 1 still wait" in report.summary
    assert report.waiting[0].missing == ("direct reports: 1 of 3",)


def test_the_summary_names_the_greatest_need_and_what_cannot_be_told_apart_from_it() -> None:
    clear = a_report(gaps=(a_gap("B", 7, 2.0), a_gap("A", 7, 4.0)))
    assert "The cohort’s greatest need is in Domain B (putting it into practice): 2.0" in clear.summary
    similar = a_report(gaps=(a_gap("B", 7, 2.0), a_gap("A", 7, 2.2), a_gap("C", 7, 4.0)))
    assert "Domain A (putting it into practice) cannot be told apart from it" in similar.summary


def test_a_cohort_of_nobody_has_a_report_too() -> None:
    report = a_report(a_cohort_scored(()))
    assert "Nobody has been scored yet" in report.summary
    assert report.gaps == ()


def test_how_it_was_made_names_the_minimum_and_the_framework() -> None:
    words = " ".join(a_report(minimum=4).made)
    assert "fewer than 4 participants" in words
    assert "aspiring-talent/1" in words


def test_provisional_results_and_disagreeing_sources_are_counted() -> None:
    found = a_cohort_scored((P1, P2))
    some = [
        each.model_copy(update=update)
        for each, update in zip(found.scored, ({"provisional": ("A",)}, {"disagreeing": ("B",)}), strict=True)
    ]
    summary = a_report(found.model_copy(update={"scored": tuple(some)})).summary
    assert "less evidence than usual: 1." in summary
    assert "more than chance explains: 1." in summary
    assert "less evidence" not in a_report().summary


def test_organisations_tell_their_mean_drawn_towards_the_cohort_as_well() -> None:
    own = a_gap("A", 4, 2.4, organisation="N", drawn=2.9, drawn_low=2.6, drawn_high=3.2)
    report = a_report(gaps=(a_gap("A", 9), own, a_gap("A", 5, organisation="S")))
    (north,) = (section for section in report.organisations if section.rows and section.rows[0].drawn)
    assert north.rows[0].drawn == "Allowing for how few there are: 2.9, between 2.6 and 3.2"
    assert report.gaps[0].drawn == ""


def test_who_is_scored_on_reduced_evidence_is_told_and_counted() -> None:
    found = a_cohort_scored((P1, P2), gaps=(a_gap("A", 2),))
    reduced = found.scored[1].model_copy(update={"waived": ("development day: EX2",)})
    report = a_report(found.model_copy(update={"scored": (found.scored[0], reduced)}))
    assert report.reduced == (ReducedRow(P2, ("development day: EX2",)),)
    assert "1 of these on reduced evidence" in report.summary
    assert a_report().reduced == ()
    assert "reduced" not in a_report().summary
