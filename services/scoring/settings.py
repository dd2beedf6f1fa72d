"""Settings of scoring."""

from pydantic import Field, field_validator

from services.scoring.models import MODELS
from shared.settings import Settings


class ScoringSettings(Settings):
    """What scoring needs beside the shared settings."""

    scoring_model: str = Field(
        default="rater-means/1", description="id of the scoring model that results are made with"
    )

    @field_validator("scoring_model")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in MODELS:
            raise ValueError(f"unknown scoring model {value}; known are {', '.join(sorted(MODELS))}")
        return value
