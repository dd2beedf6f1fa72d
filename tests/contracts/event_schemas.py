"""The recorded schemas of events: how they are written, and what in a new schema breaks a recorded one.

An event stays in the database for years and is read by workers older and newer than its writer. So a released field is
never removed and never changes its type; a new one is optional. Anything else is a new version (`….v2`) with an
upcaster from the old one (docs/evolution.md). The schema of an old version stays recorded.

Record a new event, or new optional fields, with `python -m tests.contracts.event_schemas` and commit the files.
"""

import json
import sys
from pathlib import Path
from typing import Any

from shared.events import EVENTS, Event

RECORDED = Path(__file__).parents[2] / "shared" / "events" / "recorded"
_PROSE = ("title", "description", "examples")
_Schema = dict[str, Any]


def schema_of(event: type[Event]) -> _Schema:
    """The event's JSON schema as it goes over the wire, without prose and with every reference written out."""
    schema = event.model_json_schema(by_alias=True)
    plain = _plain(schema, schema.get("$defs", {}))
    assert isinstance(plain, dict)
    return plain


def _plain(node: Any, definitions: _Schema) -> Any:
    if isinstance(node, list):
        return [_plain(child, definitions) for child in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _plain(definitions[node["$ref"].rpartition("/")[2]], definitions)
    # Below `properties` a key is the name of a field, and a field may be called `title`.
    return {
        key: {name: _plain(child, definitions) for name, child in value.items()}
        if key == "properties"
        else _plain(value, definitions)
        for key, value in node.items()
        if key not in (*_PROSE, "$defs")
    }


def breaks(recorded: Any, current: Any, place: str = "") -> list[str]:
    """What in `current` breaks a reader or a stored event of `recorded`; empty if there is only more that is optional.

    >>> a = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    >>> b = {"type": "object", "properties": {"n": {"type": "string"}}, "required": ["n"]}
    >>> breaks(a, b)
    ["n: type was 'integer', is 'string'"]
    """
    if isinstance(recorded, dict) and isinstance(current, dict):
        found = _breaks_of_fields(recorded, current, place) if "properties" in recorded else []
        for key in sorted({*recorded, *current} - {"properties", "required", "default"}):
            where = place if key in ("items", "prefixItems", "anyOf", "additionalProperties") else f"{place}: {key}"
            found += breaks(recorded.get(key), current.get(key), where)
        return found
    if isinstance(recorded, list) and isinstance(current, list) and len(recorded) == len(current):
        return [found for was, now in zip(recorded, current, strict=True) for found in breaks(was, now, place)]
    return [] if recorded == current else [f"{place} was {recorded!r}, is {current!r}"]


def _breaks_of_fields(recorded: _Schema, current: _Schema, place: str) -> list[str]:
    before, after = recorded["properties"], current.get("properties", {})
    needed_before, needed_after = set(recorded.get("required", [])), set(current.get("required", []))

    def at(name: str) -> str:
        return f"{place}.{name}".lstrip(".")

    found = [f"{at(name)} was removed" for name in before if name not in after]
    found += [f"{at(name)} is new and not optional" for name in after if name not in before and name in needed_after]
    for name in before.keys() & after.keys():
        if (name in needed_before) != (name in needed_after):
            found.append(f"{at(name)} {'was' if name in needed_before else 'is now'} required")
        found += breaks(before[name], after[name], at(name))
    return sorted(found)


def recorded_schema(name: str) -> _Schema | None:
    """The recorded schema of a wire name, None if it was never recorded."""
    path = RECORDED / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def record() -> list[str]:
    """Write the schema of every event. What breaks a recorded one is returned, and that record stays as it is."""
    refused = []
    for name, event in EVENTS.items():
        current = schema_of(event)
        if found := breaks(recorded_schema(name) or current, current):
            refused += [f"{name}: {what}; make it a new version" for what in found]
        else:
            RECORDED.mkdir(exist_ok=True)
            text = json.dumps(current, indent=2, sort_keys=True, ensure_ascii=False)
            (RECORDED / f"{name}.json").write_text(f"{text}\n")
    return refused


if __name__ == "__main__":
    sys.exit("\n".join(record()) or None)
