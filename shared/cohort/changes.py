"""How two definitions of one cohort differ, in words, and what of it may not change once evidence exists."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from shared.cohort.definition import CohortDefinition
from shared.cohort.programme import CHOICES, CRITERIA, EXERCISES, FORM_FIELDS, FRAMEWORK, ORGANISATIONS, TARGETS
from shared.cohort.rules import FILE
from shared.framework import FrameworkPack
from shared.words import Instrument

Table = Mapping[str, Mapping[str, Any]]
"""Code → what is said about it."""

_LISTS = {"exercises", "criteria", "organisations", "form_fields", "choices", "targets"}
_PACK_LISTS = {"domains", "competencies", "items"}


def definition_changes(before: CohortDefinition, after: CohortDefinition) -> list[str]:
    """Every difference in words, file by file; empty for equal definitions only."""
    lines = list(_rules(before, after))
    lines += _framework(before.framework, after.framework)
    tables_before, tables_after = _tables(before), _tables(after)
    for file, table in tables_before.items():
        lines += _rows(file, table, tables_after[file])
    if not lines and before != after:
        lines.append(f"{EXERCISES}, {CRITERIA}: the order of the rows changed")
    return lines


def pinned_changes(before: CohortDefinition, after: CohortDefinition) -> list[str]:
    """What differs and can't once evidence exists, each with the reason."""
    reasons = []
    if before.framework.scale != after.framework.scale:
        was, now = _scale(before.framework), _scale(after.framework)
        reasons.append(f"{FILE}: framework.scale ({was} → {now}); ratings are recorded on it")
    if before.framework.label != after.framework.label:
        reasons.append(f"{FILE}: framework ({before.framework.label} → {after.framework.label}); results name it")
    content = _framework(before.framework, after.framework)
    reasons += [f"{line}; ratings are recorded for it" for line in content]
    reasons += _lost(EXERCISES, _cells(before, named=False), _cells(after, named=False))
    reasons += _lost(CRITERIA, _criteria(before, named=False), _criteria(after, named=False))
    return reasons


def remapped(before: CohortDefinition, after: CohortDefinition) -> tuple[str, ...]:
    """Connections of both on which what arrived would be read otherwise now: another mapping, tool, setting, instrument
    or way of identity; labels concern all whose answers may be labels.
    """
    both = sorted(before.connections.keys() & after.connections.keys())
    return tuple(name for name in both if _reading_of(before, name) != _reading_of(after, name))


def _reading_of(definition: CohortDefinition, name: str) -> list[Any]:
    """All that the reading of a connection's deliveries depends on."""
    connection = definition.connections[name]
    labels = {} if connection.instrument is Instrument.WRITTEN_ASSESSMENT else definition.choices
    fields = [each for each in definition.form_fields if each.connection == name]
    return [connection.model_copy(update={"secret_env": ""}), labels, fields]


def _lost(file: str, before: Table, after: Table) -> Iterator[str]:
    """What is no longer there or no longer the same; what is new is not lost."""
    still = {code: row for code, row in after.items() if code in before}
    for line in _rows(file, before, still):
        yield f"{line}; sheets and marks that arrived refer to it"


def _rules(before: CohortDefinition, after: CohortDefinition) -> Iterator[str]:
    was, now = dict(_flat(before)), dict(_flat(after))
    for key in [*was, *(key for key in now if key not in was)]:
        if was.get(key) != now.get(key):
            yield f"{FILE}: {key} was {_said(was.get(key))}, is now {_said(now.get(key))}"


def _flat(definition: CohortDefinition) -> Iterator[tuple[str, Any]]:
    """The values of cohort.toml by dotted key."""
    dumped = definition.model_dump(mode="json", exclude={*_LISTS, "framework"})
    responses = dumped["evidence"]["appraisal_360"]
    if responses is not None:
        dumped["evidence"]["appraisal_360"] = responses["responses"]
    dumped["thresholds"] = definition.thresholds.model_dump()
    dumped["framework"] = definition.framework.model_dump(mode="json", exclude=_PACK_LISTS)
    yield from _leaves(dumped, "")


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield key, value
        return
    for name, inner in value.items():
        yield from _leaves(inner, f"{key}.{name}" if key else name)


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _framework(before: FrameworkPack, after: FrameworkPack) -> list[str]:
    was, now = (_by_code([*pack.domains, *pack.competencies, *pack.items]) for pack in (before, after))
    lines = list(_rows(FRAMEWORK, was, now))
    if not lines and list(was) != list(now):
        lines.append(f"{FRAMEWORK}: the order of the rows changed")
    return lines


def _by_code(values: Iterable[BaseModel]) -> dict[str, dict[str, Any]]:
    rows = (value.model_dump(mode="json") for value in values)
    return {row.pop("code"): row for row in rows}


def _cells(definition: CohortDefinition, *, named: bool = True) -> Table:
    rows = {
        f"{cell.exercise}/{cell.competency}": {"name": cell.name, "facet": cell.facet.value}
        for cell in definition.exercises
    }
    return rows if named else _unnamed(rows)


def _criteria(definition: CohortDefinition, *, named: bool = True) -> Table:
    rows = _by_code(definition.criteria)
    return rows if named else _unnamed(rows)


def _unnamed(rows: Table) -> Table:
    """Rows without what people read: a name may be put right at any time."""
    return {code: {key: row[key] for key in row if key != "name"} for code, row in rows.items()}


def _tables(definition: CohortDefinition) -> dict[str, Table]:
    """The lists of `programme/` but the framework, by file."""
    return {
        ORGANISATIONS: _by_code(definition.organisations),
        EXERCISES: _cells(definition),
        CRITERIA: _criteria(definition),
        FORM_FIELDS: {
            f"{row.connection}/{row.form_id}/{row.field_ref}": {"maps_to": row.maps_to, "vendor": row.vendor}
            for row in definition.form_fields
        },
        TARGETS: {
            f"{each.domain}{f' ({each.facet})' if each.facet else ''}": {"target": each.target}
            for each in definition.targets
        },
        CHOICES: {f"“{label}”": {"rating": rating} for label, rating in definition.choices.items()},
    }


def _rows(file: str, before: Table, after: Table) -> Iterator[str]:
    """Codes that were added and removed, and what is now said otherwise of those that stayed."""
    for verb, codes in (("added", after.keys() - before.keys()), ("removed", before.keys() - after.keys())):
        if codes:
            yield f"{file}: {verb} {', '.join(sorted(codes))}"
    for code, row in before.items():
        for column, value in row.items():
            now = after[code][column] if code in after else value
            if now != value:
                yield f"{file}: {code}: {column} was {_said(value)}, is now {_said(now)}"


def _scale(pack: FrameworkPack) -> str:
    return f"{pack.scale.minimum:g} to {pack.scale.maximum:g}"
