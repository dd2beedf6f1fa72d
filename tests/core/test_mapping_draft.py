"""A draft proposes what is sure, says why the rest is open, and does not depend on order or references."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.core.form import Asks, Form, Option, Question, choices
from services.intake.core.instruments import IDENTITY
from services.intake.core.mapping.draft import FieldRow, drafted
from services.intake.core.mapping.identity_fields import Known
from services.intake.core.mapping.labels import worth_of
from services.intake.core.mapping.statements import Asked, matched
from services.intake.core.mapping.targets import Target
from shared.cohort.definition import Connection, FormField
from shared.framework import Scale
from shared.words import IdentityBy, Instrument
from tests.builders.intake import a_definition
from tests.builders.mapping import CONNECTION, STATEMENTS, a_draft, a_questionnaire

FORM = "f1"
SCALE = Scale(minimum=1, maximum=5)
TARGETS = [Target(code, (statement,)) for code, statement in STATEMENTS.items()]
titles = st.one_of(
    st.sampled_from(sorted(STATEMENTS.values())),
    st.sampled_from(sorted(STATEMENTS.values())).map(str.upper),
    st.sampled_from(sorted(STATEMENTS.values())).map(lambda text: f"3. This person {text.lower()}?"),
    st.sampled_from(sorted(STATEMENTS.values())).map(lambda text: text[:-3]),
    st.text(max_size=40),
)


def rows(questions: Sequence[Question], **changes: object) -> dict[str, FieldRow]:
    return {row.field_ref: row for row in a_draft([Form(FORM, tuple(questions))], **changes).fields}  # type: ignore[arg-type]


@given(st.lists(titles, max_size=14), st.randoms(use_true_random=False))
def test_neither_order_nor_references_change_what_a_title_is_matched_with(asked: list[str], chance: object) -> None:
    names = [f"ref-{number}-x" for number in range(len(asked))]
    others = [f"other {number} y" for number in range(len(asked))]
    shuffled = list(zip(others, asked, names, strict=True))
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    one = matched([Asked(name, title) for name, title in zip(names, asked, strict=True)], TARGETS)
    two = matched([Asked(other, title) for other, title, _ in shuffled], reversed(TARGETS))
    assert {name: one[name].best for _, _, name in shuffled} == {name: two[other].best for other, _, name in shuffled}


@given(st.lists(titles, max_size=14))
def test_no_item_is_proposed_twice_and_what_is_not_proposed_says_why(asked: list[str]) -> None:
    found = matched([Asked(str(number), title) for number, title in enumerate(asked)], TARGETS)
    proposed = [verdict.best.code for verdict in found.values() if verdict.best]
    assert len(found) == len(asked)
    assert len(set(proposed)) == len(proposed)
    assert all(verdict.reason for verdict in found.values() if not verdict.best)


@pytest.mark.parametrize(
    "title",
    [
        "Explains decisions clearly.",
        "<p>Q1) Explains decisions clearly</p>",
        "How often does {{field:name}} explain decisions clearly? (Explains decisions clearly)",
        "Explains decisons clearly",
        "EXPLAINS DECISIONS CLEARLY",
    ],
)
def test_a_statement_in_other_clothes_is_recognised(title: str) -> None:
    assert rows([Question("a", title)])["a"].maps_to == "C01"


@pytest.mark.parametrize(
    ("title", "why"),
    [
        ("Does not explain decisions clearly", "negated"),
        ("Fails: explains decisions clearly", "negated"),
        ("What is your favourite colour?", "below 80"),
        ("Explains decisions clearly and listens before answering", "too near each other"),
        ("", "does not say what this field asks"),
    ],
)
def test_what_is_not_sure_is_left_open_with_the_reason(title: str, why: str) -> None:
    row = rows([Question("a", title)])["a"]
    assert row.maps_to is None
    assert why in row.reason


def test_two_fields_that_ask_the_same_are_both_left_open() -> None:
    found = rows([Question("a", STATEMENTS["C01"]), Question("b", STATEMENTS["C01"].upper())])
    assert [row.maps_to for row in found.values()] == [None, None]
    assert "so does b" in found["a"].reason


def test_a_reference_that_names_another_item_than_the_title_is_a_contradiction() -> None:
    row = rows([Question("ratings/c05", "Explains decisons clearly")])["ratings/c05"]
    assert row.maps_to is None
    assert "C05" in row.reason


def test_what_is_mapped_already_stays_and_is_proposed_for_nothing_else() -> None:
    mapped = FormField(connection=CONNECTION, vendor="typeform", form_id=FORM, field_ref="old", maps_to="C01")
    found = rows([Question("old", "Anything"), Question("new", STATEMENTS["C01"])], form_fields=(mapped,))
    assert (found["old"].maps_to, found["old"].confidence) == ("C01", 100)
    assert found["new"].maps_to is None


def test_fields_that_say_who_are_known_by_name_or_by_what_came_in_them() -> None:
    known = Known(participants=frozenset({"P-1"}), raters=frozenset({"R-1", "R-2"}))
    found = rows(
        [
            Question("participant_id", asks=Asks.HIDDEN),
            Question("r740c", given=frozenset({"R-1", "R-2"})),
            Question("rfc65", given=frozenset({"peer", "line manager"})),
        ],
        known=known,
    )
    assert [row.maps_to for row in found.values()] == [
        f"{IDENTITY}{word}" for word in ("participant", "rater", "relationship")
    ]


def test_two_fields_that_say_the_same_of_who_are_both_left_open() -> None:
    found = rows([Question("participant"), Question("participant_id")])
    assert {row.maps_to for row in found.values()} == {None}


@pytest.mark.parametrize(("by", "word"), [(IdentityBy.RESPONDER_EMAIL, "email"), (IdentityBy.LINK_TOKEN, "token")])
def test_an_address_or_token_is_proposed_only_where_the_cohort_goes_by_it(by: IdentityBy, word: str) -> None:
    def maps_to(identity: IdentityBy) -> str | None:
        there = Connection(vendor="typeform", instrument=Instrument.APPRAISAL_360, secret_env="X", identity=identity)
        return rows([Question(word, asks=Asks.HIDDEN)], connections={CONNECTION: there})[word].maps_to

    assert maps_to(by) == f"{IDENTITY}{word}"
    assert maps_to(IdentityBy.HIDDEN_FIELDS) is None


def test_comments_have_a_kind_by_their_words_and_no_answer_stands_in_a_draft() -> None:
    found = rows(
        [
            Question("t1", "What does this person do well?", Asks.TEXT, given=frozenset({"Secret praise"})),
            Question("t2", "What could this person develop?", Asks.TEXT),
            Question("t3", "Consent", Asks.TEXT),
        ]
    )
    assert [row.maps_to for row in found.values()] == ["comment:strengths", "comment:development", None]
    assert "Secret praise" not in repr(found)


def test_a_development_day_and_a_written_assessment_are_drafted_by_their_own_words() -> None:
    def of(instrument: Instrument, title: str) -> str | None:
        there = {CONNECTION: Connection(vendor="typeform", instrument=instrument, secret_env="X")}
        definition = a_definition(connections=there, form_fields=())
        return drafted([Form(FORM, (Question("a", title),))], definition, CONNECTION).fields[0].maps_to

    assert of(Instrument.DEVELOPMENT_DAY, "Simulation: SL1") == "EX1:SL1"
    assert of(Instrument.WRITTEN_ASSESSMENT, "W2") == "W2"


# Labels


def options(*labels: str) -> list[Option]:
    return [Option(label, label) for label in labels]


@given(st.permutations(["Strongly agree", "Agree", "Neutral", "Disagree", "Strongly disagree", "N/A"]))
def test_a_known_series_is_understood_in_any_order(labels: list[str]) -> None:
    found = worth_of(options(*labels), SCALE, all_known=True)
    assert {label: each.rating for label, each in found.items()} == {
        "Strongly agree": 5,
        "Agree": 4,
        "Neutral": 3,
        "Disagree": 2,
        "Strongly disagree": 1,
        "N/A": None,
    }
    assert not any(each.is_open for each in found.values())


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (("Byth", "Anaml", "Weithiau", "Yn aml", "Bob amser"), "no label that is known"),
        (("1 - Strongly agree", "2 - Agree", "3", "4 - Disagree", "5 - Strongly disagree"), "turned round"),
        (("1", "2", "3", "4"), "not those of the cohort's scale"),
        (("Agree", "Disagree"), "no label that is known"),
    ],
)
def test_labels_that_can_be_misread_are_left_to_the_coordinator(labels: tuple[str, ...], why: str) -> None:
    found = worth_of(options(*labels), SCALE, all_known=True)
    assert any(each.is_open and why in each.reason for each in found.values())
    assert not any(each.rating is not None and not each.is_open for each in found.values() if why != "turned round")


def test_a_code_that_a_tool_sends_is_worth_what_its_label_says() -> None:
    question = choices("q1", STATEMENTS["C01"], [("A5", "5 Always"), ("A1", "1 Never"), ("N", "Not observed")])
    (five, one, missing) = a_draft([Form(FORM, (question,))]).choices
    assert [(row.label, row.worth.rating) for row in (five, one, missing)] == [("A5", 5), ("A1", 1), ("N", None)]


def test_a_number_on_the_scale_needs_no_row_and_a_label_in_choices_is_kept_or_contradicted() -> None:
    question = Question("q1", STATEMENTS["C01"], given=frozenset({"3", "Often", "4 Often"}))
    found = a_draft([Form(FORM, (question,))], choices={"Often": 4.0, "4 Often": 2.0}).choices
    assert {row.label: row.worth.rating for row in found} == {"Often": 4.0, "4 Often": None}
    assert "looks like 4" in next(row.worth.reason for row in found if row.label == "4 Often")


def test_one_label_with_two_ratings_in_two_questions_is_left_open() -> None:
    first = choices("q1", STATEMENTS["C01"], [("A", "1 Low"), ("B", "5 High")])
    second = choices("q2", STATEMENTS["C02"], [("A", "5 High"), ("B", "1 Low")])
    found = a_draft([Form(FORM, (first, second))]).choices
    assert all(row.worth.is_open and "rename" in row.worth.reason for row in found)


def test_the_questionnaire_of_the_samples_is_drafted_whole() -> None:
    questions = [Question(f"q{number}", title) for number, title in enumerate(STATEMENTS.values())]
    found = drafted([Form(FORM, tuple(questions))], a_questionnaire(), CONNECTION)
    assert [row.maps_to for row in found.fields] == list(STATEMENTS)
