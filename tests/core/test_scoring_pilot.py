"""The pilot cohort's figures, and one participant's followed by hand from the files themselves."""

import csv
import json
from collections import defaultdict
from functools import cache
from math import sqrt
from statistics import fmean, variance

import openpyxl
import pytest
from scipy import stats

from services.scoring.core.completeness import missing
from services.scoring.core.gaps import Gap, Standing, gaps
from services.scoring.core.results import Result, Rules, assess, result_on
from services.scoring.models import MODELS
from shared.events import Figure
from shared.ids import ParticipantId
from shared.words import Facet, Relationship
from tests.builders.pilot_evidence import PILOT, pilot_evidence, pilot_folder

DEFINITION = pilot_folder().definition
MODEL = MODELS["rater-means/1"]


@cache
def results() -> dict[ParticipantId, Result]:
    """Everybody's result, after what came late."""
    rules, found = Rules(DEFINITION, MODEL), {}
    for participant, pieces in pilot_evidence(late=True).items():
        due = assess(rules, pieces, None).due
        assert due is not None
        found[participant] = result_on(due, rules, participant, pieces)
    return found


def figures(participant: str) -> dict[tuple[str, str | None, str | None], Figure]:
    document = json.loads(results()[ParticipantId(participant)].document)
    parsed = [Figure.model_validate(figure) for figure in document["figures"]]
    return {(each.domain, each.facet, each.competency): each for each in parsed}


@cache
def gap_table() -> tuple[Gap, ...]:
    organisation = {each.participant: each.organisation for each in pilot_folder().participants}
    standings = [
        Standing(
            organisation[participant],
            {
                (domain, facet): (figure.estimate, figure.standard_error)
                for (domain, facet, _), figure in figures(participant).items()
                if facet is not None
                for facet in [Facet(facet)]
            },
        )
        for participant in results()
    ]
    return gaps(DEFINITION.framework.scale, standings)


def test_before_the_late_arrivals_five_are_complete_and_two_wait() -> None:
    lacking = {participant: missing(DEFINITION, pieces) for participant, pieces in pilot_evidence(late=False).items()}
    assert {participant: reasons for participant, reasons in lacking.items() if reasons} == {
        "P-0003": ("written assessment: W3: markers differ by 5, a third mark is needed",),
        "P-0007": ("360 appraisal: direct reports: 1 of 3",),
    }
    assert len(lacking) == 7


def test_after_the_late_arrivals_nobody_waits() -> None:
    assert not any(missing(DEFINITION, pieces) for pieces in pilot_evidence(late=True).values())


def test_improvement_know_how_is_lowest_in_both_facets() -> None:
    whole = [gap for gap in gap_table() if gap.organisation is None]
    assert {gap.n for gap in whole} == {7}
    assert len(whole) == 6
    for facet in Facet:
        assert next(gap for gap in whole if gap.facet is facet).domain == "IK"


def test_everybody_has_a_figure_for_each_domain_facet_and_competency() -> None:
    for participant in results():
        assert len(figures(participant)) == 3 * (1 + 2 + 4)


def test_system_partners_are_merged_with_peers_and_nobody_is_withheld() -> None:
    for participant in results():
        assert json.loads(results()[participant].document)["withheld"] == []
        groups = [group.relationships for group in figures(participant)["SL", None, None].groups]
        assert groups == [
            (Relationship.LINE_MANAGER,),
            (Relationship.PEER, Relationship.SYSTEM_PARTNER),
            (Relationship.DIRECT_REPORT,),
        ]


def test_a_resubmission_counts_and_what_is_older_does_not() -> None:
    counted = json.loads(results()[ParticipantId("P-0005")].document)["evidence"]
    assert sum(each["by"] == "R-P-0005-PE2" for each in counted) == 1
    pieces = [piece for piece in pilot_evidence(late=True)[ParticipantId("P-0005")] if piece.by == "R-P-0005-PE2"]
    assert len(pieces) == 2
    assert max(pieces, key=lambda piece: piece.as_of).evidence in {each["evidence"] for each in counted}


def test_a_moderated_criterion_rests_on_the_moderating_mark_and_two_markers() -> None:
    # W3 alone shows IK2 in the written assessment: 8 and 3 of 10, moderated with 5
    written = figures("P-0003")["IK", None, "IK2"].sources[-1]
    assert (written.estimate, written.raters, written.items) == (1 + 4 * 5 / 10, 2, 1)


def sheet_ratings(participant: str, domain: str) -> dict[str, list[float]]:
    """What each assessor gave in a domain, straight from the workbooks."""
    found: dict[str, list[float]] = defaultdict(list)
    for file in sorted((PILOT / "development_day").glob("*.xlsx")):
        for sheet in openpyxl.load_workbook(file).worksheets[1:]:
            header, *rows = sheet.iter_rows(values_only=True)
            for name, *cells in rows:
                shown = [
                    float(str(cell))
                    for code, cell in zip(header[1:], cells, strict=True)
                    if cell is not None and str(code).startswith(domain)
                ]
                found[file.stem] += shown if name == participant else []
    return {assessor: ratings for assessor, ratings in found.items() if ratings}


def form_ratings(participant: str, domain: str) -> dict[str, list[float]]:
    """What each rater answered in a domain, straight from the recorded deliveries (labels start with their rating)."""
    with (PILOT / "programme" / "form_fields.csv").open(encoding="utf-8") as lines:
        item = {row["field_ref"]: row["maps_to"] for row in csv.DictReader(lines)}
    found: dict[str, list[float]] = {}
    for file in sorted((PILOT / "deliveries").glob("*-response.json")):
        response = json.loads(json.loads(file.read_text(encoding="utf-8"))["request"]["body"])["form_response"]
        labels = [
            answer["choice"]["label"]
            for answer in response["answers"]
            if answer["type"] == "choice" and item[answer["field"]["ref"]].startswith(domain)
        ]
        if response["hidden"]["participant"] == participant and response["hidden"]["relationship"] != "self":
            found[response["hidden"]["rater"]] = [float(label[0]) for label in labels if label != "Not observed"]
    return {rater: rated for rater, rated in found.items() if rated}


def marks(participant: str, criteria: set[str]) -> dict[str, list[float]]:
    """Each marker's marks on these criteria, on the common scale, straight from the file."""
    found: dict[str, list[float]] = defaultdict(list)
    with (PILOT / "written" / "marks.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["participant"] == participant and row["criterion"] in criteria:
                found[row["marker"]].append(1 + 4 * float(row["mark"]) / float(row["max_mark"]))
    return found


def test_a_participants_domain_is_what_one_calculates_from_the_files() -> None:
    others = [fmean(given) for given in form_ratings("P-0001", "IK").values()]
    seen = [fmean(given) for given in sheet_ratings("P-0001", "IK").values()]
    marked = marks("P-0001", {"W2", "W3", "W4"})
    estimate = 0.4 * fmean(others) + 0.4 * fmean(seen) + 0.2 * fmean(fmean(given) for given in marked.values())
    step = 1 / 12
    parts = [
        0.4**2 * max(variance(others), step) / len(others),
        0.4**2 * max(variance(seen), step) / len(seen),
        0.2**2 * sum(0.8**2 + 0.7**2 / len(given) for given in marked.values()) / 2**2,
    ]
    degrees = sum(parts) ** 2 / (parts[0] ** 2 / (len(others) - 1) + parts[1] ** 2 / (len(seen) - 1))
    half = stats.t.ppf(0.975, degrees) * sqrt(sum(parts))
    figure = figures("P-0001")["IK", None, None]
    assert (len(others), len(seen), len(marked)) == (11, 4, 2)
    assert figure.estimate == pytest.approx(estimate, abs=1e-6)
    assert figure.standard_error == pytest.approx(sqrt(sum(parts)), abs=1e-6)
    assert (figure.low, figure.high) == pytest.approx((estimate - half, estimate + half), abs=1e-6)
    assert (figure.raters, figure.items) == (17, 12 + 5 + 3)
