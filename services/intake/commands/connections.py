"""What people ask of a connection: to be registered at its tool, to be asked for what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.intake import store
from services.intake.asking import ask_for, have_renewed, places_of, registered
from services.intake.core.polling import Polled, Poller
from services.intake.core.registering import Guide, Registered, Registrar, Steps, Wanted
from services.intake.core.vendor import Secrets, Vendor
from services.intake.settings import IntakeSettings
from services.intake.vendors import VENDORS, Vendors
from shared.cohort.definition import CohortDefinition
from shared.cohort.store import definition_of
from shared.db import UnitOfWork
from shared.errors import PermanentError
from shared.http_client import HttpClient
from shared.ids import CohortId
from shared.outbox import audited


class UnknownConnection(PermanentError):
    """The cohort has no such connection."""

    def __init__(self, cohort: str, name: str, known: Sequence[str]) -> None:
        there = ", ".join(known) or "it has none"
        super().__init__(f"cohort {cohort} has no connection {name} ({there}); `talentline connection list` shows all")


class CantBeAsked(PermanentError):
    """Nothing can be asked of this connection's tool."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection of a cohort with its vendor as it is configured, and what the environment holds for it."""

    cohort: CohortId
    name: str
    vendor_name: str
    vendor: Vendor
    secret_env: str
    secrets: Secrets
    token: str | None = field(repr=False)
    forms: tuple[str, ...]
    """Those that are mapped."""

    @property
    def needs_secret(self) -> bool:
        """Whether its deliveries are proven by a secret: not where nothing is sent."""
        return not isinstance(self.vendor, Polled)

    def wanted(self, base: str, form: str, *, anew: bool = False) -> Wanted:
        """The webhook that a form of it needs; `base` is the web door's address."""
        return Wanted(self.name, f"{base}/webhooks/{self.name}", form, self.secrets, anew)


def connected(
    settings: IntakeSettings, definition: CohortDefinition, name: str, vendors: Vendors = VENDORS
) -> Connected:
    """A cohort's connection. Raises UnknownConnection."""
    connection = definition.connections.get(name)
    if connection is None or connection.vendor not in vendors:
        raise UnknownConnection(definition.cohort, name, sorted(definition.connections))
    return Connected(
        cohort=CohortId(definition.cohort),
        name=name,
        vendor_name=connection.vendor,
        vendor=vendors[connection.vendor].configured(connection.settings),
        secret_env=connection.secret_env,
        secrets=Secrets(settings.secret(connection.secret_env) or ""),
        token=settings.api_key(connection.secret_env),
        forms=tuple(place.form for place in places_of(definition, name)),
    )


def register(client: HttpClient, there: Connected, wanted: Wanted) -> Registered | Steps:
    """Make the webhook at the tool, or say what a person does there. It looks first, and leaves alone what is right.

    Raises:
        Unreadable, NoToken, ApiUnavailable, ApiRefused: it could not be done; nothing is half done but what it says.
    """
    vendor = there.vendor
    if not isinstance(vendor, Registrar):
        return vendor.steps(wanted) if isinstance(vendor, Guide) else Steps((f"Webhook address: {wanted.address}",))
    return registered(client, vendor, vendor, wanted, there.token)


def keep_registered(
    uow: UnitOfWork, there: Connected, wanted: Wanted, made: Registered, *, actor: str
) -> datetime | None:
    """Note that a webhook was made, and have it renewed by workers if the tool ends it by itself; gives when."""
    detail = {"cohort": there.cohort, "form": wanted.form_id, "outcome": str(made.outcome), "until": made.until}
    audited(uow, actor=actor, action="connection.registered", subject=there.name, detail=detail)
    return have_renewed(uow, there.cohort, wanted, made)


def backfill(uow: UnitOfWork, there: Connected, *, since: datetime | None, actor: str) -> None:
    """Have every mapped form of a connection asked for what is new, or for everything since a moment.

    Raises:
        CantBeAsked: the tool has no API for it, or no form is mapped.
    """
    definition = definition_of(uow.connection, there.cohort)
    places = places_of(definition, there.name)
    if not isinstance(there.vendor, Poller):
        raise CantBeAsked(f"{there.vendor_name} can't be asked for responses; export them there and compare the counts")
    if not places:
        raise CantBeAsked(f"no form of {there.name} is mapped; add its fields to programme/form_fields.csv first")
    for place in places:
        if since is not None:
            store.poll_locked(uow, place)
            store.move(uow, place, cursor=there.vendor.starting(since), seen=None, following=None)
        ask_for(uow, place)
    detail = {"cohort": there.cohort, "since": since.isoformat() if since else None}
    audited(uow, actor=actor, action="connection.backfill", subject=there.name, detail=detail)
