"""Webhooks: whether a request comes from whom it should, and taking it."""

from dataclasses import dataclass

import structlog

from services.intake import store
from services.intake.commands.taking import Taken, take
from services.intake.core.door import OURS, judge
from services.intake.core.polling import from_outside
from services.intake.core.submission import RawRequest, SubmissionKind, delivery_key
from services.intake.core.text import is_id
from services.intake.core.vendor import Refusal, Refused, Reply, Secrets
from services.intake.settings import IntakeSettings
from services.intake.vendors import VENDORS, Vendors
from shared import clock
from shared.db import UnitOfWork, first_cause
from shared.ids import SubmissionId, new_id

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """A webhook was not stored. `ours`: the fault is on this side, and the sender should try again later.

    `counted_under`: the connection that it counts for; None for what need not be counted.
    """

    reason: str
    ours: bool = False
    counted_under: str | None = None


def judged(
    settings: IntakeSettings,
    name: str,
    route: store.Route | None,
    request: RawRequest,
    vendors: Vendors = VENDORS,
    keys: str = "",
) -> store.Arrival | TurnedAway | Reply:
    """What a request to the connection `name` is: an arrival to store, once its signature is verified; one to turn
    away; or a vendor's question whether anybody is there, with its answer. It asks no database. `keys` are the public
    ones of a sender that signs with its own (`Vendor.keys_url`).
    """
    if route is None:
        return TurnedAway(Refusal.UNKNOWN_CONNECTION, counted_under=store.EVERY_UNKNOWN)
    known = vendors.get(route.vendor)
    if known is None:
        return TurnedAway(Refusal.UNKNOWN_VENDOR, ours=True, counted_under=name)
    vendor = known.configured(route.settings)
    secrets = Secrets(settings.secret(route.secret_env) or "", keys)
    now = clock.now()
    verdict = judge(vendor, request, secrets, now)
    if isinstance(verdict, Reply):
        return verdict
    if isinstance(verdict, Refused):
        return _turned_away(verdict.reason, name, route)
    request = from_outside(request)
    sha256 = request.sha256
    return store.Arrival(
        id=SubmissionId(new_id()),
        cohort=route.cohort,
        connection=name,
        kind=SubmissionKind.WEBHOOK,
        delivery_key=new_id() if vendor.each_is_new else delivery_key(vendor.delivery_id(request), sha256),
        request=request,
        sha256=sha256,
        received_at=now,
        cause=first_cause(),
    )


def _turned_away(reason: str, name: str, route: store.Route) -> TurnedAway:
    if reason == Refusal.NOT_A_POST:
        return TurnedAway(reason)
    if reason == Refusal.SECRET_NOT_SET:
        log.error("webhook.secret_not_set", connection=name, variable=route.secret_env)
    return TurnedAway(reason, ours=reason in OURS, counted_under=name)


def accept_webhook(
    uow: UnitOfWork, settings: IntakeSettings, name: str, request: RawRequest, vendors: Vendors = VENDORS
) -> Taken | TurnedAway | Reply:
    """Verify one request, store it raw and publish SubmissionReceived, in one transaction: what the door does with many
    in `accepting`, for callers that have one and a transaction.
    """
    route = store.route_of(uow.connection, name) if is_id(name) else None
    outcome = judged(settings, name, route, request, vendors)
    if isinstance(outcome, TurnedAway) and outcome.counted_under is not None:
        now = clock.now()
        store.count_refusals(uow, {(outcome.counted_under, outcome.reason, now.date()): (1, now)})
    if not isinstance(outcome, store.Arrival):
        return outcome
    (taken,) = take(uow, [outcome])
    if not taken.new:
        store.count_repeats(uow, {taken.submission: (1, outcome.received_at)})
    return taken
