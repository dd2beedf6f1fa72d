"""Scoring models: one file each, and this dictionary. A released model is never edited: results name it for good.

To add one: a file beside this one with a class that fits `ScoringModel` (see `rater_means_v1`), a line in `MODELS`
that says what it may be used for, and its recorded results in `tests/samples/scoring/`; the contract tests then run
over it. A cohort names its model in `cohort.toml`; `TALENTLINE_SCORING_MODEL` is for cohorts that name none.
"""

from services.scoring.core.model import Model, Use
from services.scoring.models.many_facet_v1 import ManyFacet
from services.scoring.models.rater_means_v1 import RaterMeans
from shared.errors import PermanentError

MODELS: dict[str, Model] = {
    model.id: model
    for model in (
        Model(
            RaterMeans.id,
            describes=RaterMeans(),
            use=Use(
                participants=1,
                adjusts_from=None,
                words="plain means with the person who rated as the unit of error; any cohort, however small",
            ),
        ),
        Model(
            ManyFacet.id,
            describes=RaterMeans(),
            adjusts=ManyFacet(),
            use=Use(
                participants=1,
                adjusts_from=ManyFacet.participants,
                words="as rater-means/1, and domains corrected for who rated where assessors or markers overlap; "
                "cohorts of 30 scored participants or more, for one scale in one cohort",
            ),
        ),
    )
}


class UnknownModel(PermanentError):
    """A cohort or a result names a model that this release does not have."""

    def __init__(self, name: str) -> None:
        super().__init__(f"scoring model {name} is not in this release; there are: {', '.join(MODELS)}")


def model_named(name: str) -> Model:
    """The model of this id. Raises UnknownModel."""
    if name not in MODELS:
        raise UnknownModel(name)
    return MODELS[name]


__all__ = ["MODELS", "Model", "UnknownModel", "Use", "model_named"]
