"""A scoring model as a cohort names it: what describes evidence, what corrects for raters, and its use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from services.scoring.core.calibration.calibration import Calibration
from services.scoring.core.calibration.gathering import Gathered, Place
from services.scoring.core.figures import Figure, ScoringModel
from services.scoring.core.layers.adjusting import Adjusted
from services.scoring.core.observations import Observations
from shared.ids import ParticipantId


@dataclass(frozen=True, slots=True)
class Use:
    """What a model may be used for. `participants`: scored ones that it needs to say anything at all; `adjusts_from`:
    scored ones from which it corrects for who rated, None if it never does; `words`: for whoever chooses a model.
    """

    participants: int
    adjusts_from: int | None
    words: str


class Adjusting(Protocol):
    """A model that corrects for who rated, against a calibration of the cohort. Pure: the same evidence, in any order,
    gives the same calibration and the same places.
    """

    @property
    def id(self) -> str:
        """Name and version, as results name it."""

    @property
    def participants(self) -> int:
        """Scored participants that a calibration needs."""

    def calibrated(self, rules: str, gathered: Gathered, evidence: Mapping[str, str]) -> Calibration:
        """The calibration of everybody gathered; `rules`: digest of the cohort's rules, `evidence`: participant →
        evidence state.
        """

    def adjusted(
        self, calibration: Calibration | None, participant: ParticipantId, state: str, observations: Observations
    ) -> Mapping[Place, Adjusted | str]:
        """Where a participant is placed in each source and domain that the observations carry, or why nowhere."""


@dataclass(frozen=True, slots=True)
class Model:
    """`describes` gives every figure from one participant's evidence alone; `adjusts`, where there is one, corrects
    domains for who rated.
    """

    id: str
    describes: ScoringModel
    use: Use
    adjusts: Adjusting | None = None

    def figures(self, observations: Observations) -> tuple[Figure, ...]:
        """The figures that the observations carry, in the order of `figure_keys`."""
        return self.describes.figures(observations)

    @property
    def adjusts_from(self) -> int | None:
        """Scored participants from which raters are corrected for; None: never."""
        return self.use.adjusts_from
