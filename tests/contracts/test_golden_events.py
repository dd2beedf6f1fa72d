"""Every event that any release ever wrote is still read: the golden corpus, over today's classes and upcasters."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.events import EVENTS, UPCASTERS, read, readable
from tests.contracts.event_samples import SAMPLES, not_shown, sample, samples
from tests.contracts.event_schemas import RECORDED

FILES = [pytest.param(path, id=f"{path.parent.name}/{path.stem}") for paths in samples().values() for path in paths]
NEXT_VERSION = (
    "What was released stays readable for ever. Take the change back, or make a new version: a class with the next"
    " number, and a line in shared/events/upcasters.py that leads there (docs/evolution.md)."
)
PERSONAL = re.compile(r"@(?!example\.org>)|given_name|family_name|comment", re.IGNORECASE)


def lacking(was: Any, now: Any, place: str = "") -> list[str]:
    """What a stored payload says and its event, written anew, does not say any more.

    >>> lacking({"a": [1, 2], "b": 1}, {"a": [1, 3], "c": 0})
    ['a.1: was 2, is 3', 'b: was 1, is missing']
    """
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        return [
            found
            for name, value in sorted(was.items())
            for found in (
                lacking(value, now[name], f"{place}{name}.")
                if name in now
                else [f"{place}{name}: was {value!r}, is missing"]
            )
        ]
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        return [found for n, pair in enumerate(zip(was, now, strict=True)) for found in lacking(*pair, f"{place}{n}.")]
    return [] if was == now else [f"{place.rstrip('.')}: was {was!r}, is {now!r}"]


@pytest.mark.parametrize("path", FILES)
def test_a_recorded_event_is_still_read_and_nothing_of_it_is_lost(path: Path) -> None:
    name, payload = path.parent.name, sample(path)
    try:
        event = read(name, payload)
    except Exception as error:  # noqa: BLE001
        pytest.fail(f"{path.relative_to(SAMPLES)} can't be read any more: {error}\n{NEXT_VERSION}")
    assert type(event) is EVENTS[event.name]
    if name == event.name:  # what an upcaster keeps of an older version is its own affair
        assert not lacking(payload, event.model_dump(mode="json", by_alias=True)), NEXT_VERSION


@pytest.mark.parametrize("name", EVENTS)
def test_every_field_of_every_event_is_shown_by_a_sample(name: str) -> None:
    cure = f"python -m tests.contracts.event_samples, or by hand in {SAMPLES.name}/{name}/"
    assert not not_shown(name), f"no sample of {name} shows these fields; record one: {cure}"


def test_every_released_version_has_samples_a_schema_and_a_reader() -> None:
    released = {path.stem for path in RECORDED.glob("*.json")}
    assert released == set(readable()), f"a wire name was dropped or not recorded. {NEXT_VERSION}"
    assert released == {name for name, paths in samples().items() if paths}


def test_upcasters_lead_each_old_version_to_a_later_one_and_at_last_to_the_newest() -> None:
    assert not set(UPCASTERS) & set(EVENTS), "a version is either the newest, in EVENTS, or has an upcaster"
    assert {event.name for name in UPCASTERS for event in (read(name, sample(p)) for p in samples()[name])} <= set(
        EVENTS
    )


def test_samples_hold_ids_and_figures_and_nothing_of_a_person() -> None:
    assert [path.name for paths in samples().values() for path in paths if PERSONAL.search(path.read_text())] == []
