"""What intake takes from the environment. Secrets of connections are read when they are needed, so that a changed one
counts at the next start without anything else being told.
"""

import os
from datetime import timedelta

from pydantic import Field

from shared.settings import Settings

MIB = 2**20


class IntakeSettings(Settings):
    """Settings of the intake service."""

    api_token: str | None = Field(
        default=None, repr=False, description="bearer token of uploads and runs over HTTP; none: they are off"
    )
    webhook_max_bytes: int = Field(default=5 * MIB, gt=0, description="largest webhook body that is taken")
    upload_max_bytes: int = Field(default=10 * MIB, gt=0, description="largest file that is taken")
    upload_unpacked_max_bytes: int = Field(default=30 * MIB, gt=0, description="largest workbook when unpacked")
    webhooks_waiting_max: int = Field(
        default=2000, gt=0, description="webhooks that may wait for their commit; more are asked to come again"
    )
    overdue_minutes: float = Field(
        default=15,
        gt=0,
        description="uploads and runs are asked to come again while a delivery has been due for longer",
    )
    disk_low_water_mb: int = Field(
        default=200, ge=0, description="MiB that must be free on the disk of what this installation writes; 0: any"
    )
    fetch_timeout_seconds: float = Field(default=20, gt=0, description="for each answer of a vendor's API")
    fetch_max_bytes: int = Field(default=5 * MIB, gt=0, description="largest answer of a vendor's API that is read")

    fetch_per_day: dict[str, int] = Field(
        default_factory=dict,
        description='requests a day to a tool where its plan allows other than usual, such as {"surveymonkey": 9000}',
    )

    @property
    def fetch_timeout(self) -> timedelta:
        """For each answer of a vendor's API."""
        return timedelta(seconds=self.fetch_timeout_seconds)

    link_key: str | None = Field(
        default=None, repr=False, min_length=16, description="from which the tokens of personal links are made; keep it"
    )

    def secret(self, secret_env: str) -> str | None:
        """The secret (or, while it is changed, several divided by commas or line breaks) that a connection's variable
        holds; None if it is not set.
        """
        return os.environ.get(secret_env) or None

    def api_key(self, secret_env: str) -> str | None:
        """The token for a vendor's own API, from the connection's variable with `_TOKEN` after it."""
        return os.environ.get(f"{secret_env}_TOKEN") or None
