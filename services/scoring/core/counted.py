"""Which ratings may enter a participant's figures: of the instruments that are asked for and weigh something."""

from services.scoring.core import appraisal_360, development_day, written_assessment
from services.scoring.core.appraisal_360 import Appraisal
from services.scoring.core.evidence import Piece
from services.scoring.core.observations import Observations, Rating
from services.scoring.core.requirements import NOTHING, Waived
from shared.cohort.definition import CohortDefinition


def appraisal_of(definition: CohortDefinition, pieces: tuple[Piece, ...]) -> Appraisal:
    """The 360 appraisal after disclosure; an empty one where it is no part of the cohort."""
    part_of_cohort = definition.evidence.appraisal_360 is not None
    return appraisal_360.appraisal(definition, pieces if part_of_cohort else ())


def observations(
    definition: CohortDefinition, appraisal: Appraisal, pieces: tuple[Piece, ...], waived: Waived = NOTHING
) -> Observations:
    """What a model is given. `pieces` are current; `waived`: what the participant is scored without."""
    ratings: list[Rating] = list(appraisal.ratings)
    if definition.evidence.development_day is not None:
        ratings += development_day.ratings(definition, pieces)
    if definition.evidence.written_assessment is not None:
        ratings += written_assessment.ratings(definition.evidence.written_assessment, definition, pieces, waived)
    weights = {instrument: weight for instrument, weight in definition.weights.items() if weight > 0}
    counted = tuple(rating for rating in ratings if rating.instrument in weights)
    return Observations(definition.framework, weights, counted, appraisal_360.relationships(pieces))
