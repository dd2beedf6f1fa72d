"""A response becomes evidence by the cohort's mapping and roster, or says every reason why it does not."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.core import meaning
from services.intake.core.errors import ReasonCode
from services.intake.core.matching import Matched, Unmatched, match
from services.intake.core.source import Source
from services.intake.core.vendor import NothingSaid, Response, Responses
from shared.words import Instrument, Relationship
from tests.builders.intake import APPRAISAL, DAY, ROSTER, SUBMITTED, WRITTEN, a_definition, a_response


def matched(response: Response, source: Source = APPRAISAL, **changes: Any) -> Matched:
    found = match(response, source, a_definition(**changes), ROSTER)
    assert isinstance(found, Matched), found
    return found


def reasons(response: Response, source: Source = APPRAISAL, **changes: Any) -> dict[ReasonCode, str]:
    found = match(response, source, a_definition(**changes), ROSTER)
    assert isinstance(found, Unmatched), found
    return {reason.code: reason.words for reason in found.reasons}


def test_answers_become_ratings_and_comments() -> None:
    found = matched(a_response())
    (piece,) = found.evidence
    assert piece.ratings == {"SL1a": 4, "SL1b": None}
    assert (piece.participant, piece.by, piece.relationship) == ("P-1", "R-1", Relationship.PEER)
    assert (piece.instrument, piece.element, piece.submitted_at) == (Instrument.APPRAISAL_360, "", SUBMITTED)
    assert found.comments == (("strengths", "Listens well."),)


def test_a_question_that_was_skipped_is_absent_and_not_observed_is_none() -> None:
    (piece,) = matched(a_response(answers={"q1": "", "q2": "Not observed"})).evidence
    assert piece.ratings == {"SL1b": None}


def test_a_response_without_any_rating_is_still_one_of_the_rater() -> None:
    (piece,) = matched(a_response(answers={"t1": "Only words."})).evidence
    assert piece.ratings == {}


@pytest.mark.parametrize("answer", [4, 4.0, "4", " often ", "OFTEN", ("Often",)])
def test_numbers_and_labels_in_any_spelling_are_understood(answer: Any) -> None:
    (piece,) = matched(a_response(answers={"q1": answer})).evidence
    assert piece.ratings == {"SL1a": 4}


def test_a_number_that_is_a_label_counts_as_the_label() -> None:
    (piece,) = matched(a_response(answers={"q1": 6}), choices={"6": None}).evidence
    assert piece.ratings == {"SL1a": None}


@pytest.mark.parametrize("answer", ["Usually", "4/5", "nan", "1e0", "４", ("Often", "Never"), "inf"])
def test_an_answer_that_is_no_label_and_no_number_names_field_and_label(answer: Any) -> None:
    words = reasons(a_response(answers={"q1": answer}))[ReasonCode.UNMAPPED_CHOICE]
    assert "q1" in words
    assert "SL1a" in words
    assert isinstance(answer, tuple) or answer in words
    assert "choices.csv" in words or "one" in words


@pytest.mark.parametrize("answer", [0, 6, "5.5", -1])
def test_a_number_off_the_scale_is_a_reason(answer: Any) -> None:
    assert "between 1 and 5" in reasons(a_response(answers={"q1": answer}))[ReasonCode.OFF_SCALE]


def test_an_unknown_form_names_itself_and_the_known_ones() -> None:
    words = reasons(a_response(form_id="other"))[ReasonCode.UNKNOWN_FORM]
    assert "“other”" in words
    assert "form1" in words


def hidden(**changes: str) -> Response:
    return a_response(hidden={"participant": "P-1", "rater": "R-1", "relationship": "peer"} | changes)


def test_strangers_are_reasons() -> None:
    assert "P-9" in reasons(hidden(participant="P-9"))[ReasonCode.UNKNOWN_PARTICIPANT]
    assert "hidden field" in reasons(hidden(participant=" "))[ReasonCode.UNKNOWN_PARTICIPANT]
    assert "R-9" in reasons(hidden(rater="R-9"))[ReasonCode.UNKNOWN_RATER]
    assert "hidden field" in reasons(hidden(rater=""))[ReasonCode.UNKNOWN_RATER]


def test_a_rater_of_somebody_else_is_a_reason() -> None:
    words = reasons(hidden(participant="P-2"))[ReasonCode.RATER_OF_SOMEBODY_ELSE]
    assert "P-1" in words
    assert "P-2" in words


def test_another_relationship_than_in_the_roster_is_a_reason() -> None:
    assert "peer" in reasons(hidden(relationship="line_manager"))[ReasonCode.RELATIONSHIP_DIFFERS]


@pytest.mark.parametrize("sent", ["", "Peer", "peer "])
def test_the_relationship_may_be_left_out_or_spelled_otherwise(sent: str) -> None:
    assert matched(hidden(relationship=sent)).evidence[0].relationship is Relationship.PEER


def test_hidden_fields_may_have_their_longer_names() -> None:
    response = a_response(hidden={"participant_id": "P-1", "rater_id": "R-1", "rater_role": "peer", "cycle": "x"})
    assert matched(response).by == "R-1"


def test_every_reason_is_told_at_once() -> None:
    found = reasons(a_response(answers={"q1": "Usually", "q2": 9}, hidden={"participant": "P-9", "rater": "R-9"}))
    assert set(found) == {
        ReasonCode.UNKNOWN_PARTICIPANT,
        ReasonCode.UNKNOWN_RATER,
        ReasonCode.UNMAPPED_CHOICE,
        ReasonCode.OFF_SCALE,
    }


def test_what_is_not_mapped_is_ignored() -> None:
    (piece,) = matched(a_response(answers={"q1": "Often", "extra": "whatever"})).evidence
    assert piece.ratings == {"SL1a": 4}


def test_a_mapping_to_nothing_of_the_cohort_is_a_reason() -> None:
    field = a_definition().form_fields[0].model_copy(update={"maps_to": "SL9z"})
    assert "SL9z" in reasons(a_response(), form_fields=(field,))[ReasonCode.BAD_MAPPING]


def test_a_day_form_gives_a_piece_an_exercise() -> None:
    response = a_response(answers={"d1": 3, "d2": "Often"}, hidden={"participant": "P-1", "assessor": "A-1"})
    pieces = matched(response, DAY).evidence
    assert [(piece.element, dict(piece.ratings)) for piece in pieces] == [("EX1", {"SL1": 3}), ("EX2", {"IK1": 4})]
    assert {piece.relationship for piece in pieces} == {None}
    stranger = a_response(hidden={"participant": "P-1", "assessor": "A-9"})
    assert "assessors.csv" in reasons(stranger, DAY)[ReasonCode.UNKNOWN_RATER]


def test_a_written_form_gives_a_piece_a_criterion_with_marks_up_to_its_maximum() -> None:
    response = a_response(answers={"w1": "7.5", "w2": 20}, hidden={"participant": "P-1", "marker": "anybody"})
    pieces = matched(response, WRITTEN).evidence
    assert [(piece.element, dict(piece.ratings)) for piece in pieces] == [("W1", {"W1": 7.5}), ("W2", {"W2": 20})]
    over = a_response(answers={"w1": 11}, hidden={"participant": "P-1", "marker": "anybody"})
    assert "between 0 and 10" in reasons(over, WRITTEN)[ReasonCode.OFF_SCALE]


def test_a_mark_is_a_number_even_where_a_choice_is_spelled_alike() -> None:
    response = a_response(answers={"w1": 6}, hidden={"participant": "P-1", "marker": "anybody"})
    assert matched(response, WRITTEN, choices={"6": None}).evidence[0].ratings == {"W1": 6}


def test_a_time_without_a_zone_is_local_in_the_cohort() -> None:
    summer = a_response(submitted_at=datetime(2026, 7, 1, 12, 0))  # noqa: DTZ001  (what some vendors send)
    assert matched(summer).evidence[0].submitted_at == datetime(2026, 7, 1, 11, 0, tzinfo=UTC)


def of(*responses: Response) -> meaning.Meaning:
    return meaning.of_responses(Responses(responses), APPRAISAL, a_definition(), ROSTER)


def test_a_partial_response_is_set_aside() -> None:
    found = of(a_response(partial=True))
    assert (found.evidence, found.reasons, found.code) == ((), (), ReasonCode.PARTIAL)


def test_a_vendors_test_delivery_is_set_aside() -> None:
    said = NothingSaid(meaning.NOTHING_ANSWERED)
    assert meaning.of_responses(said, APPRAISAL, a_definition(), ROSTER).code is ReasonCode.NOTHING_ANSWERED


def test_of_a_batch_the_good_counts_and_the_rest_is_named() -> None:
    found = of(a_response(), a_response(response_id="resp2", form_id="other"))
    assert len(found.evidence) == 1
    assert found.code is ReasonCode.UNKNOWN_FORM
    assert found.words is not None
    assert "resp2" in found.words
    assert dict(found.detail)["form"] == "other"


@given(
    st.dictionaries(
        st.sampled_from(["q1", "q2", "q3", "t1", "zz"]),
        st.one_of(st.text(), st.floats(), st.integers(), st.lists(st.text(), max_size=3).map(tuple)),
    ),
    st.dictionaries(st.sampled_from(["participant", "rater", "relationship", "x"]), st.text()),
    st.one_of(st.none(), st.datetimes(), st.datetimes(timezones=st.timezones())),
)
def test_any_response_gives_ratings_on_the_scale_or_reasons(
    answers: dict[str, Any], sent: dict[str, str], at: datetime | None
) -> None:
    for ids in (sent, {"participant": "P-1", "rater": "R-1"}):
        found = of(a_response(answers=answers, hidden=ids, submitted_at=at))
        assert bool(found.reasons) != bool(found.evidence)
        for piece in found.evidence:
            assert all(rating is None or 1 <= rating <= 5 for rating in piece.ratings.values())
            assert len(piece.evidence_id()) == 64
        for _, text in (each for remark in found.remarks for each in remark.written):
            text.encode()
        (found.words or "").encode()
