"""Computing a stored result again from what it names, and saying what differs.

A result is a function of evidence, framework pack, rules, model and calibration. A document of an earlier release is
compared in the parts that it has; a layer whose version this release no longer has can't be compared, and that is said.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.scoring.core.canonical import canonical, hashed
from services.scoring.core.completeness import done_without
from services.scoring.core.evidence import Piece, current
from services.scoring.core.requirements import Requirement, Waived
from services.scoring.core.results import Grounds, Rules, result_on, state_of
from shared.ids import ParticipantId
from shared.words import Instrument

MOST = 6
"""Differences that are told of one result."""
SAME = 2e-6
"""Of two figures of a calibration: its documents have six decimals, and machines' last bits differ."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A result as it is kept."""

    participant: ParticipantId
    document: str
    hash: str
    evidence_state: str


def differences(stored: Stored, rules: Rules, pieces: Iterable[Piece]) -> tuple[str, ...]:
    """What is not as it was recorded; empty if the result is computed again to the byte.

    `rules`: the definition, model and calibration that the result names; `pieces`: all about the participant.
    """
    if hashed(stored.document) != stored.hash:
        return ("the document was changed: its hash is not the one recorded",)
    document = json.loads(stored.document)
    used, gone = pieces_of(document, pieces)
    if gone:
        return tuple(f"evidence {each[:12]} is gone" for each in gone)
    return tuple(_limited(_differing(stored, document, rules, used)))


def pieces_of(document: Mapping[str, Any], pieces: Iterable[Piece]) -> tuple[tuple[Piece, ...], list[str]]:
    """The pieces that a result rests on, and the ids of those that are not there."""
    known = {(piece.evidence, piece.instrument, piece.element, piece.by): piece for piece in pieces}
    keys = [(ref["evidence"], ref["instrument"], ref["element"], ref["by"]) for ref in document["evidence"]]
    found = tuple(known[key] for key in keys if key in known)
    return found, [key[0] for key in keys if key not in known]


def waived_in(document: Mapping[str, Any]) -> Waived:
    """What a result does without."""
    return frozenset(
        Requirement(Instrument(each["instrument"]), each["element"]) for each in document.get("waived", ())
    )


def _differing(stored: Stored, document: Mapping[str, Any], rules: Rules, used: Sequence[Piece]) -> Iterator[str]:
    waived = waived_in(document)
    now = current(used)
    state = state_of(now, done_without(rules.definition, now, waived))
    if state != stored.evidence_state:
        yield "the evidence state is another: evidence was changed"
    calibration = rules.calibration.hash if rules.calibration else None
    grounds = Grounds(state, rules.model.id, rules.digest, calibration)
    again = json.loads(result_on(grounds, rules, stored.participant, used, waived).document)
    stale = list(_stale(document, again))
    yield from stale
    if not stale:
        yield from unlike(document, {name: again.get(name) for name in document})


def _stale(document: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[str]:
    versions = {each["layer"]: each["version"] for each in again["layers"]}
    for each in document.get("layers", ()):
        if versions.get(each["layer"]) != each["version"]:
            has = versions.get(each["layer"], "none")
            yield f"layer {each['layer']} was {each['version']}, this release has {has}: it can't be compared"


def unlike(was: Any, now: Any, *, tolerance: float = 0.0, place: str = "") -> Iterator[str]:
    """Where two documents differ, each as `figures.0.estimate: recorded 3.1, now 3.2`.

    >>> list(unlike({"a": [1.0, 2.0]}, {"a": [1.0, 3.0]}))
    ['a.1: recorded 2.0, now 3.0']
    """
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for name in sorted(was.keys() | now.keys()):
            yield from unlike(was.get(name), now.get(name), tolerance=tolerance, place=f"{place}{name}.")
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for number, pair in enumerate(zip(was, now, strict=True)):
            yield from unlike(*pair, tolerance=tolerance, place=f"{place}{number}.")
    elif was != now and not _near(was, now, tolerance):
        yield f"{place.rstrip('.')}: recorded {_short(was)}, now {_short(now)}"


def _near(was: Any, now: Any, tolerance: float) -> bool:
    both = (was, now)
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in both)
    return numbers and abs(was - now) <= tolerance


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else canonical(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _limited(found: Iterable[str]) -> Iterator[str]:
    told = list(found)
    yield from told[:MOST]
    if len(told) > MOST:
        yield f"and {len(told) - MOST} more"
