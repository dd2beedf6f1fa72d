"""The files of `programme/`: framework, forms, choices, exercises, criteria, organisations. No personal data."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.cohort import columns, keys
from shared.cohort.cells import Known
from shared.cohort.csv_file import CsvFile, agree, only_once, read_csv, typed
from shared.cohort.definition import Criterion, ExerciseCell, FormField, Organisation, Target
from shared.cohort.mistakes import Findings, did_you_mean, listed
from shared.cohort.rules import FILE, Rules, read_rules
from shared.framework import Competency, Domain, FrameworkPack, Item, Scale
from shared.words import IdentityBy, Instrument

FRAMEWORK = "programme/framework.csv"
ORGANISATIONS = "programme/organisations.csv"
FORM_FIELDS = "programme/form_fields.csv"
CHOICES = "programme/choices.csv"
EXERCISES = "programme/exercises.csv"
CRITERIA = "programme/written_criteria.csv"
TARGETS = "programme/targets.csv"

_PROVEN_BY = {"identity:email": IdentityBy.RESPONDER_EMAIL, "identity:token": IdentityBy.LINK_TOKEN}
_WHO = {
    Instrument.APPRAISAL_360: "identity:rater",
    Instrument.DEVELOPMENT_DAY: "identity:assessor",
    Instrument.WRITTEN_ASSESSMENT: "identity:marker",
}


@dataclass(frozen=True, slots=True)
class Programme:
    """The lists of `programme/`, as far as they hold nothing wrong, and which codes they give."""

    framework: tuple[columns.FrameworkRow, ...]
    organisations: tuple[Organisation, ...]
    form_fields: tuple[FormField, ...]
    choices: Mapping[str, float | None]
    exercises: tuple[ExerciseCell, ...]
    criteria: tuple[Criterion, ...]
    targets: tuple[Target, ...]
    context: Mapping[str, Any]
    """What cells of other files may refer to (`cells.Known` by name)."""


def read_programme(folder: Path, rules: Rules, found: Findings) -> Programme:
    """Every list of `programme/`; mistakes are noted in `found`."""
    appraisal = rules.asks_for(Instrument.APPRAISAL_360)
    framework = read_csv(folder, FRAMEWORK, columns.FrameworkRow, found, needed=True)
    organisations = read_csv(folder, ORGANISATIONS, columns.OrganisationRow, found, needed=True)
    exercises = read_csv(
        folder, EXERCISES, columns.ExerciseRow, found, needed=rules.asks_for(Instrument.DEVELOPMENT_DAY)
    )
    written = rules.asks_for(Instrument.WRITTEN_ASSESSMENT)
    criteria = read_csv(folder, CRITERIA, columns.CriterionRow, found, needed=written)
    context = _context(rules, framework, organisations) | {"rated by": _rated_by(rules, framework, exercises, criteria)}
    targets = read_csv(folder, TARGETS, columns.TargetRow, found, needed=False)
    return Programme(
        framework=tuple(_framework(framework, context, found)),
        organisations=tuple(_organisations(organisations, context, found)),
        form_fields=tuple(_form_fields(folder, rules, context, found, needed=appraisal)),
        choices=_choices(folder, context, found, needed=appraisal),
        exercises=tuple(_exercises(exercises, rules, context, found)),
        criteria=tuple(_criteria(criteria, context, found)),
        targets=tuple(_targets(targets, (framework, exercises, criteria), context, found)),
        context=context,
    )


def framework_pack(rows: Sequence[columns.FrameworkRow], section: keys.FrameworkSection) -> FrameworkPack:
    """The framework as one value, in the order of its file."""
    domains = {row.domain: Domain(code=row.domain, name=row.domain_name) for row in rows}
    competencies = {
        row.competency: Competency(code=row.competency, name=row.competency_name, domain=row.domain) for row in rows
    }
    return FrameworkPack(
        pack=section.pack,
        version=section.version,
        licence=section.licence,
        scale=Scale(minimum=section.scale.minimum, maximum=section.scale.maximum),
        domains=tuple(domains.values()),
        competencies=tuple(competencies.values()),
        items=tuple(
            Item(code=row.item, competency=row.competency, statement=row.statement, facet=row.facet) for row in rows
        ),
    )


def _context(rules: Rules, framework: CsvFile, organisations: CsvFile) -> dict[str, Any]:
    scale = rules.section(keys.ScaleSection, "framework", "scale")
    connections = rules.at("connections")
    levels = rules.section(keys.PoolSection, "pool")
    return {
        "domain": Known(framework.codes("domain"), FRAMEWORK),
        "competency": Known(framework.codes("competency"), FRAMEWORK),
        "item": Known(framework.codes("item"), FRAMEWORK),
        "organisation": Known(organisations.codes("organisation"), ORGANISATIONS),
        "connection": Known(
            frozenset(connections) if isinstance(connections, dict) else frozenset() if rules.readable else None,
            f"the connections of {FILE}",
        ),
        "pool level": Known(None if levels is None else levels.levels, f"pool.levels of {FILE}"),
        "scale": None if scale is None else Scale(minimum=scale.minimum, maximum=scale.maximum),
    }


def _rated_by(rules: Rules, framework: CsvFile, exercises: CsvFile, criteria: CsvFile) -> dict[str, Known]:
    """What the fields of each connection's forms may rate."""
    cells = frozenset(f"{row.cells['exercise']}:{row.cells['competency']}" for row in exercises.rows)
    rated = {
        Instrument.APPRAISAL_360: Known(framework.codes("item"), f"an item of {FRAMEWORK}"),
        Instrument.DEVELOPMENT_DAY: Known(cells if exercises.readable else None, f"EXERCISE:COMPETENCY of {EXERCISES}"),
        Instrument.WRITTEN_ASSESSMENT: Known(criteria.codes("criterion"), f"a criterion of {CRITERIA}"),
    }
    connections = rules.at("connections")
    names = connections if isinstance(connections, dict) else {}
    instruments = {name: rules.at("connections", name, "instrument") for name in names}
    return {name: rated[Instrument(each)] for name, each in instruments.items() if each in list(Instrument)}


def _framework(file: CsvFile, context: Mapping[str, Any], found: Findings) -> list[columns.FrameworkRow]:
    rows = typed(file, columns.FrameworkRow, context, found)
    only_once(file, ["item"], "is an item twice", found)
    for key, column in (("domain", "domain_name"), ("competency", "competency_name"), ("competency", "domain")):
        agree(file, key, column, found)
    _one_meaning_a_code(file, found)
    return rows


def _one_meaning_a_code(file: CsvFile, found: Findings) -> None:
    """Codes are unique over domains, competencies and items together."""
    first: dict[str, tuple[str, int]] = {}
    for row in file.rows:
        for column in ("domain", "competency", "item"):
            code = row.cells[column]
            meant, line = first.setdefault(code, (column, row.line))
            if code and meant != column:
                reason = f"is the code of a {meant} on line {line} already; a code has one meaning"
                found.mistake(file.name, reason, line=row.line, column=column, value=code)


def _organisations(file: CsvFile, context: Mapping[str, Any], found: Findings) -> list[Organisation]:
    only_once(file, ["organisation"], "is an organisation twice", found)
    rows = typed(file, columns.OrganisationRow, context, found)
    return sorted((Organisation(code=row.organisation, name=row.name) for row in rows), key=lambda row: row.code)


def _form_fields(
    folder: Path, rules: Rules, context: Mapping[str, Any], found: Findings, *, needed: bool
) -> list[FormField]:
    file = read_csv(folder, FORM_FIELDS, columns.FormFieldRow, found, needed=needed, may_be_empty=True)
    rows = typed(file, columns.FormFieldRow, context, found)
    only_once(file, ["connection", "form_id", "field_ref"], "is a field of this form twice", found)
    only_once(file, ["connection", "form_id", "maps_to"], "is asked twice by this form", found)
    for row in file.rows:
        connection, vendor = row.cells["connection"], row.cells["vendor"]
        agreed = rules.at("connections", connection, "vendor")
        if vendor and isinstance(agreed, str) and vendor != agreed:
            reason = f"is “{agreed}” for the connection {connection} in {FILE}"
            found.mistake(file.name, reason, line=row.line, column="vendor", value=vendor)
    if file.readable:
        _warn_of_gaps(rows, context, found)
        _check_identity(file, rules, found)
    fields = [FormField.model_validate(row.model_dump()) for row in rows]
    return sorted(fields, key=lambda row: (row.connection, row.form_id, row.field_ref))


def _check_identity(file: CsvFile, rules: Rules, found: Findings) -> None:
    """What each form maps to `identity:…` agrees with how its connection says who speaks about whom."""
    forms: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in file.rows:
        connection, maps_to = row.cells["connection"], row.cells["maps_to"]
        forms[connection, row.cells["form_id"]].add(maps_to)
        needed = _PROVEN_BY.get(maps_to)
        by = rules.at("connections", connection, "identity") or IdentityBy.HIDDEN_FIELDS
        if needed and by != needed:
            reason = f'needs identity = "{needed}" for the connection {connection} in {FILE}'
            found.mistake(file.name, reason, line=row.line, column="maps_to", value=maps_to)
    for (connection, form), mapped in sorted(forms.items()):
        if rules.at("connections", connection, "identity") == IdentityBy.QUESTIONS:
            who = _WHO.get(rules.at("connections", connection, "instrument"), "identity:rater")
            for lacking in sorted({"identity:participant", who} - mapped):
                reason = f'has no question for {lacking}, yet {FILE} says identity = "questions" for {connection}'
                found.mistake(file.name, reason, column="form_id", value=form)


def _warn_of_gaps(rows: Sequence[columns.FormFieldRow], context: Mapping[str, Any], found: Findings) -> None:
    asked = defaultdict(set)
    for row in rows:
        asked[row.connection, row.form_id].add(row.maps_to)
    for (connection, form), mapped in sorted(asked.items()):
        unasked = _unasked(mapped, context["rated by"].get(connection))
        if unasked:
            found.warn(FORM_FIELDS, f"does not ask {listed(unasked)}", column="form_id", value=form)
    for name in sorted((context["connection"].codes or frozenset()) - {connection for connection, _ in asked}):
        reason = "has no field here; what arrives on it waits in quarantine until its forms are added"
        found.warn(FORM_FIELDS, reason, column="connection", value=name)


def _unasked(mapped: set[str], rated: Known | None) -> list[str]:
    """What a form could rate and has no field for; of exercises, only of those that it asks about at all."""
    codes = (rated.codes if rated else None) or frozenset()
    about = {code.partition(":")[0] for code in mapped}
    return sorted(code for code in set(codes) - mapped if ":" not in code or code.partition(":")[0] in about)


def _choices(folder: Path, context: Mapping[str, Any], found: Findings, *, needed: bool) -> dict[str, float | None]:
    file = read_csv(folder, CHOICES, columns.ChoiceRow, found, needed=needed, may_be_empty=True)
    only_once(file, ["label"], "is a choice twice", found)
    rows = typed(file, columns.ChoiceRow, context, found)
    return {row.label: row.rating for row in sorted(rows, key=lambda row: row.label)}


def _exercises(file: CsvFile, rules: Rules, context: Mapping[str, Any], found: Findings) -> list[ExerciseCell]:
    rows = typed(file, columns.ExerciseRow, context, found)
    only_once(file, ["exercise", "competency"], "is shown by this exercise twice", found)
    agree(file, "exercise", "name", found)
    day = rules.section(keys.DaySection, "evidence", "development_day")
    codes = file.codes("exercise")
    if day is not None and codes is not None:
        path = ("evidence", "development_day", "exercises")
        for exercise in sorted(set(day.exercises) - codes):
            reason = f"is not in {EXERCISES}{did_you_mean(exercise, codes)}"
            rules.mistake(found, reason, *path, value=exercise)
        for exercise in sorted(codes - set(day.exercises)):
            found.warn(EXERCISES, f"is not asked for by {'.'.join(path)} in {FILE}", column="exercise", value=exercise)
    return [ExerciseCell.model_validate(row.model_dump()) for row in rows]


def _criteria(file: CsvFile, context: Mapping[str, Any], found: Findings) -> list[Criterion]:
    rows = typed(file, columns.CriterionRow, context, found)
    only_once(file, ["criterion"], "is a criterion twice", found)
    return [Criterion(code=row.criterion, **row.model_dump(exclude={"criterion"})) for row in rows]


def _targets(file: CsvFile, showing: Sequence[CsvFile], context: Mapping[str, Any], found: Findings) -> list[Target]:
    """By domain and facet. A facet that nothing shows is a warning: no figure will ever stand beside its target."""
    rows = typed(file, columns.TargetRow, context, found)
    first: dict[tuple[str, str], int] = {}
    for raw in file.rows:
        place = raw.cells["domain"], raw.cells["facet"]
        if first.setdefault(place, raw.line) != raw.line:
            reason = f"has a target on line {first[place]} already"
            found.mistake(file.name, reason, line=raw.line, column="domain", value=raw.cells["domain"])
    domain_of = {row.cells["competency"]: row.cells["domain"] for row in showing[0].rows}
    shown = {(domain_of.get(row.cells["competency"]), row.cells["facet"]) for each in showing for row in each.rows}
    for row in rows:
        if row.facet is not None and (row.domain, row.facet.value) not in shown:
            reason = "has a target, and no item, exercise or criterion shows it"
            found.warn(file.name, reason, column="facet", value=f"{row.domain}, {row.facet}")
    targets = [Target.model_validate(row.model_dump()) for row in rows]
    return sorted(targets, key=lambda each: (each.domain, each.facet or ""))


def read_framework(folder: Path, found: Findings) -> FrameworkPack | None:
    """Only the framework of a cohort's folder; None, and mistakes, if it can't be understood."""
    rules = read_rules(folder, (), Findings())
    section = rules.section(keys.FrameworkSection, "framework")
    if section is None:
        found.mistake(FILE, "is missing or wrong; `talentline cohort open` says what", column="framework")
    file = read_csv(folder, FRAMEWORK, columns.FrameworkRow, found, needed=True)
    rows = _framework(file, {}, found)
    return None if section is None or found.mistakes else framework_pack(rows, section)
