"""Evidence ids depend on what was said and on nothing else; changing back counts as saying it anew."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.intake.core.evidence import Evidence, Said, newest, occasions, of_document
from shared.ids import CohortId, ParticipantId, RaterId, SubmissionId
from shared.words import Instrument, Relationship

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def a_piece(**changes: Any) -> Evidence:
    return Evidence(
        **{
            "cohort": CohortId("c-1"),
            "participant": ParticipantId("P-1"),
            "instrument": Instrument.DEVELOPMENT_DAY,
            "by": RaterId("A-1"),
            "ratings": {"SL1": 4, "SL2": None},
            "element": "EX1",
        }
        | changes
    )


def said(rating: float, minute: int, submitted_at: datetime | None = None) -> Said:
    evidence = a_piece(ratings={"SL1": rating}, submitted_at=submitted_at)
    return Said(SubmissionId(f"s{minute:02}"), submitted_at or START + timedelta(minutes=minute), evidence)


def test_the_id_of_a_piece_is_the_same_on_every_machine() -> None:
    assert a_piece().evidence_id() == "3c78c67b0e197169c344e646042f97c3f9dd9369440fe2fcc253c69e5de6fc62"


def test_whole_numbers_and_the_order_of_ratings_make_no_difference() -> None:
    assert a_piece(ratings={"SL2": None, "SL1": 4.0}).evidence_id() == a_piece().evidence_id()


def test_the_zone_in_which_a_time_is_written_makes_no_difference() -> None:
    local = START.astimezone(timezone(timedelta(hours=5)))
    assert a_piece(submitted_at=local).evidence_id() == a_piece(submitted_at=START).evidence_id()


def test_everything_that_was_said_makes_a_difference() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"cohort": "c-2"},
        {"participant": "P-2"},
        {"instrument": Instrument.APPRAISAL_360},
        {"by": "A-2"},
        {"relationship": Relationship.PEER},
        {"element": "EX2"},
        {"ratings": {"SL1": 4}},
        {"ratings": {"SL1": 4, "SL2": 3}},
        {"moderating": True},
        {"submitted_at": START},
    ]
    assert len({a_piece(**change).evidence_id() for change in changes}) == len(changes)


def test_a_kept_document_gives_the_same_evidence_back() -> None:
    piece = a_piece(relationship=Relationship.PEER, submitted_at=START)
    assert of_document(piece.document).evidence_id() == piece.evidence_id()


def test_saying_the_same_again_adds_nothing() -> None:
    assert len(occasions([said(3, 1), said(3, 2)])) == 1


def test_a_change_and_a_change_back_make_three_pieces_and_the_last_one_counts() -> None:
    history = [said(3, 1), said(4, 2), said(3, 3)]
    for order in permutations(history):
        found = occasions(order)
        assert len({piece.evidence_id for piece in found}) == 3
        assert newest(found).said == history[2]
    assert occasions(history)[0].evidence_id == history[0].evidence.evidence_id()


def test_a_dated_response_has_one_id_however_often_it_is_delivered() -> None:
    dated = [said(3, 1, START), said(4, 2, START), said(3, 3, START)]
    assert len(occasions(dated)) == 2


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 50)), min_size=1, max_size=8, unique_by=lambda x: x[1]))
def test_what_counts_depends_on_times_and_not_on_the_order_of_arrival(ratings: list[tuple[int, int]]) -> None:
    history = [said(rating, minute) for rating, minute in ratings]
    last = max(history, key=lambda each: each.as_of)
    for order in (history, history[::-1], sorted(history, key=lambda each: each.as_of)):
        counting = newest(occasions(order))
        assert counting.said.evidence.ratings == last.evidence.ratings
        assert counting.evidence_id == newest(occasions(history)).evidence_id
