"""Stored events as values: whatever version was written, handlers see the newest one."""

from collections.abc import Mapping

from pydantic import ValidationError

from shared.errors import PermanentError, UnknownEvent
from shared.events.base import Event
from shared.events.upcasters import Payload, Upcaster


class UnreadableEvent(PermanentError):
    """A stored event does not fit the schema of its version. `where` names fields, never what stands in them."""

    def __init__(self, name: str, where: str) -> None:
        super().__init__(
            f"event {name} does not fit its schema: {where}; find out what wrote it: it can be retried after a"
            " corrected release, or discarded"
        )
        self.name = name
        self.where = where


def newest_form(
    name: str, payload: Payload, events: Mapping[str, type[Event]], upcasters: Mapping[str, Upcaster]
) -> Event:
    """The event as its newest version, brought there step by step.

    Raises:
        UnknownEvent: the name, or one that an upcaster leads to, is in neither dictionary.
        UnreadableEvent: the payload does not fit.
    """
    step = name
    while step in upcasters:
        try:
            step, payload = upcasters[step](payload)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise UnreadableEvent(
                name, f"{step} can't be brought to the next version ({type(error).__name__})"
            ) from error
    if step not in events:
        raise UnknownEvent(step)
    try:
        return events[step].model_validate(payload)
    except ValidationError as error:
        raise UnreadableEvent(name, _places(error)) from error


def _places(error: ValidationError) -> str:
    """Where it does not fit, and how: the first few places. Nothing of what stands there, which may be anything."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    words = [f"{'.'.join(map(str, each['loc'])) or 'as a whole'} ({each['type']})" for each in found[:3]]
    return ", ".join(words) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
