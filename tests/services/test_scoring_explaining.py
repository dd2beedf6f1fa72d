"""What made a result is told down to items, and never what fewer than the minimum of raters answered."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.commands.explaining import Explained, NotExplained, explain
from services.scoring.core.counted import appraisal_of, observations
from services.scoring.core.evidence import Piece
from services.scoring.core.explaining.exposing import exposed
from services.scoring.core.explaining.items import items_of
from services.scoring.store.replays import NoSuchResult
from shared.db import Database
from shared.framework import FrameworkPack, Item
from shared.words import Facet, Instrument, Relationship
from tests.builders.scoring_case import FRAMEWORK, ITEMS, a_definition, a_response, complete_evidence
from tests.services.test_scoring_handlers import ANNA, BEN, opened, record

COMPLETE = complete_evidence()


def of_anna(db: Database, pieces: list[Piece] = COMPLETE, domain: str | None = None) -> Explained:
    record(opened(db), ANNA, pieces)
    return explain(db, ANNA, domain=domain)


def test_a_domain_is_taken_apart_into_sources_that_add_up(db: Database) -> None:
    found = of_anna(db)
    assert [each.domain for each in found.domains] == ["A", "B"]
    for each in found.domains:
        points = [source.points for source in each.sources]
        assert sum(point for point in points if point is not None) == pytest.approx(each.result["estimate"], abs=1e-5)
        assert all(source.shift == 0 for source in each.sources)
        assert len(each.shifts) == len(each.sources)


def test_items_cells_and_criteria_carry_their_means(db: Database) -> None:
    (domain,) = of_anna(db, domain="building").domains
    found = {item.item: item for item in domain.items}
    assert found["B1k"].mean == pytest.approx((2 + 2 + 3 + 1 + 3) / 5)
    assert found["B1k"].raters == 5
    assert (found["X1/B1"].mean, found["X1/B1"].raters) == (2, 1)
    assert (found["K2"].mean, found["K2"].raters, found["K2"].name) == (3, 2, "Second")


def test_no_rater_is_named_anywhere(db: Database) -> None:
    text = json.dumps([asdict(each) for each in of_anna(db).domains])
    assert not [piece.by for piece in COMPLETE if f'"{piece.by}"' in text]


def test_an_item_that_would_tell_one_raters_answer_is_withheld(db: Database) -> None:
    # P2 left A2a out: with A2k and the figure of A2, the mean of A2a would give P2's answer to A2k.
    told = {"A1k": 4, "A1a": 4, "A2k": 4, "A2a": None, "B1k": 3, "B1a": 3}
    changed = [piece for piece in COMPLETE if piece.by != "P2"]
    (domain,) = of_anna(db, [*changed, a_response("P2", Relationship.PEER, told)], domain="A").domains
    found = {item.item: item for item in domain.items if item.instrument is Instrument.APPRAISAL_360}
    assert found["A1a"].mean is not None
    assert found["A2a"].mean is None
    assert "fewer than 3 raters" in str(found["A2a"].withheld)


def test_items_that_everybody_rated_are_shown(db: Database) -> None:
    full = [a_response(f"P{n}", Relationship.PEER, 2.0 + n % 3) for n in range(1, 6)]
    changed = [piece for piece in COMPLETE if piece.relationship is not Relationship.PEER]
    for domain in of_anna(db, [*changed, *full]).domains:
        assert all(item.mean is not None for item in domain.items)


def test_an_item_that_few_rated_is_withheld() -> None:
    both = {**dict.fromkeys(ITEMS, 3.0), "A1j": 3.0}
    pieces = tuple(
        a_response(f"P{n}", Relationship.PEER, both if n < 2 else dict.fromkeys(ITEMS, 3.0)) for n in range(5)
    )
    twin = Item(code="A1j", competency="A1", statement="A1 know too", facet=Facet.KNOW)
    items = [each.model_dump() for each in (*FRAMEWORK.items, twin)]
    own = {name: getattr(FRAMEWORK, name) for name in FrameworkPack.model_fields}  # a copy would keep its indexes
    definition = a_definition(framework=FrameworkPack.model_validate(own | {"items": items}))
    appraisal = appraisal_of(definition, pieces)
    found = items_of(observations(definition, appraisal, pieces), appraisal, "A", 3, {})
    withheld = {item.item: item.withheld for item in found}
    assert withheld["A1j"] == "fewer than 3 raters rated it"


def test_an_earlier_version_that_differs_by_one_rater_closes_groups_and_items(db: Database) -> None:
    record(opened(db), ANNA, COMPLETE)
    record(db, ANNA, [a_response("P1", Relationship.PEER, 5, after=9)])
    for each in explain(db, ANNA).domains:
        assert each.groups == ()
        assert "earlier version" in str(each.withheld)
        assert {item.instrument for item in each.items} == {
            Instrument.DEVELOPMENT_DAY,
            Instrument.WRITTEN_ASSESSMENT,
        }


def test_what_cannot_be_explained_is_told_with_what_there_is(db: Database) -> None:
    record(opened(db), ANNA, COMPLETE)
    record(db, BEN, COMPLETE)
    with pytest.raises(NotExplained, match=r"A \(Aiming\), B \(Building\)"):
        explain(db, ANNA, domain="C")
    with pytest.raises(NotExplained, match="not one participant"):
        explain(db, "small")
    with pytest.raises(NoSuchResult):
        explain(db, "P-Z")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sets(st.sampled_from("abcdef"), min_size=3), min_size=1, max_size=6))
def test_exposed_is_what_a_solver_can_work_out(groups: list[set[str]]) -> None:
    """Against brute force: whether some rater's or pair's answers alone make a combination of the averages."""
    averages = [{(rater, "i"): 1 / len(group) for rater in group} for group in groups]
    raters = sorted({rater for group in groups for rater in group})
    matrix = np.array([[average.get((rater, "i"), 0.0) for rater in raters] for average in averages])
    for few in exposed(averages, minimum=3):
        outside = matrix[:, [n for n, rater in enumerate(raters) if rater not in few]]
        # a combination of averages that is zero outside: a null vector of the rest that the whole does not have
        _, values, vectors = np.linalg.svd(outside.T)
        rank = int((values > 1e-9).sum())
        assert any(np.abs(vector @ matrix).max() > 1e-9 for vector in vectors[rank:])
