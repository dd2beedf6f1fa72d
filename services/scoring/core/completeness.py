"""Whether there is enough evidence to score a participant, and if not, what is missing. Missing is never zero."""

from collections.abc import Iterable, Iterator

from services.scoring.core import appraisal_360, development_day, written_assessment
from services.scoring.core.counted import appraisal_of, observations
from services.scoring.core.evidence import Piece, current
from services.scoring.core.requirements import NOTHING, Lack, Waived
from shared.cohort.definition import CohortDefinition

NOTHING_LEFT = "nothing is left that may be scored without what is waived; more evidence is needed"


def missing(definition: CohortDefinition, pieces: Iterable[Piece], waived: Waived = NOTHING) -> tuple[str, ...]:
    """What a participant still lacks, in words that a coordinator can act on; empty when the evidence is complete.

    `pieces` is all the evidence of one participant, superseded pieces included, in any order. What is `waived` is not
    missing; but somebody of whom nothing may be scored is not complete, whatever is waived. The reasons stand in
    the order of instruments, relationships, exercises and criteria, such as
    "360 appraisal: direct reports: 1 of 3", "development day: EX2: 1 of 2 assessors",
    "written assessment: W3: markers differ by 5, a third mark is needed".
    """
    now = current(pieces)
    found = lacking(definition, now)
    needed = tuple(str(lack) for lack in found if lack.requirement not in waived)
    if found and not needed and not observations(definition, appraisal_of(definition, now), now, waived).ratings:
        return (NOTHING_LEFT,)
    return needed


def lacking(definition: CohortDefinition, pieces: Iterable[Piece]) -> tuple[Lack, ...]:
    """Every requirement of the cohort that the evidence does not meet, waived or not, in the same order."""
    return tuple(_lacking(definition, current(pieces)))


def done_without(definition: CohortDefinition, pieces: Iterable[Piece], waived: Waived) -> tuple[Lack, ...]:
    """What a result on these pieces does without, since it is lacking and waived. A waiver of what has come since, or
    is asked for no longer, does nothing.
    """
    return tuple(lack for lack in lacking(definition, pieces) if lack.requirement in waived) if waived else ()


def _lacking(definition: CohortDefinition, pieces: tuple[Piece, ...]) -> Iterator[Lack]:
    required = definition.evidence
    if required.appraisal_360 is not None:
        yield from appraisal_360.missing(required.appraisal_360, definition, pieces)
    if required.development_day is not None:
        yield from development_day.missing(required.development_day, definition, pieces)
    if required.written_assessment is not None:
        yield from written_assessment.missing(required.written_assessment, definition, pieces)
