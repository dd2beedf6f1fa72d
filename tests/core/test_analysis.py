"""Ratings of a file, scored: reading, who is adjusted and why not, results, agreement."""

from collections.abc import Iterable

import numpy as np
import pytest

from services.scoring.core.analysis.agreeing import agreements
from services.scoring.core.analysis.documents import agreement_document, document
from services.scoring.core.analysis.item_table import read_items
from services.scoring.core.analysis.long_table import Columns, UnreadableTable, read_ratings
from services.scoring.core.analysis.results import FitResult
from services.scoring.core.analysis.scoring import FILE_MODELS, score
from services.scoring.core.facets.categories import categories_of
from services.scoring.core.facets.joint import joint_fit
from services.scoring.core.facets.marginal import marginal_fit
from tests.builders.facets import drawn
from tests.core.test_facets import GUILFORD

HEADER = "participant,source,rater_group,rater,item,score\n"
PEOPLE = ("Anne", "Betty", "Chris", "David", "Edward", "Fred", "George")
TRAITS = ("attack", "basis", "clarity", "daring", "enthusiasm")


def guilford() -> list[str]:
    """Guilford (1954), p. 282, as a long CSV."""
    rows = [
        f"{PEOPLE[p]},{judge},{TRAITS[t]},{digit}\n"
        for judge, sheets in GUILFORD.items()
        for p, sheet in enumerate(sheets)
        for t, digit in enumerate(sheet)
    ]
    return ["participant,rater,item,score\n", *rows]


def crowd(people: int = 60, raters: int = 12, each: int = 3, *, seed: int = 1, nested: bool = False) -> list[str]:
    ratings = drawn(people, raters, each, items=6, seed=seed, nested=nested).ratings
    rows = zip(ratings.participant, ratings.rater, ratings.item, ratings.score, strict=True)
    return [HEADER, *(f"P{p:03d},360,peer,R{r:03d},Q{i},{s + 1}\n" for p, r, i, s in rows)]


def fit_of(lines: Iterable[str], model: str = "many-facet/1") -> FitResult:
    (fit,) = score(read_ratings(lines), model=model).fits
    return fit


# ----------------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["a,b\n", "1,2\n"], "line 1: no column 'participant'; the file's columns are: a, b"),
        ([HEADER], "a header and no rating"),
        ([HEADER, "P,s,g,R,Q,3\n", "P,s,g,R\n"], "line 3: 4 cells where other lines have 6"),
        ([HEADER, "P,s,g,R,Q,high\n"], "line 2: score 'high' is not a number"),
        ([HEADER, "P,s,g,R,Q,3\n", ",s,g,R,Q,3\n"], "line 3: participant is blank"),
        (
            [HEADER, "P,s,g,R,Q,3\n", "P,s,g,R,Q,4\n"],
            "line 3: this rater rated this item of this participant in line 2",
        ),
        ([], "line 1: no column 'participant'; the file's columns are: none"),
    ],
)
def test_a_bad_file_says_what_is_wrong_and_where(lines: list[str], words: str) -> None:
    with pytest.raises(UnreadableTable, match=words.replace("(", r"\(")):
        read_ratings(lines)


def test_other_names_separators_and_byte_order_marks_are_read() -> None:
    table = read_ratings(["\ufeffwho;judge;trait;mark\n", "B;x;q;4\n", "A;x;q;\n"], Columns("who", rater="judge", item="trait", score="mark"))  # fmt: skip  # noqa: E501
    assert table.participant.names == ("A", "B")
    assert table.participant.codes.tolist() == [1, 0]
    assert np.isnan(table.score[1])


def test_fractions_are_no_categories() -> None:
    with pytest.raises(UnreadableTable, match=r"score 2.5 is not a whole number"):
        score(read_ratings([HEADER, "P,s,g,R,Q,2.5\n", "P,s,g,S,Q,2\n"]))


def test_an_item_without_a_place_is_named() -> None:
    items = read_items(["item,domain\n", "Q1,care\n"])
    with pytest.raises(UnreadableTable, match="item 'Q2' is rated but not in the table of items"):
        score(read_ratings([HEADER, "P,s,g,R,Q1,2\n", "P,s,g,R,Q2,3\n"]), items)


# ----------------------------------------------------------------------------------------------------------- scoring


def test_self_never_enters_a_fit() -> None:
    plain = fit_of(crowd())
    with_self = fit_of([*crowd(), *(f"P{p:03d},360,self,P{p:03d},Q{i},5\n" for p in range(60) for i in range(6))])
    assert with_self.participants == plain.participants
    assert all(not each.rater.startswith("P") for each in with_self.raters)


def test_overlapping_raters_are_adjusted_for_and_estimates_centred() -> None:
    fit = fit_of(crowd())
    assert all(each.adjusted and each.reason is None for each in fit.participants)
    estimates = [each.estimate or 0.0 for each in fit.participants]
    assert np.mean(estimates) == pytest.approx(0.0, abs=1e-9)
    assert len(fit.subsets) == 1
    assert all(each.severity is not None for each in fit.raters)


def test_raters_of_one_participant_are_never_adjusted_for() -> None:
    fit = fit_of(crowd(nested=True))
    assert {each.reason for each in fit.participants} == {
        "every rater rated one participant: severity can't be told from what they saw"
    }
    assert all(each.severity is None for each in fit.raters)
    assert fit.variance.severity is None
    assert len(fit.subsets) == 60


def test_islands_are_named_and_never_adjusted() -> None:
    other = [line.replace("P", "X").replace("R", "Y") for line in crowd(people=40, seed=2)[1:]]
    fit = fit_of([*crowd(), *other])
    assert [len(each.participants) for each in fit.subsets] == [60, 40]
    assert not any(each.adjusted for each in fit.participants)
    assert fit.participants[0].reason == "subset 1 of 2: no rater links it to the others, compare within it only"


def test_seven_people_get_estimates_without_a_claim() -> None:
    fit = fit_of(guilford())
    assert {each.reason for each in fit.participants} == {"7 participants: fewer than 30, severities would be noise"}
    assert not fit.variance.estimated
    assert all(
        each.low is not None and each.estimate is not None and each.low < each.estimate for each in fit.participants
    )


def test_somebody_of_whom_nothing_was_observed_is_there_without_an_estimate() -> None:
    fit = fit_of([*crowd(), "P999,360,peer,R001,Q1,\n"])
    assert fit.participants[-1].participant == "P999"
    assert (fit.participants[-1].estimate, fit.participants[-1].reason) == (None, "nobody rated this participant here")


def test_with_items_there_is_a_fit_for_each_source_and_domain_and_their_combination() -> None:
    places = [f"Q{i},{s},{'care' if i < 3 else 'work'}\n" for i in range(6) for s in ("360",)]
    items = read_items(["item,source,domain\n", *places])
    day = [line.replace(",360,peer,R", ",day,assessor,D") for line in crowd(seed=1)[1:]]
    found = document(score(read_ratings([*crowd(), *day]), items))
    assert [(fit["source"], fit["domain"]) for fit in found["fits"]] == [
        ("360", "care"), ("360", "work"), ("day", "care"), ("day", "work"),
    ]  # fmt: skip
    assert [each["domain"] for each in found["combined"]] == ["care", "work"]
    keys = {"participant", "estimate", "se", "low", "high", "fair", "raw", "n_raters", "adjusted", "reason"}
    for line in found["combined"][0]["participants"] + found["fits"][0]["participants"]:
        assert set(line) == keys
    assert found["combined"][0]["participants"][0]["n_raters"] == 6


@pytest.mark.parametrize("model", FILE_MODELS)
def test_every_model_fills_the_same_tables(model: str) -> None:
    found = document(score(read_ratings(crowd()), model=model))["fits"][0]
    assert len(found["participants"]) == 60
    assert len(found["raters"]) == 12
    assert {len(each["steps"]) for each in found["items"]} == {4}


def test_thin_categories_are_pooled_and_told() -> None:
    found = categories_of(np.array([1.0] * 3 + [2.0] * 20 + [3.0] * 30 + [4.0] * 2))
    assert found.pooled == (
        "scores 1, 2 are one category: fewer than 10 ratings apart",
        "scores 3, 4 are one category: fewer than 10 ratings apart",
    )
    assert found.values == pytest.approx((43 / 23, 98 / 32))


# ------------------------------------------------------------------------------------- older programs, printed tables


def test_joint_maximum_likelihood_of_guilfords_ratings() -> None:
    """Full Newton steps of the rating-scale model on Guilford (1954), p. 282: measures, standard errors,
    mean-squares.
    """
    fit = fit_of(guilford(), "joint/1")
    severity = {each.rater: each.severity for each in fit.raters}
    assert severity == pytest.approx({"Avogadro": -0.0234, "Brahe": 0.1824, "Cavendish": -0.1590}, abs=0.0005)
    anne = fit.participants[0]
    assert anne.se == pytest.approx(0.1738, abs=0.0005)
    assert anne.fair == pytest.approx(4.6366, abs=0.0005)
    assert [each.infit for each in fit.fit_raters][:2] == pytest.approx([0.8492, 1.4752], abs=0.0005)


def test_marginal_maximum_likelihood_of_guilfords_ratings() -> None:
    """The same ratings with places normally distributed, categories up to each trait's highest: R's TAM, 321 nodes."""
    table = read_ratings(guilford())
    codes = (each.codes.astype(np.int64) for each in (table.participant, table.rater, table.item))
    person, rater, item = codes
    zeros = np.zeros_like(person)
    from services.scoring.core.facets.ratings import Ratings

    ratings = Ratings(person, rater, item, zeros, zeros, table.score.astype(np.int64) - 1, 8)
    found = marginal_fit(ratings, observed_only=True)
    assert found.deviance == pytest.approx(338.078, abs=0.01)
    assert found.severity == pytest.approx([-0.0210, 0.1716, -0.1505], abs=0.001)
    assert found.variance == pytest.approx(0.1454, abs=0.001)
    assert joint_fit(ratings).log_likelihood == pytest.approx(-165.685, abs=0.001)


def test_so_do_analysts_with_the_rating_scale_model() -> None:
    fit = fit_of(guilford(), "marginal-rating-scale/1")
    severity = {each.rater: each.severity for each in fit.raters}
    assert severity == pytest.approx({"Avogadro": -0.0210, "Brahe": 0.1716, "Cavendish": -0.1505}, abs=0.001)
    assert fit.variance.participant == pytest.approx(0.1454, abs=0.001)


# --------------------------------------------------------------------------------------------------------- agreement


def test_every_statistic_has_a_figure_or_a_reason() -> None:
    (found,) = agreement_document(agreements(read_ratings(guilford())))["agreement"]
    lines = found["statistics"] + [line for group in found["within_groups"] for line in group["statistics"]]
    for line in lines:
        assert (line["value"] is None) == (line["withheld"] is not None) or line["withheld"] == "no interval known"
    names = {line["name"] for line in found["statistics"]}
    assert {"ICC(2,k) = ICC(A,k)", "AC1", "Krippendorff's alpha (ordinal)", "weighted kappa"} <= names
    study = found["generalizability"]
    assert study["design"] == "p × i × r"
    assert study["now"]["conditions"] == {"rater": 3, "item": 5}
    assert any(words.startswith("Two more raters would narrow this to") for words in study["words"])


def test_raters_of_ones_own_give_the_one_way_forms() -> None:
    (found,) = agreements(read_ratings(crowd(nested=True)))
    assert found.study.design == "i × (r:p)"
    values = {each.name: each for family in found.families for each in family.statistics}
    assert values["ICC(1)"].value is not None
    assert values["ICC(2,1) = ICC(A,1)"].withheld is not None
