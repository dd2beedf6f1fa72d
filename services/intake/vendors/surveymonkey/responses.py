"""What a response of SurveyMonkey says, and what a survey asks: choices are named by the survey's details."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from services.intake.core.form import Asks, Form, Question
from services.intake.core.json_body import parsed
from services.intake.core.shapes import moment, shaped, texts_of
from services.intake.core.vendor import AnswerValue, ApiAnswer, Response
from services.intake.vendors.surveymonkey.shapes import Answer, Details, Survey

TOOL = "SurveyMonkey"
FINISHED = "completed"


def form_of_survey(answer: ApiAnswer) -> Form:
    survey = shaped(Survey, parsed(answer.body), TOOL)
    asked = [question for page in survey.pages for each in page.questions for question in each.each()]
    named = survey.custom_variables if isinstance(survey.custom_variables, dict) else {}
    return Form(survey.id, (*asked, *(Question(name, asks=Asks.HIDDEN) for name in named)))


def response_of(sent: Details, texts: Mapping[str, str]) -> Response:
    finished = sent.response_status == FINISHED
    revision = re.sub(r"\+00:00$", "Z", sent.date_modified or "")
    hidden = texts_of(sent.custom_variables) | ({"custom_value": sent.custom_value} if sent.custom_value else {})
    found: dict[str, list[str]] = {}
    for page in sent.pages:
        for question in page.questions:
            for answer in question.answers:
                label = _label(answer, texts)
                for field in _fields(question.id, answer) if label else ():
                    found.setdefault(field, []).append(label)
    answered: dict[str, AnswerValue | None] = {
        field: labels[0] if len(labels) == 1 else tuple(labels) for field, labels in found.items()
    }
    return Response(
        form_id=sent.survey_id,
        response_id=sent.id,
        answers=answered,
        hidden=hidden,
        submitted_at=moment(revision) if finished else None,
        partial=not finished,
        revision=revision or None,
        revised_at=moment(revision),
    )


def _fields(question: str, answer: Answer) -> Iterator[str]:
    """The fields that one answer is for: the question, or a row of it (and the row's own id, which is unique)."""
    column = f".{answer.col_id}" if answer.col_id else ""
    if not answer.row_id:
        yield question
        return
    yield f"{question}.{answer.row_id}{column}"
    yield f"{answer.row_id}{column}"


def choices_in(sent: Details) -> set[str]:
    """The choices that a response names, for which the survey's details have the texts."""
    answers = (answer for page in sent.pages for question in page.questions for answer in question.answers)
    return {answer.choice_id for answer in answers if answer.choice_id and not answer.text}


def _label(answer: Answer, texts: Mapping[str, str]) -> str:
    if answer.text:
        return answer.text
    choice = answer.choice_id or answer.other_id or ""
    return texts.get(choice, choice)


def texts_in(survey: Any) -> dict[str, str]:
    """The text of each choice of a survey, by its id: wherever in the survey's details it stands."""
    found: dict[str, str] = {}
    waiting = [survey]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
            name, text = value.get("id"), value.get("text")
            if isinstance(name, str | int) and isinstance(text, str):
                found[str(name)] = text
    return found
