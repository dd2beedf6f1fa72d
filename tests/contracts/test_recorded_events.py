"""Events keep to their recorded schemas, and the comparison that says so sees what it has to see."""

import re

import pytest
from pydantic import create_model

from shared.events import EVENTS, ROUTES, UPCASTERS, Event
from tests.contracts.event_schemas import RECORDED, breaks, recorded_schema, schema_of

CURE = (
    "Only optional fields may be added. Anything else is the next version (….v2): a class in EVENTS in place of the old"
    " one, and an upcaster from the old name in shared/events/upcasters.py; docs/evolution.md shows how."
)


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_keeps_to_its_recorded_schema(name: str) -> None:
    recorded = recorded_schema(name)
    assert recorded is not None, "record it: python -m tests.contracts.event_schemas"
    broken = breaks(recorded, schema_of(EVENTS[name]))
    assert not broken, f"{name} was released: {'; '.join(broken)}. {CURE}"


def test_a_new_optional_field_is_recorded() -> None:
    missing = [name for name, event in EVENTS.items() if recorded_schema(name) != schema_of(event)]
    assert not missing, "record it before it is released: python -m tests.contracts.event_schemas"


def test_no_recorded_event_has_disappeared() -> None:
    assert {path.stem for path in RECORDED.glob("*.json")} <= {*EVENTS, *UPCASTERS}, CURE


def test_every_event_has_a_route_and_a_versioned_name_of_its_own() -> None:
    assert set(EVENTS) == set(ROUTES)
    assert not [name for name in EVENTS if not re.fullmatch(r"(bus|intake|scoring|reporting)\.[a-z_]+\.v\d+", name)]
    every_class = {event for event in _all_below(Event) if event.__module__.startswith("shared.events.")}
    assert set(EVENTS.values()) == every_class


def _all_below(event: type[Event]) -> set[type[Event]]:
    return {below for child in event.__subclasses__() for below in {child, *_all_below(child)}}


class Inner(Event):
    name = "test.inner.v1"
    count: int
    note: str | None = None


class Original(Event):
    name = "test.original.v1"
    id: str
    title: str
    inner: tuple[Inner, ...] = ()
    marks: dict[str, float | None]


def changed(*without: str, **fields: object) -> list[str]:
    """What breaks when Original is released anew without some fields and with others."""
    kept = {
        name: (field.annotation, field)
        for name, field in Original.model_fields.items()
        if name not in (*without, *fields)
    }
    return breaks(schema_of(Original), schema_of(create_model("Changed", __base__=Event, **kept, **fields)))  # type: ignore[call-overload]


def test_the_same_event_breaks_nothing() -> None:
    assert changed() == []


def test_a_new_optional_field_breaks_nothing() -> None:
    assert changed(extra=(str | None, None)) == []


def test_a_removed_field_is_seen_even_if_it_is_called_title() -> None:
    assert changed("title") == ["title was removed"]


def test_a_retyped_field_is_seen() -> None:
    assert changed(id=(int, ...)) == ["id: type was 'string', is 'integer'"]


def test_a_retyped_value_of_a_mapping_is_seen() -> None:
    assert changed(marks=(dict[str, int | None], ...)) == ["marks: type was 'number', is 'integer'"]


def test_a_field_that_may_now_be_null_is_seen() -> None:
    assert changed(id=(str | None, ...)) != []


def test_a_new_required_field_is_seen() -> None:
    assert changed(extra=(str, ...)) == ["extra is new and not optional"]


def test_a_required_field_that_becomes_optional_is_seen() -> None:
    assert changed(id=(str, "")) == ["id was required"]


def test_an_optional_field_that_becomes_required_is_seen() -> None:
    assert changed(inner=(tuple[Inner, ...], ...)) == ["inner is now required"]


def test_changes_inside_a_part_are_seen() -> None:
    class Less(Event):
        count: int

    class More(Inner):
        unit: str | None = None

    assert changed(inner=(tuple[Less, ...], ())) == ["inner.note was removed"]
    assert changed(inner=(tuple[More, ...], ())) == []
