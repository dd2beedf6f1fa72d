"""Which pieces of evidence count, and what is impossible in one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.core.evidence import ImpossibleEvidence, Piece, checked, current, piece_of
from shared.events import Piece as PieceTold
from shared.words import Instrument, Relationship
from tests.builders.scoring_case import a_definition, a_mark, a_response, an_observation

LAW = settings(max_examples=60, deadline=None)

PEER = Relationship.PEER


def test_of_two_pieces_with_one_key_the_later_counts_whichever_arrives_first() -> None:
    older, newer = a_response("P1", PEER, 2, after=1), a_response("P1", PEER, 4, after=2)
    assert current([older, newer]) == current([newer, older]) == (newer,)


def test_of_two_pieces_of_the_same_moment_the_greater_id_counts_whichever_arrives_first() -> None:
    small, great = a_mark("K1", "M-1", 4, evidence="a" * 64), a_mark("K1", "M-1", 6, evidence="b" * 64)
    assert current([small, great]) == current([great, small]) == (great,)


def test_the_same_rater_counts_once_for_each_exercise() -> None:
    pieces = [an_observation("X1", "A-1", {"A1": 3}), an_observation("X2", "A-1", {"A2": 3})]
    assert len(current(pieces)) == 2


def test_a_later_piece_with_nothing_rated_takes_the_earlier_one_back() -> None:
    assert current([a_mark("K1", "M-1", 4, after=1), a_mark("K1", "M-1", None, after=2)]) == ()


def test_an_earlier_piece_with_nothing_rated_takes_nothing_back() -> None:
    mark = a_mark("K1", "M-1", 4, after=2)
    assert current([mark, a_mark("K1", "M-1", None, after=1)]) == (mark,)


@st.composite
def histories(draw: st.DrawFn) -> list[Piece]:
    """What few people said again and again, at few moments."""
    said = st.tuples(st.sampled_from("PQ"), st.sampled_from([None, 1.0, 2.0, 5.0]), st.integers(0, 3))
    return [
        a_response(by, PEER, {"A1k": rating}, after=after) for by, rating, after in draw(st.lists(said, max_size=5))
    ]


@LAW
@given(histories(), st.data())
def test_the_order_of_arrival_changes_nothing(pieces: list[Piece], data: st.DataObject) -> None:
    assert current(data.draw(st.permutations(pieces))) == current(pieces)


def test_everything_impossible_is_told_at_once() -> None:
    pieces = [
        a_response("P1", PEER, {"A1k": 7, "A1a": 0, "A2k": 3}),
        a_mark("K1", "M-1", 11),
        an_observation("X1", "A-1", {"A1": float("nan")}),
    ]
    with pytest.raises(ImpossibleEvidence) as caught:
        checked(a_definition(), pieces)
    assert [mistake.split(": ", 1)[1] for mistake in caught.value.mistakes] == [
        "A1a is 0, possible is 1 to 5",
        "A1k is 7, possible is 1 to 5",
        "K1 is 11, possible is 0 to 10",
        "A1 is nan, possible is 1 to 5",
    ]


def test_a_response_without_relationship_is_impossible() -> None:
    piece = piece_of(
        PieceTold(
            evidence="e" * 64,
            instrument=Instrument.APPRAISAL_360,
            by="P1",
            ratings={"A1k": 3},
            as_of=a_mark("K1", "M", 1).as_of,
        ).model_dump()
    )
    with pytest.raises(ImpossibleEvidence, match="the relationship of the rater is missing"):
        checked(a_definition(), [piece])


def test_a_code_that_the_cohort_does_not_know_is_kept() -> None:
    piece = a_response("P1", PEER, {"gone": 3, "A1k": 3})
    assert checked(a_definition(), [piece]) == (piece,)


def test_not_observed_is_possible() -> None:
    piece = an_observation("X1", "A-1", {"A1": None, "B1": 2})
    assert checked(a_definition(), [piece]) == (piece,)
    assert piece.given == {"B1": 2}
