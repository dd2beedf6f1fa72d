"""A scoring model as a cohort names it: what describes evidence, what corrects for raters, and its use."""

from dataclasses import dataclass

from services.scoring.core.figures import Figure, ScoringModel
from services.scoring.core.observations import Observations


@dataclass(frozen=True, slots=True)
class Use:
    """What a model may be used for. `participants`: scored ones that it needs to say anything at all; `adjusts_from`:
    scored ones from which it corrects for who rated, None if it never does; `words`: for whoever chooses a model.
    """

    participants: int
    adjusts_from: int | None
    words: str


@dataclass(frozen=True, slots=True)
class Model:
    """`describes` gives every figure from one participant's evidence alone."""

    id: str
    describes: ScoringModel
    use: Use

    def figures(self, observations: Observations) -> tuple[Figure, ...]:
        """The figures that the observations carry, in the order of `figure_keys`."""
        return self.describes.figures(observations)

    @property
    def adjusts_from(self) -> int | None:
        """Scored participants from which raters are corrected for; None: never."""
        return self.use.adjusts_from
