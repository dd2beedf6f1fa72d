"""The development day: assessors rate the competencies that an exercise shows."""

from collections.abc import Iterable, Iterator

from services.scoring.core.evidence import Piece
from services.scoring.core.observations import Rating
from services.scoring.core.requirements import Lack, Requirement
from shared.cohort.definition import CohortDefinition, DayRequirement, ExerciseCell
from shared.words import Instrument


def missing(requirement: DayRequirement, definition: CohortDefinition, pieces: Iterable[Piece]) -> Iterator[Lack]:
    """What is still needed, by exercise. An assessor counts for an exercise with any of its competencies rated."""
    observed = {(piece.element, piece.by) for piece, _, _ in _cells(definition, pieces)}
    for exercise in requirement.exercises:
        assessors = sum(element == exercise for element, _ in observed)
        if assessors < requirement.assessors:
            asked = Requirement(Instrument.DEVELOPMENT_DAY, exercise)
            yield Lack(asked, exercise, f"{assessors} of {requirement.assessors} assessors")


def ratings(definition: CohortDefinition, pieces: Iterable[Piece]) -> tuple[Rating, ...]:
    """The ratings of the cells (exercise × competency) of the cohort's grid, in the order of the pieces."""
    return tuple(
        Rating(piece.instrument, piece.by, f"{piece.element}/{cell.competency}", cell.competency, cell.facet, value)
        for piece, cell, value in _cells(definition, pieces)
    )


def _cells(definition: CohortDefinition, pieces: Iterable[Piece]) -> Iterator[tuple[Piece, ExerciseCell, float]]:
    grid = {(cell.exercise, cell.competency): cell for cell in definition.exercises}
    for piece in pieces:
        if piece.instrument is Instrument.DEVELOPMENT_DAY:
            for code, value in sorted(piece.given.items()):
                cell = grid.get((piece.element, code))
                if cell is not None:
                    yield piece, cell, value
