"""Scoring models: one file each, and this dictionary. A released model is never edited: results name it for good.

To add one: a file beside this one with a class that fits `ScoringModel` (see `rater_means_v1`), a line in `MODELS`,
and its recorded results in `tests/samples/scoring/`; the contract tests then run over it.
`TALENTLINE_SCORING_MODEL` selects the model of an installation.
"""

from services.scoring.core.figures import ScoringModel
from services.scoring.models.rater_means_v1 import RaterMeans

MODELS: dict[str, ScoringModel] = {model.id: model for model in (RaterMeans(),)}

__all__ = ["MODELS", "ScoringModel"]
