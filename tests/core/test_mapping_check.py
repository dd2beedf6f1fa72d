"""A check of a mapping says what keeps responses from counting, and what a coordinator should know."""

from dataclasses import replace
from typing import Any

from services.intake.core.mapping.check import Check, Finding, check_of
from services.intake.core.vendor import Response
from shared.cohort.definition import FormField
from tests.builders.intake import FORM, ROSTER, a_definition, a_response


def findings(*responses: Response, **changes: Any) -> list[Finding]:
    check: Check = check_of("appraisal", a_definition(**changes))
    for response in responses:
        check.take(response, ROSTER)
    return check.findings()


def words(found: list[Finding], *, blocks: bool) -> str:
    return "\n".join(each.words for each in found if each.blocks is blocks)


def test_a_mapping_that_agrees_with_what_arrives_has_nothing_to_put_right() -> None:
    assert findings(a_response(answers={"q1": "Often", "q2": "Never", "q3": 4, "t1": "Good."})) == []


def test_fields_that_nobody_maps_and_mapped_ones_that_never_come_are_notes() -> None:
    found = findings(a_response(answers={"q1": "Often", "q2": "Often", "extra": "x"}))
    assert words(found, blocks=True) == ""
    assert "field extra arrives and no row names it" in words(found, blocks=False)
    assert "field q3 (IK1a) never arrived in 1 response(s)" in words(found, blocks=False)


def test_a_label_that_nobody_knows_blocks_and_is_told_once_however_often_it_came() -> None:
    odd = a_response(answers={"q1": "Mostly", "q2": "Mostly"})
    blocking = [each for each in findings(odd, replace(odd, response_id="r2")) if each.blocks]
    assert len(blocking) == 1
    assert blocking[0].count == 4
    assert "“Mostly”" in blocking[0].words


def test_off_the_scale_an_unmapped_form_and_strangers_block() -> None:
    found = findings(
        a_response(answers={"q1": 9}),
        a_response(form_id="other"),
        a_response(hidden={"participant": "P-9", "rater": "R-1"}),
    )
    blocking = words(found, blocks=True)
    assert "not between 1 and 5" in blocking
    assert "form “other” is not mapped" in blocking
    assert "P-9" in blocking


def test_an_item_that_is_asked_twice_or_not_there_and_one_that_nobody_asks_are_told() -> None:
    fields = tuple(
        FormField(connection="appraisal", vendor="typeform", form_id=FORM, field_ref=ref, maps_to=code)
        for ref, code in (("a", "SL1a"), ("b", "SL1a"), ("c", "SL9z"))
    )
    found = findings(form_fields=fields)
    assert "several fields ask SL1a" in words(found, blocks=True)
    assert "SL9z, which the cohort lacks" in words(found, blocks=True)
    assert "no field asks SL1b, IK1a" in words(found, blocks=False)


def test_nothing_mapped_blocks_as_soon_as_something_arrived() -> None:
    assert [each.blocks for each in findings(form_fields=())] == [False]
    assert any(each.blocks and "mapping draft" in each.words for each in findings(a_response(), form_fields=()))


def test_labels_that_read_alike_with_different_ratings_block() -> None:
    found = findings(choices={"Often": 4.0, "often ": 3.0, "Never": 7.0})
    assert "“often” is in choices.csv twice" in words(found, blocks=True)
    assert "“Never” is worth 7, which is off the scale" in words(found, blocks=True)
