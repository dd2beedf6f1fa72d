"""The golden corpus: events as they really went over the bus, of every version that was ever released, kept for ever.

`tests/samples/events/<wire name>/<number>.json` is the payload of one event. A sample is never changed or removed, also
when its version is long replaced: somewhere a database holds such events. Add samples of new events, and of fields that
no sample shows yet, with `python -m tests.contracts.event_samples` (it runs the pilot cohort) and commit the files.
What the pilot does not bring about is written by hand: the error of the contract test says which fields.
"""

import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from deploy.jobs import JOBS
from shared import logs, migrations
from shared.bus import events, timers
from shared.db import Database
from shared.events import EVENTS
from shared.leases import Leases
from shared.sweeper import Sweeper
from shared.words import Service
from tests.builders.bench import PILOT, Bench
from tests.contracts.event_schemas import schema_of

SAMPLES = Path(__file__).parents[1] / "samples" / "events"
Paths = frozenset[str]


def samples() -> dict[str, list[Path]]:
    """The files of every wire name that has any."""
    return {folder.name: sorted(folder.glob("*.json")) for folder in sorted(SAMPLES.glob("*")) if folder.is_dir()}


def sample(path: Path) -> dict[str, Any]:
    """One recorded payload."""
    payload: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return payload


def fields_of(schema: Mapping[str, Any], place: str = "") -> Paths:
    """Every field that a schema names, as `figures.sources.weight`.

    >>> sorted(fields_of({"properties": {"a": {"items": {"properties": {"b": {}}}}}}))
    ['a', 'a.b']
    """
    found: set[str] = set()
    for name, child in schema.get("properties", {}).items():
        found |= {f"{place}{name}", *fields_of(child, f"{place}{name}.")}
    for key in ("items", "anyOf", "prefixItems"):
        inner = schema.get(key, ())
        for child in (inner,) if isinstance(inner, Mapping) else inner:
            found |= fields_of(child, place)
    return frozenset(found)


def shown_in(value: Any, known: Paths, place: str = "") -> Paths:
    """Which of the known fields a payload shows.

    >>> sorted(shown_in({"a": [{"b": None}]}, frozenset({"a", "a.b", "a.c"})))
    ['a', 'a.b']
    """
    if isinstance(value, list):
        return frozenset().union(*(shown_in(child, known, place) for child in value))
    if not isinstance(value, dict):
        return frozenset()
    mine = {f"{place}{name}" for name in value} & known
    return frozenset(mine).union(*(shown_in(child, known, f"{place}{name}.") for name, child in value.items()))


def not_shown(name: str) -> list[str]:
    """Fields of an event's newest version that no sample shows."""
    known = fields_of(schema_of(EVENTS[name]))
    return sorted(known - frozenset().union(*(shown_in(sample(path), known) for path in samples().get(name, []))))


def telling(name: str, payloads: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of many payloads the smallest and the largest, and between them what else is needed to show every field."""
    known = fields_of(schema_of(EVENTS[name]))
    ordered = sorted(payloads, key=lambda each: len(json.dumps(each)))
    chosen = [ordered[0], ordered[-1]][: len(ordered)] if ordered else []
    for payload in ordered:
        if not shown_in(payload, known) <= frozenset().union(*(shown_in(each, known) for each in chosen)):
            chosen.append(payload)
    return chosen


def of_the_pilot() -> dict[str, list[dict[str, Any]]]:
    """What goes over the bus while the pilot cohort runs: wire name → payloads."""
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        migrations.migrate(f"sqlite:///{place}/pilot.db")
        bench = Bench(Database(f"sqlite:///{place}/pilot.db"), Path(place), patch)
        bench.open(PILOT)
        bench.feed(PILOT, "pilot-p")
        bench.run("pilot-p")
        bench.deliver((PILOT / "late" / "deliveries").glob("*.json"))
        bench.upload("pilot-p", list((PILOT / "late" / "written").glob("*.csv")))
        bench.run("pilot-p")
        Sweeper(bench.db, bench.installation.handlers(Service), Leases(bench.db), grace=timedelta(), jobs=JOBS).sweep()
        found = defaultdict(list)
        with bench.db.read() as connection:
            for name, payload in connection.execute(sa.select(events.c.name, events.c.payload)):
                found[name].append(payload)
            for name, payload in connection.execute(sa.select(timers.c.event, timers.c.payload)):
                found[name].append(payload)
        bench.db.close()
    return found


def record() -> list[str]:
    """Add what is missing. Gives the events of which the pilot shows too little."""
    found = of_the_pilot()
    for name in EVENTS:
        if not_shown(name):
            _add(name, telling(name, found.get(name, [])))
    return [
        f"{name}: write a sample by hand that shows {', '.join(not_shown(name))}" for name in EVENTS if not_shown(name)
    ]


def _add(name: str, payloads: list[dict[str, Any]]) -> None:
    folder = SAMPLES / name
    folder.mkdir(parents=True, exist_ok=True)
    kept = [sample(path) for path in folder.glob("*.json")]
    for number, payload in enumerate((each for each in payloads if each not in kept), len(kept) + 1):
        text = json.dumps(payload, indent=2, sort_keys=True, ensure_ascii=False)
        (folder / f"{number:02}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    logs.configure("ERROR", role="samples")
    sys.exit("\n".join(record()) or None)
