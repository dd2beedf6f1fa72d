"""What the fork server imports once, so that a role started from it begins at once."""

from deploy import web, worker
from deploy.cli import main
from services.intake import handlers as intake
from services.reporting import handlers as reporting
from services.scoring import handlers as scoring
from tests.chaos import launch

__all__ = ["intake", "launch", "main", "reporting", "scoring", "web", "worker"]
