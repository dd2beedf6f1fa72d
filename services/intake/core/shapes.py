"""Reading what a vendor documents, and saying where a body is not so: without quoting what stands there."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from services.intake.core.errors import ReasonCode, Unreadable
from services.intake.core.text import listed, plain
from services.intake.core.vendor import AnswerValue


class Shape(BaseModel):
    """Part of a body. What it does not name is left alone; ids may be sent as numbers."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


S = TypeVar("S", bound=Shape)


def shaped(model: type[S], value: Any, tool: str) -> S:
    """The value as a shape.

    Raises:
        Unreadable: it is not what the tool documents.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        mistakes = error.errors(include_input=False, include_url=False, include_context=False)
        places = [".".join(str(part) for part in mistake["loc"])[:80] or "the body" for mistake in mistakes]
        raise Unreadable(
            ReasonCode.UNEXPECTED_SHAPE,
            f"the body is not what {tool} documents (look at {listed(places, most=5)}); check that the webhook is"
            f" {tool}'s own, and of the version that docs/vendors.md names",
        ) from None


def unknown_event(tool: str, wanted: str) -> Unreadable:
    """Why an event that holds no response can't be read. `wanted` is the kind to choose in the webhook's settings."""
    return Unreadable(
        ReasonCode.UNKNOWN_EVENT,
        f"{tool} sent an event of a kind that holds no response; in the webhook's settings choose only “{wanted}”, and"
        " leave this delivery where it is",
    )


def answer_of(value: Any) -> AnswerValue | None:
    """A JSON value as an answer; None for what is no answer (null, an object, nothing chosen).

    >>> answer_of("Often"), answer_of(4), answer_of(True), answer_of(["a", 2]), answer_of({}), answer_of([])
    ('Often', 4, 'true', ('a', '2'), None, None)
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return value if _is_finite(value) else None
    if isinstance(value, list):
        labels = tuple(_label(each) for each in value if isinstance(each, str | int | float))
        return labels or None
    return None


def _label(value: str | float) -> str:
    return value if isinstance(value, str) else str(answer_of(value))


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def answers_of(values: Mapping[str, Any], *, without: Iterable[str] = ()) -> dict[str, AnswerValue | None]:
    """The answers among a mapping's values; blank ones are skipped questions, and absent."""
    left_out = frozenset(without)
    found = {name: answer_of(value) for name, value in values.items() if name not in left_out}
    return {name: value for name, value in found.items() if value not in (None, "", ())}


def texts_of(values: Mapping[str, Any] | None) -> dict[str, str]:
    """The texts and numbers among a mapping's values, as texts."""
    return {name: plain(str(value)) for name, value in (values or {}).items() if isinstance(value, str | int | float)}


def moment(text: str | None) -> datetime | None:
    """The moment that an ISO 8601 text names, naive if it says no zone; None for what names none.

    >>> moment("2026-03-11T09:29:48.000Z"), moment("2026-03-11 09:29:54"), moment("[not completed]"), moment(None)
    (datetime.datetime(2026, 3, 11, 9, 29, 48, tzinfo=datetime.timezone.utc), \
datetime.datetime(2026, 3, 11, 9, 29, 54), None, None)
    """
    try:
        return datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None


def put(answers: dict[str, AnswerValue | None], name: str, value: AnswerValue | None) -> None:
    """Add one answer of a list.

    Raises:
        Unreadable: the question was answered before, differently.
    """
    if not name or value in (None, "", ()):
        return
    if answers.setdefault(name, value) != value:
        raise Unreadable(ReasonCode.CONTRADICTION, f"field {name} is answered twice, differently; ask for it again")
