"""Whatever version of an event was stored, it is read in its newest form, or refused with words that help."""

import copy
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from shared.errors import PermanentError, UnknownEvent
from shared.events import EVENTS, UPCASTERS, Event, UnreadableEvent, read, readable
from shared.events.reading import newest_form
from shared.events.upcasters import Payload, Upcaster


class Lunched(Event):
    """The third version of an event of this test."""

    name: ClassVar[str] = "test.lunched.v3"

    people: tuple[str, ...]
    minutes: int | None = None


def second(payload: Payload) -> tuple[str, Payload]:
    """v1 knew one person only."""
    return "test.lunched.v2", {**payload, "people": [payload["person"]]}


def third(payload: Payload) -> tuple[str, Payload]:
    """v2 counted in hours."""
    return Lunched.name, {**payload, "minutes": payload["hours"] * 60 if "hours" in payload else None}


UP: Mapping[str, Upcaster] = {"test.lunched.v1": second, "test.lunched.v2": third}


def lunched(name: str, **payload: Any) -> Event:
    before = copy.deepcopy(payload)
    found = newest_form(name, payload, {Lunched.name: Lunched}, UP)
    assert payload == before
    return found


def test_every_version_is_read_as_the_newest() -> None:
    assert lunched(Lunched.name, people=["a", "b"], minutes=30) == Lunched(people=("a", "b"), minutes=30)
    assert lunched("test.lunched.v2", people=["a"], hours=1) == Lunched(people=("a",), minutes=60)
    assert lunched("test.lunched.v1", person="a") == Lunched(people=("a",))


def test_a_field_of_a_newer_release_is_passed_over() -> None:
    assert lunched(Lunched.name, people=["a"], weather="rain") == Lunched(people=("a",))


def test_a_version_that_nobody_knows_is_named() -> None:
    with pytest.raises(UnknownEvent, match=r"test\.lunched\.v4 is unknown to this version; upgrade the workers"):
        lunched("test.lunched.v4", people=["a"])


def test_an_upcaster_that_leads_to_nothing_is_an_unknown_event() -> None:
    with pytest.raises(UnknownEvent, match=r"test\.lunched\.v3"):
        newest_form("test.lunched.v2", {"people": []}, {}, UP)


def test_a_payload_that_does_not_fit_is_refused_by_place_and_without_what_stands_there() -> None:
    with pytest.raises(UnreadableEvent) as refused:
        lunched(Lunched.name, people=[{"name": "Ada Example"}], minutes="Ada Example")
    assert "people.0 (string_type), minutes (int_parsing)" in str(refused.value)
    assert "Ada" not in str(refused.value)
    assert isinstance(refused.value, PermanentError)


def test_many_misfits_are_counted_and_not_all_named() -> None:
    with pytest.raises(UnreadableEvent, match=r"people\.2 \(string_type\) and 5 more;"):
        lunched(Lunched.name, people=[1, 2, 3, 4, 5, 6, 7, 8])


@pytest.mark.parametrize("payload", [{}, {"person": "a", "hours": "Ada Example"}, {"person": "a", "hours": None}])
def test_an_old_payload_that_its_upcaster_can_not_take_is_refused_alike(payload: dict[str, Any]) -> None:
    with pytest.raises(UnreadableEvent) as refused:
        lunched("test.lunched.v1", **payload)
    assert refused.value.name == "test.lunched.v1"
    assert "Ada" not in str(refused.value)


def test_the_contract_itself_reads_what_it_names_and_nothing_else() -> None:
    assert set(readable()) == {*EVENTS, *UPCASTERS}
    event = read("scoring.cohort_run_requested.v1", {"run": "r", "cohort": "c"})
    assert type(event) is EVENTS["scoring.cohort_run_requested.v1"]
    with pytest.raises(UnknownEvent):
        read("scoring.cohort_run_requested.v99", {})
