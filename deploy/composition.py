"""The composition root: settings become a database, a doorbell and the handlers of every service.

The only module that knows which handler belongs to which service.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property

from dramatiq.brokers.redis import RedisBroker

from deploy.invariants import CHECKED_BY
from services.intake.settings import IntakeSettings
from services.reporting.settings import ReportingSettings
from services.scoring.settings import ScoringSettings
from shared.broker import Doorbell, broker_for
from shared.db import Database, Ring, silent
from shared.events import InvariantsDue
from shared.handling import Handlers
from shared.invariants.checking import checking
from shared.settings import Settings
from shared.words import Service


class Installation:
    """One installation, as its environment describes it. Connects to nothing before it is asked to."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.intake = IntakeSettings()
        self.scoring = ScoringSettings()
        self.reporting = ReportingSettings()

    @cached_property
    def broker(self) -> RedisBroker | None:
        """The doorbell's broker; None without a queue server."""
        return broker_for(self.settings.redis_url) if self.settings.redis_url else None

    @cached_property
    def ring(self) -> Ring:
        """Rings the workers; silent without a queue server."""
        return Doorbell(self.broker) if self.broker else silent

    @cached_property
    def db(self) -> Database:
        """The database that DATABASE_URL names."""
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        return Database(self.settings.database, self.ring)

    def handlers(self, services: Iterable[Service]) -> Mapping[Service, Handlers]:
        """What each of these services does with each event that it hears."""
        # Only workers need these, and they bring typesetting and statistics along: a listing is there sooner without.
        from services.intake import handlers as intake  # noqa: PLC0415
        from services.reporting import handlers as reporting  # noqa: PLC0415
        from services.scoring import handlers as scoring  # noqa: PLC0415

        makers = {
            Service.INTAKE: lambda: intake.handlers(self.intake),
            Service.SCORING: lambda: scoring.handlers(self.scoring),
            Service.REPORTING: lambda: reporting.handlers(self.reporting),
        }
        return {service: {**makers[service](), **self._checks(service)} for service in services}

    def _checks(self, service: Service) -> Handlers:
        """Every service checks what must always hold in its tables."""
        return {InvariantsDue.name: checking(self.db, CHECKED_BY[service])}
