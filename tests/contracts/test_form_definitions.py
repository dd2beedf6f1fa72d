"""What a tool's API says of a form becomes its questions: shapes as the vendors document them, invented content.

SurveyMonkey's is also among the recorded samples (`test_mapping_drafts`); the others were never seen on the wire.
"""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.intake.commands import mapping
from services.intake.core.errors import Unreadable
from services.intake.core.form import Asks, Form
from services.intake.core.vendor import ApiAnswer
from services.intake.vendors import VENDORS
from shared.cohort.definition import Connection
from shared.http_client import HttpClient
from shared.words import Instrument
from tests.builders.mapping import CONNECTION, a_questionnaire

RADIO = "Explains decisions clearly"
ROW = "Listens before answering"
WORDS = "What does this person do well?"
RARELY = [{"label": "1 Rarely"}, {"label": "Not observed"}]
QUALTRICS = {
    "result": {
        "SurveyID": "SV_1",
        "Questions": {
            "QID1": {
                "QuestionText": f"<b>{RADIO}</b>",
                "QuestionType": "MC",
                "Choices": {"1": {"Display": "1 Rarely"}, "2": {"Display": "Not observed"}},
                "RecodeValues": {"1": "1", "2": "6"},
            },
            "QID2": {
                "QuestionText": "Rate",
                "QuestionType": "Matrix",
                "Choices": {"4": {"Display": ROW}},
                "Answers": {"1": {"Display": "1 Rarely"}},
            },
            "QID3": {"QuestionText": WORDS, "QuestionType": "TE"},
            "QID4": {"QuestionText": "Welcome", "QuestionType": "DB"},
        },
    }
}
GOOGLE = {
    "formId": "1abc",
    "items": [
        {
            "title": RADIO,
            "questionItem": {
                "question": {
                    "questionId": "0a",
                    "choiceQuestion": {"type": "RADIO", "options": [{"value": "1 Rarely"}]},
                }
            },
        },
        {
            "title": "Rate",
            "questionGroupItem": {
                "questions": [{"questionId": "0b", "rowQuestion": {"title": ROW}}],
                "grid": {"columns": {"type": "RADIO", "options": [{"value": "1 Rarely"}]}},
            },
        },
        {"title": WORDS, "questionItem": {"question": {"questionId": "0c", "textQuestion": {"paragraph": True}}}},
        {"title": "Pause", "pageBreakItem": {}},
        {
            "title": "Overall",
            "questionItem": {"question": {"questionId": "0d", "scaleQuestion": {"low": 1, "high": 5}}},
        },
    ],
}
JOTFORM = {
    "content": {
        "1": {"name": "heading", "text": "Welcome", "type": "control_head"},
        "3": {"name": "c01", "text": RADIO, "type": "control_radio", "options": "1 Rarely|Not observed"},
        "4": {"name": "rate", "text": "Rate", "type": "control_matrix", "mrows": ROW, "mcolumns": "1 Rarely|2 Often"},
        "5": {"name": "well", "text": WORDS, "type": "control_textarea"},
    }
}
REDCAP = [
    {
        "field_name": "x1",
        "field_type": "radio",
        "field_label": RADIO,
        "select_choices_or_calculations": "1, Rarely | 9, Not observed",
    },
    {"field_name": "x2", "field_type": "notes", "field_label": WORDS, "select_choices_or_calculations": ""},
    {"field_name": "intro", "field_type": "descriptive", "field_label": "Welcome"},
]
TYPEFORM = {
    "id": "u6nXL7",
    "title": "Compass 360",
    "hidden": ["participant"],
    "fields": [
        {"id": "f1", "ref": "r1", "title": RADIO, "type": "multiple_choice", "properties": {"choices": RARELY}},
        {
            "id": "f2",
            "ref": "r2",
            "title": "Rate",
            "type": "matrix",
            "properties": {"fields": [{"id": "f3", "ref": "r3", "title": ROW, "type": "multiple_choice"}]},
        },
        {"id": "f4", "ref": "r4", "title": WORDS, "type": "long_text"},
    ],
}
TALLY = {
    "hasResponses": True,
    "questions": [
        {"id": "cP00xY", "type": "MULTIPLE_CHOICE", "title": RADIO, "fields": []},
        {"id": "cP01xY", "type": "TEXTAREA", "title": WORDS, "fields": []},
        {"id": "cPHid", "type": "HIDDEN_FIELDS", "title": None, "fields": [{"uuid": "u", "title": "participant"}]},
    ],
}
FORMBRICKS = {
    "data": {
        "id": "clcmp0360form00survey01",
        "questions": [
            {
                "id": "q1",
                "type": "multipleChoiceSingle",
                "headline": {"default": RADIO},
                "choices": [
                    {"id": "a", "label": {"default": "1 Rarely"}},
                    {"id": "b", "label": {"default": "Not observed"}},
                ],
            },
            {"id": "go", "type": "cta", "headline": {"default": "Welcome"}},
        ],
        "blocks": [
            {
                "elements": [
                    {
                        "id": "q2",
                        "type": "matrix",
                        "headline": {"default": "Rate"},
                        "rows": [{"id": "x", "label": {"default": ROW}}],
                        "columns": [{"default": "1 Rarely"}],
                    },
                    {"id": "q3", "type": "openText", "headline": {"default": WORDS}},
                    {"id": "q4", "type": "rating", "headline": {"default": "Overall"}, "range": 5},
                ]
            }
        ],
        "hiddenFields": {"enabled": True, "fieldIds": ["participant"]},
    }
}
KOBO = {
    "uid": "aCompass",
    "content": {
        "survey": [
            {"type": "start", "name": "start", "$xpath": "start"},
            {"type": "begin_group", "name": "ratings", "$xpath": "ratings", "label": ["Ratings"]},
            {
                "type": "select_one",
                "name": "c01",
                "$xpath": "ratings/c01",
                "label": [None, RADIO],
                "select_from_list_name": "scale",
            },
            {"type": "select_one scale", "$autoname": "c02", "label": [ROW]},
            {"type": "end_group"},
            {"type": "text", "name": "t1", "$xpath": "t1", "label": [WORDS]},
            {"type": "hidden", "name": "participant", "$xpath": "participant"},
        ],
        "choices": [
            {"list_name": "scale", "name": "1", "label": ["Rarely"]},
            {"list_name": "scale", "$autovalue": "na", "label": ["Not observed"]},
            {"list_name": "other", "name": "x", "label": ["X"]},
        ],
    },
}
LIMESURVEY = {
    "id": 1,
    "error": None,
    "result": [
        {"qid": 400, "parent_qid": 0, "sid": 552233, "gid": 12, "type": "F", "title": "C", "question": "Rate"},
        {"qid": 401, "parent_qid": 400, "sid": 552233, "gid": 12, "type": "F", "title": "SQ001", "question": RADIO},
        {"qid": "402", "parent_qid": "400", "sid": "552233", "gid": "12", "type": "F", "title": "2", "question": ROW},
        {"qid": 450, "parent_qid": 0, "sid": 552233, "gid": 13, "type": "T", "title": "T1", "question": WORDS},
        {"qid": 460, "parent_qid": 0, "sid": 552233, "gid": 13, "type": "X", "title": "end", "question": "Thanks"},
    ],
}
DEFINITIONS: dict[str, tuple[str, Any, dict[str, str]]] = {
    "qualtrics": ("SV_1", QUALTRICS, {"QID1": f"<b>{RADIO}</b>", "QID2_4": ROW, "QID3_TEXT": WORDS}),
    "google_forms_pubsub": ("1abc", GOOGLE, {"0a": RADIO, "0b": ROW, "0c": WORDS, "0d": "Overall"}),
    "jotform": ("260", JOTFORM, {"q3_c01": RADIO, f"q4_rate.{ROW}": ROW, "q5_well": WORDS}),
    "redcap_det": ("2207", REDCAP, {"x1": RADIO, "x2": WORDS}),
    "typeform": ("u6nXL7", TYPEFORM, {"r1": RADIO, "r3": ROW, "r4": WORDS, "participant": ""}),
    "tally": ("cPm3aS", TALLY, {"question_cP00xY": RADIO, "question_cP01xY": WORDS, "participant": ""}),
    "formbricks": (
        "clcmp0360form00survey01",
        FORMBRICKS,
        {"q1": RADIO, f"q2.{ROW}": ROW, "q3": WORDS, "q4": "Overall", "participant": ""},
    ),
    "limesurvey_plugin": (
        "552233",
        LIMESURVEY,
        {"552233X12X400SQ001": RADIO, "552233X12X4002": ROW, "552233X13X450": WORDS},
    ),
    "kobotoolbox": ("aCompass", KOBO, {"ratings/c01": RADIO, "c02": ROW, "t1": WORDS, "participant": ""}),
}
TEXT_MAY_BE_AN_ID = {"kobotoolbox"}
"""Tools where a comment and a pre-filled id are one kind of question."""
over = pytest.mark.parametrize("vendor", DEFINITIONS)


def defined(vendor: str) -> Form:
    form_id, answer, _ = DEFINITIONS[vendor]
    found = VENDORS[vendor].define(form_id, [ApiAnswer(json.dumps(answer).encode())])
    assert isinstance(found, Form)
    return found


@over
def test_each_question_has_the_reference_that_its_answers_come_under(vendor: str) -> None:
    form = defined(vendor)
    form_id, _, titles = DEFINITIONS[vendor]
    assert form.form_id == form_id
    assert {each.ref: each.title for each in form.questions} == titles
    assert [each.ref for each in form.questions if each.asks is Asks.TEXT] == [
        ref for ref, title in titles.items() if title == WORDS and vendor not in TEXT_MAY_BE_AN_ID
    ]
    assert all(
        each.asks is Asks.HIDDEN for each in form.questions if not each.title and vendor not in TEXT_MAY_BE_AN_ID
    )


def test_options_are_known_by_what_the_tool_sends_for_them() -> None:
    sent = {
        vendor: {option.sent: option.label for option in defined(vendor).questions[0].options} for vendor in DEFINITIONS
    }
    assert sent["qualtrics"] == {"1": "1 Rarely", "6": "Not observed"}
    assert sent["redcap_det"] == {"1": "Rarely", "9": "Not observed"}
    assert sent["google_forms_pubsub"] == {"1 Rarely": "1 Rarely"}
    assert sent["typeform"] == sent["formbricks"] == {"1 Rarely": "1 Rarely", "Not observed": "Not observed"}
    assert sent["kobotoolbox"] == {"1": "Rarely", "na": "Not observed"}
    assert sent["tally"] == sent["limesurvey_plugin"] == {}
    assert sent["jotform"] == {"1 Rarely": "1 Rarely", "Not observed": "Not observed"}


@pytest.mark.parametrize("vendor", [name for name in VENDORS if VENDORS[name].define("1") is not None])
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b'{"content": 1}', b"\xff"])
def test_an_answer_that_is_no_definition_is_refused_or_empty_and_never_an_accident(vendor: str, body: bytes) -> None:
    try:
        found = VENDORS[vendor].define("1", [ApiAnswer(body)])
    except Unreadable:
        return
    assert isinstance(found, Form)
    assert found.questions == ()


@pytest.mark.parametrize("form_id", ["../secrets", "a b", "1?x=y", "é"])
@pytest.mark.parametrize("vendor", sorted({*DEFINITIONS, "surveymonkey"} - {"redcap_det", "limesurvey_plugin"}))
def test_what_can_be_no_form_is_never_put_into_an_address(vendor: str, form_id: str) -> None:
    with pytest.raises(Unreadable):
        VENDORS[vendor].define(form_id)


def test_the_command_asks_the_tools_api_with_the_connections_token() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json=JOTFORM)

    there = Connection(vendor="jotform", instrument=Instrument.APPRAISAL_360, secret_env="X")
    drafting = mapping.Drafting.of(a_questionnaire(connections={CONNECTION: there}), CONNECTION)
    client = HttpClient(timeout=timedelta(seconds=5), max_bytes=10_000, transport=httpx.MockTransport(answer))
    found = mapping.from_api(drafting, ["260"], "a-token", client)
    assert found is not None
    assert [each.ref for each in found.forms[0].questions] == ["q3_c01", f"q4_rate.{ROW}", "q5_well"]
    assert str(asked[0].url) == "https://api.jotform.com/form/260/questions"
    assert asked[0].headers["apikey"] == "a-token"
