"""What a field of a form may be mapped to, with the words by which it is recognised."""

from dataclasses import dataclass

from shared.cohort.definition import CohortDefinition
from shared.words import Instrument


@dataclass(frozen=True, slots=True)
class Target:
    """Something that is rated or marked: its code as `maps_to` has it, and the words that a form may ask it in."""

    code: str
    statements: tuple[str, ...]


def targets_of(definition: CohortDefinition, instrument: Instrument) -> tuple[Target, ...]:
    """Items, cells of exercises, or criteria: what the instrument rates in this cohort."""
    if instrument is Instrument.APPRAISAL_360:
        return tuple(Target(item.code, (item.statement,)) for item in definition.framework.items)
    if instrument is Instrument.WRITTEN_ASSESSMENT:
        return tuple(Target(each.code, (each.name,)) for each in definition.criteria)
    named = {each.code: each.name for each in definition.framework.competencies}
    return tuple(
        Target(f"{cell.exercise}:{cell.competency}", _asked(cell.exercise, cell.name, cell.competency, named))
        for cell in definition.exercises
    )


def _asked(exercise: str, name: str, competency: str, named: dict[str, str]) -> tuple[str, ...]:
    """The ways in which a form may name a competency in an exercise: a form of several exercises names both."""
    what = named.get(competency, competency)
    return (f"{name}: {what}", f"{exercise}: {what}", f"{name}: {competency}", f"{exercise}: {competency}")
