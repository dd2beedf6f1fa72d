"""What SurveyMonkey sends and answers, as far as it is read."""

from collections.abc import Iterator
from typing import Any

from services.intake.core.form import Asks, Question, choices
from services.intake.core.shapes import Shape


class Resources(Shape):
    survey_id: str = ""


class Notice(Shape):
    event_type: str
    object_id: str
    resources: Resources = Resources()


class Answer(Shape):
    choice_id: str | None = None
    row_id: str | None = None
    col_id: str | None = None
    other_id: str | None = None
    text: str | None = None


class Answered(Shape):
    id: str
    answers: tuple[Answer, ...] = ()


class AnsweredPage(Shape):
    questions: tuple[Answered, ...] = ()


class Details(Shape):
    id: str
    survey_id: str
    response_status: str
    collection_mode: str = ""
    custom_variables: dict[str, Any] | None = None
    custom_value: str | None = None
    date_modified: str | None = None
    pages: tuple[AnsweredPage, ...] = ()


class Links(Shape):
    next: str | None = None


class Page(Shape):
    data: tuple[Any, ...] = ()
    page: int = 1
    links: Links = Links()


class Hook(Shape):
    id: str
    name: str = ""
    subscription_url: str = ""
    event_type: str = ""
    object_ids: tuple[str, ...] | None = None


class Hooks(Shape):
    data: tuple[Hook, ...] = ()


class Part(Shape):
    id: str
    text: str = ""


class Parts(Shape):
    choices: tuple[Part, ...] = ()
    rows: tuple[Part, ...] = ()


class Heading(Shape):
    heading: str = ""


class Defined(Shape):
    """A question of the survey's details."""

    id: str
    family: str = ""
    headings: tuple[Heading, ...] = ()
    answers: Parts = Parts()

    def each(self) -> Iterator[Question]:
        """What it asks; of a matrix each row."""
        title = " ".join(each.heading for each in self.headings)
        labels = [(each.text, each.text) for each in self.answers.choices]
        for row in self.answers.rows if self.answers.choices else ():
            yield choices(f"{self.id}.{row.id}", row.text, labels)
        if self.family == "open_ended":
            yield Question(self.id, title, Asks.TEXT)
        elif not (self.answers.rows and self.answers.choices):
            yield choices(self.id, title, labels)


class DefinedPage(Shape):
    questions: tuple[Defined, ...] = ()


class Survey(Shape):
    id: str
    custom_variables: Any = None
    pages: tuple[DefinedPage, ...] = ()
