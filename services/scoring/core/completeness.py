"""Whether there is enough evidence to score a participant, and if not, what is missing. Missing is never zero."""

from collections.abc import Iterable, Iterator

from services.scoring.core import appraisal_360, development_day, written_assessment
from services.scoring.core.evidence import Piece, current
from shared.cohort.definition import CohortDefinition
from shared.words import Instrument


def missing(definition: CohortDefinition, pieces: Iterable[Piece]) -> tuple[str, ...]:
    """What a participant still lacks, in words that a coordinator can act on; empty when the evidence is complete.

    `pieces` is all the evidence of one participant, superseded pieces included, in any order. The reasons stand in
    the order of instruments, relationships, exercises and criteria, such as
    "360 appraisal: direct reports: 1 of 3", "development day: EX2: 1 of 2 assessors",
    "written assessment: W3: markers differ by 5, a third mark is needed".
    """
    return tuple(_missing(definition, current(pieces)))


def _missing(definition: CohortDefinition, pieces: tuple[Piece, ...]) -> Iterator[str]:
    required = definition.evidence
    if required.appraisal_360 is not None:
        reasons = appraisal_360.missing(required.appraisal_360, definition, pieces)
        yield from _named(Instrument.APPRAISAL_360, reasons)
    if required.development_day is not None:
        reasons = development_day.missing(required.development_day, definition, pieces)
        yield from _named(Instrument.DEVELOPMENT_DAY, reasons)
    if required.written_assessment is not None:
        reasons = written_assessment.missing(required.written_assessment, definition, pieces)
        yield from _named(Instrument.WRITTEN_ASSESSMENT, reasons)


def _named(instrument: Instrument, reasons: Iterable[str]) -> Iterator[str]:
    return (f"{instrument.label}: {reason}" for reason in reasons)
