"""What a field of a form may mean, instrument by instrument: which element and rating, and on which scale.

`maps_to` in `form_fields.csv` is an item code (360 appraisal), `EXERCISE:COMPETENCY` (development day), a criterion's
code (written assessment), `comment:<kind>` for free text, or `identity:participant | rater | relationship` for a field
that says who speaks about whom.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.cohort.definition import CohortDefinition
from shared.words import Instrument

COMMENT = "comment:"
IDENTITY = "identity:"


@dataclass(frozen=True, slots=True)
class Cell:
    """Where an answer goes: `element` and `rating` as in `shared.events.Piece`, and the scale it must be on."""

    element: str
    rating: str
    minimum: float
    maximum: float
    labelled: bool = True
    """Answers may be labels of the cohort's choices; marks are always numbers."""


def cell_for(definition: CohortDefinition, instrument: Instrument, maps_to: str) -> Cell | None:
    """The cell that a mapping names; None if this cohort has no such item, exercise cell or criterion."""
    return _CELLS[instrument](definition, maps_to)


def _item(definition: CohortDefinition, maps_to: str) -> Cell | None:
    scale = definition.framework.scale
    known = maps_to in definition.framework.item
    return Cell("", maps_to, scale.minimum, scale.maximum) if known else None


def _exercise_cell(definition: CohortDefinition, maps_to: str) -> Cell | None:
    exercise, _, competency = maps_to.partition(":")
    scale = definition.framework.scale
    known = any(cell.competency == competency for cell in definition.cells_of(exercise))
    return Cell(exercise, competency, scale.minimum, scale.maximum) if known else None


def _criterion(definition: CohortDefinition, maps_to: str) -> Cell | None:
    criterion = definition.criterion.get(maps_to)
    return Cell(maps_to, maps_to, 0.0, criterion.max_mark, labelled=False) if criterion else None


_CELLS: Mapping[Instrument, Callable[[CohortDefinition, str], Cell | None]] = {
    Instrument.APPRAISAL_360: _item,
    Instrument.DEVELOPMENT_DAY: _exercise_cell,
    Instrument.WRITTEN_ASSESSMENT: _criterion,
}
