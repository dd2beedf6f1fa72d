"""The calibration that a cohort is due: of everybody whose evidence is complete, where there are enough."""

from collections.abc import Iterable

from services.scoring.core.calibration.calibration import Calibration
from services.scoring.core.calibration.gathering import Gathered
from services.scoring.core.completeness import done_without, missing
from services.scoring.core.counted import appraisal_of, observations
from services.scoring.core.evidence import Piece, current
from services.scoring.core.requirements import Waived
from services.scoring.core.results import Rules, state_of
from shared.ids import ParticipantId


def calibration_on(
    rules: Rules, cases: Iterable[tuple[ParticipantId, tuple[Piece, ...], Waived]]
) -> Calibration | None:
    """The calibration on these cases (participant, evidence, waived); None where the model adjusts nobody, or too
    few are complete. The one that `rules` hold, unchanged, if it rests on the same evidence and rules.
    """
    adjusts = rules.model.adjusts
    if adjusts is None:
        return None
    gathered, evidence = Gathered(), dict[str, str]()
    definition = rules.definition
    for participant, pieces, waived in cases:
        now = current(pieces)
        if not missing(definition, now, waived):
            gathered.add(participant, observations(definition, appraisal_of(definition, now), now, waived))
            evidence[participant] = state_of(now, done_without(definition, now, waived))
    if len(evidence) < adjusts.participants:
        return None
    known = rules.calibration
    grounds = {"model": adjusts.id, "rules": rules.digest, "evidence": evidence}
    if known is not None and all(known.content[name] == value for name, value in grounds.items()):
        return known
    return adjusts.calibrated(rules.digest, gathered, evidence)
