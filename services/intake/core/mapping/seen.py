"""The fields of a form as deliveries show them: what was said of its questions, and what was answered."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from services.intake.core.form import Asks, Form, Question
from services.intake.core.text import spelled
from services.intake.core.vendor import AnswerValue, Response


def seen(said: Iterable[Form], responses: Iterable[Response]) -> tuple[Form, ...]:
    """The forms that responses answer, with what was `said` of their questions. Fields that were neither said nor
    answered are not there.
    """
    forms: dict[str, dict[str, Question]] = {}
    for form in said:
        there = forms.setdefault(form.form_id, {})
        for each in form.questions:
            there[each.ref] = _merged(there.get(each.ref, each), each)
    for response in responses:
        there = forms.setdefault(response.form_id, {})
        for ref, value in response.hidden.items():
            _note(there, ref, value, Asks.HIDDEN)
        for ref, answer in response.answers.items():
            _note(there, ref, answer, None)
    return tuple(Form(name, tuple(_without_twins(questions))) for name, questions in forms.items())


def _merged(known: Question, said: Question) -> Question:
    """The same question as another delivery tells of it: where only chosen options are told, those of both."""
    if said.whole or known is said:
        return said
    return replace(known, options=tuple(dict.fromkeys((*known.options, *said.options))))


def _note(there: dict[str, Question], ref: str, value: AnswerValue | None, asks: Asks | None) -> None:
    known = there.get(ref, Question(ref, asks=asks or Asks.ANYTHING))
    there[ref] = replace(known, given=known.given | frozenset(_texts(value)))


def _texts(value: AnswerValue | None) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, tuple):
        return value
    return (value,) if isinstance(value, str) else (spelled(value),)


def _without_twins(questions: Mapping[str, Question]) -> Iterable[Question]:
    """A row of a matrix that is known by two names (`question.row` and `row`) is one field, by its longer name."""
    ends = {ref.rpartition(".")[2]: ref for ref in questions if "." in ref}
    for ref, each in questions.items():
        longer = questions.get(ends.get(ref, ""))
        if longer is None or longer.given != each.given:
            yield each
