"""Renewing webhooks that their survey tool ends by itself: a timer each, set anew from what the tool says.

What fails is tried again like any delivery, and parked with the tool's words: `talentline connection list` shows it.
"""

from dataclasses import dataclass, field

from services.intake.asking import have_renewed, lane_of, registered
from services.intake.core.errors import Unreadable
from services.intake.core.registering import Registered, Registrar, Wanted
from services.intake.core.vendor import Secrets, Vendor
from services.intake.handlers.backfilling import LATE
from services.intake.settings import IntakeSettings
from services.intake.vendors import Vendors
from shared import clock
from shared.cohort.store import definition_of
from shared.db import UnitOfWork
from shared.errors import PermanentError
from shared.events import RenewalDue
from shared.handling import Commit, Effect, Handlers
from shared.http_client import HttpClient
from shared.lanes import Lane


@dataclass(frozen=True, slots=True)
class Ending:
    """A webhook that is to be renewed."""

    vendor: Vendor
    registrar: Registrar
    vendor_name: str
    wanted: Wanted
    token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Renewal:
    """Renews with the vendors and settings of one installation."""

    settings: IntakeSettings
    vendors: Vendors
    client: HttpClient

    @property
    def handlers(self) -> Handlers:
        """What intake does when a webhook is about to end."""
        return {RenewalDue.name: Effect(begin=self.begin, act=self.act, settle=self.settle, lane=self.lane)}

    def begin(self, uow: UnitOfWork, event: RenewalDue) -> Ending | None:
        """The webhook; None if nobody needs it any more: its connection is gone, or its cohort is long over."""
        definition = definition_of(uow.connection, event.cohort)
        connection = definition.connections.get(event.connection)
        known = self.vendors.get(connection.vendor) if connection else None
        if connection is None or known is None or clock.now() > definition.end_of(definition.closes) + LATE:
            return None
        vendor = known.configured(connection.settings)
        if not isinstance(vendor, Registrar):
            return None
        secrets = Secrets(self.settings.secret(connection.secret_env) or "")
        wanted = Wanted(event.connection, event.address, event.form, secrets)
        return Ending(vendor, vendor, connection.vendor, wanted, self.settings.api_key(connection.secret_env))

    def act(self, ending: Ending, _commit: Commit) -> Registered:
        """Register it again. Raises PermanentError with words for a person, TransientError for what may work later."""
        try:
            return registered(self.client, ending.vendor, ending.registrar, ending.wanted, ending.token)
        except Unreadable as error:
            raise PermanentError(error.reason.words) from None

    def lane(self, ending: Ending) -> Lane:
        """The vendor's."""
        return lane_of(ending.vendor, ending.vendor_name, self.settings.fetch_per_day)

    def settle(self, uow: UnitOfWork, event: RenewalDue, ending: Ending, made: Registered) -> None:
        """Set the timer anew."""
        have_renewed(uow, event.cohort, ending.wanted, made)
