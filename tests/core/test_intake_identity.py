"""Who speaks about whom, by hidden field, question, address or link: found, or a reason that quotes no address."""

from dataclasses import replace

import pytest

from services.intake.core.errors import ReasonCode
from services.intake.core.identity import link_token, token_hash
from services.intake.core.matching import Matched, Unmatched, match
from services.intake.core.roster import RaterEntry, Roster
from services.intake.core.source import Source
from services.intake.core.vendor import Response
from shared.cohort.definition import FormField
from shared.ids import ParticipantId, RaterId
from shared.words import IdentityBy, Instrument, Relationship
from tests.builders.intake import FORM, ROSTER, a_definition, a_response

ADDRESS = "ada@example.org"
TOKEN = link_token("a key of this test", "c-1", "R-1")
PEOPLE = replace(
    ROSTER,
    raters={**ROSTER.raters, RaterId("R-3"): RaterEntry(ParticipantId("P-2"), Relationship.PEER)},
    by_address={ADDRESS: (RaterId("R-1"),), "both@example.org": (RaterId("R-1"), RaterId("R-3"))},
    by_token={token_hash(TOKEN): RaterId("R-1")},
)


def by(how: IdentityBy) -> Source:
    return Source("appraisal", Instrument.APPRAISAL_360, how)


def of(
    how: IdentityBy, hidden: dict[str, str], answers: dict[str, str] | None = None, people: Roster = PEOPLE
) -> Matched | Unmatched:
    response: Response = a_response(hidden=hidden, answers={"q1": "Often", **(answers or {})})
    return match(response, by(how), a_definition(), people)


def reason(found: Matched | Unmatched) -> ReasonCode:
    assert isinstance(found, Unmatched)
    assert "@" not in "".join(each.words for each in found.reasons)
    assert TOKEN not in "".join(each.words for each in found.reasons)
    return found.reasons[0].code


@pytest.mark.parametrize("sent", [ADDRESS, " Ada@Example.ORG "])
@pytest.mark.parametrize("field", ["responder", "respondentEmail", "respondent_email", "contact_email"])
def test_a_rater_is_known_by_the_responders_address_in_any_case(sent: str, field: str) -> None:
    found = of(IdentityBy.RESPONDER_EMAIL, {}, {field: sent})
    assert isinstance(found, Matched)
    assert (found.participant, found.by) == ("P-1", "R-1")


def test_an_address_that_is_missing_unknown_ambiguous_or_contradicted_has_a_reason_of_its_own() -> None:
    how = IdentityBy.RESPONDER_EMAIL
    assert reason(of(how, {})) is ReasonCode.IDENTITY_MISSING
    assert reason(of(how, {}, {"responder": "anonymous"})) is ReasonCode.IDENTITY_MISSING
    assert reason(of(how, {}, {"responder": "eve@example.org"})) is ReasonCode.UNKNOWN_RATER
    assert reason(of(how, {}, {"responder": "both@example.org"})) is ReasonCode.IDENTITY_AMBIGUOUS
    assert reason(of(how, {"rater": "R-2"}, {"responder": ADDRESS})) is ReasonCode.IDENTITY_CONTRADICTS
    assert reason(of(how, {"participant": "P-2"}, {"responder": ADDRESS})) is ReasonCode.IDENTITY_CONTRADICTS


def test_whom_it_is_about_tells_two_raters_of_one_address_apart() -> None:
    found = of(IdentityBy.RESPONDER_EMAIL, {"participant": "P-2"}, {"responder": "both@example.org"})
    assert isinstance(found, Matched)
    assert (found.participant, found.by) == ("P-2", "R-3")


def test_a_link_token_names_its_rater_and_nobody_else() -> None:
    how = IdentityBy.LINK_TOKEN
    found = of(how, {"token": TOKEN})
    assert isinstance(found, Matched)
    assert (found.participant, found.by) == ("P-1", "R-1")
    assert reason(of(how, {})) is ReasonCode.IDENTITY_MISSING
    assert reason(of(how, {"rater": "R-1", "participant": "P-1"})) is ReasonCode.IDENTITY_MISSING
    assert reason(of(how, {"token": TOKEN[:-1]})) is ReasonCode.UNKNOWN_RATER
    assert reason(of(how, {"token": TOKEN, "rater": "R-2"})) is ReasonCode.IDENTITY_CONTRADICTS
    assert reason(of(how, {"token": TOKEN, "participant": "P-2"})) is ReasonCode.RATER_OF_SOMEBODY_ELSE


def test_where_questions_say_who_hidden_fields_are_not_believed() -> None:
    fields = tuple(
        FormField(connection="appraisal", vendor="typeform", form_id=FORM, field_ref=ref, maps_to=maps_to)
        for ref, maps_to in (("q1", "SL1a"), ("x1", "identity:participant"), ("x2", "identity:rater"))
    )
    definition = a_definition(form_fields=fields)
    hidden = {"participant": "P-2", "rater": "R-2"}
    asked = a_response(hidden=hidden, answers={"q1": "Often", "x1": "P-1", "x2": "R-1"})
    found = match(asked, by(IdentityBy.QUESTIONS), definition, ROSTER)
    assert isinstance(found, Matched)
    assert found.by == "R-1"
    unasked = match(a_response(hidden=hidden), by(IdentityBy.QUESTIONS), definition, ROSTER)
    assert isinstance(unasked, Unmatched)
    assert "identity:participant" in unasked.reasons[0].words


def test_hidden_fields_that_contradict_each_other_name_nobody() -> None:
    hidden = {"participant": "P-1", "participant_id": "P-2", "rater": "R-1"}
    assert reason(of(IdentityBy.HIDDEN_FIELDS, hidden)) is ReasonCode.IDENTITY_CONTRADICTS


def test_a_token_depends_on_key_cohort_and_person_and_tells_none_of_them() -> None:
    tokens = {link_token(key, cohort, who) for key in ("k1", "k2") for cohort in ("a", "b") for who in ("R-1", "R-2")}
    assert len(tokens) == 8
    assert all(len(token) == 24 and "R-" not in token for token in tokens)
