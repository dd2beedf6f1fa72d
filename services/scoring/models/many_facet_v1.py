"""many-facet/1: corrects for who happened to rate, where raters overlap and participants are enough."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from services.scoring.core.calibration.calibrating import calibrated
from services.scoring.core.calibration.calibration import CalibratedPart, Calibration
from services.scoring.core.calibration.gathering import Gathered, Place
from services.scoring.core.calibration.placing import placed
from services.scoring.core.layers.adjusting import Adjusted
from services.scoring.core.observations import Observations, Rating
from shared.ids import ParticipantId

LINKED_SHARE = 0.5
"""Of a participant's raters that must link to the calibration, for the participant to be adjusted."""
NOT_CALIBRATED = "the cohort is not calibrated: that takes {n} scored participants and a run"


class ManyFacet:
    """The regularised many-facet model of `core.facets`, calibrated on a cohort's scored participants.

    For each source and domain: place of the participant, severity of the rater, what one rater sees in one participant
    (halo) and what a participant shows in one exercise; variances estimated from 100 participants on, anchored below.
    Over the sources: method variance estimated from 100 participants on, anchored below (report of the method review:
    without it combined 95 % intervals cover 85 %).

    Who was in the calibration with the same evidence has the place found there; who came later is placed against it
    (`core.calibration.placing`). Below 30 participants, where raters do not link participants (an ordinary 360: each
    rater rates one person), or where fewer than half of somebody's raters do, nothing is adjusted and the reason says
    so.
    """

    id: ClassVar[str] = "many-facet/1"
    participants: ClassVar[int] = 30

    def calibrated(self, rules: str, gathered: Gathered, evidence: Mapping[str, str]) -> Calibration:
        """The calibration of a cohort. `rules`: digest of its rules, `evidence`: participant → evidence state."""
        return calibrated(self.id, rules, gathered, evidence)

    def adjusted(
        self, calibration: Calibration | None, participant: ParticipantId, state: str, observations: Observations
    ) -> dict[Place, Adjusted | str]:
        """What the calibration says of a participant in each source and domain, or why nothing. `state`: of the
        participant's evidence.
        """
        by_place = _by_place(observations)
        if calibration is None:
            return dict.fromkeys(by_place, NOT_CALIBRATED.format(n=self.participants))
        known = calibration.evidence.get(participant) == state
        return {
            place: _adjusted(calibration.parts.get(place), place, participant if known else None, ratings, observations)
            for place, ratings in by_place.items()
        }


def _by_place(observations: Observations) -> dict[Place, list[Rating]]:
    found: dict[Place, list[Rating]] = {}
    for rating in observations.ratings:
        found.setdefault((rating.instrument, observations.framework.domain_of(rating.competency)), []).append(rating)
    return found


def _adjusted(
    part: CalibratedPart | None,
    place: Place,
    known: ParticipantId | None,
    ratings: Iterable[Rating],
    observations: Observations,
) -> Adjusted | str:
    if part is None:
        return "the calibration has nobody in it"
    if not part.fitted:
        return str(part.reason)
    prior = part.variance["participant"]
    if known is not None and known in part.document["people"]:
        at, variance = part.document["people"][known]
        reason = part.reason or part.document["unadjusted"].get(known)
        return Adjusted(*place, at, variance, prior, part.scale, reason)
    found = placed(part, tuple(ratings), observations.relationships)
    if found is None:
        return "none of what was rated is in the calibration"
    few = f"only {found.links} of {found.raters} raters link to the calibration"
    reason = part.reason or (few if found.links < LINKED_SHARE * found.raters else None)
    return Adjusted(*place, found.place, found.variance, prior, part.scale, reason)
