"""Asking a vendor's API: one request with its placeholders filled in, on the vendor's lane; having a form asked, and
having a webhook made there.

For handlers, which do it for submissions and runs, and for commands, which do it while a person waits.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from services.intake import store
from services.intake.core.polling import OVERLAP, stamped
from services.intake.core.registering import Change, Registered, Registrar, Wanted
from services.intake.core.shapes import moment
from services.intake.core.vendor import SESSION, SINCE, TOKEN, ApiAnswer, RequestNeeded, Vendor
from services.intake.store import Place
from shared import clock
from shared.cohort.definition import CohortDefinition
from shared.db import UnitOfWork
from shared.errors import PermanentError
from shared.events import PageDue, RenewalDue
from shared.http_client import HttpClient
from shared.ids import CohortId, ConnectionName
from shared.lanes import Lane
from shared.outbox import publish
from shared.timers import set_timer

MOST_LOOKS = 20
"""Requests at most before a webhook is made: a list of the tool's, not a crawl."""


SHORTEST = timedelta(hours=2)
"""A webhook that ends sooner, or has ended, is renewed in an hour all the same."""


class NoToken(PermanentError):
    """The vendor's API wants a token, and the connection's variable with _TOKEN after its name is not set."""

    def __init__(self) -> None:
        super().__init__("no token for the tool's API is set; set the connection's variable with _TOKEN after its name")


def asked(
    client: HttpClient, vendor: Vendor, needed: RequestNeeded, token: str | None, since: datetime | None = None
) -> ApiAnswer:
    """The answer of the vendor's API to one request.

    Raises:
        NoToken: the request needs a token, and none is set.
        Unreadable: no session was opened.
        ApiUnavailable, ApiRefused: as HttpClient does.
    """
    if token is None and _wants_token(needed):
        raise NoToken
    session = ""
    if needed.opening is not None:
        session = vendor.session(_answer(client, vendor, needed.opening, token or "", "", since))
    return _answer(client, vendor, needed, token or "", session, since)


def _answer(
    client: HttpClient, vendor: Vendor, needed: RequestNeeded, token: str, session: str, since: datetime | None
) -> ApiAnswer:
    url = needed.url if since is None else needed.url.replace(SINCE, stamped(since - OVERLAP))
    answer = client.request(
        needed.method,
        url.replace(TOKEN, token),
        [(name, value.replace(TOKEN, token)) for name, value in needed.headers],
        _filled(needed, {TOKEN: token, SESSION: session}),
        hosts=vendor.api_hosts,
    )
    return ApiAnswer(answer.body, answer.headers)


def _filled(needed: RequestNeeded, secrets: Mapping[str, str]) -> bytes:
    """The body with what placeholders stand for, spelled as JSON spells it in a string where the body is JSON."""
    body, is_json = needed.body, ("Content-Type", "application/json") in needed.headers
    for place, secret in secrets.items():
        body = body.replace(place.encode(), (json.dumps(secret)[1:-1] if is_json else secret).encode())
    return body


def _wants_token(needed: RequestNeeded) -> bool:
    if needed.opening is not None and _wants_token(needed.opening):
        return True
    return TOKEN in needed.url or TOKEN.encode() in needed.body or any(TOKEN in value for _, value in needed.headers)


def lane_of(vendor: Vendor, name: str, per_day: Mapping[str, int]) -> Lane:
    """The lane of a vendor's API. `per_day` is what this installation may ask of vendors, where that is not what
    everybody may.
    """
    return Lane(f"vendor:{name}", per_minute=vendor.pace.per_minute, per_day=per_day.get(name, vendor.pace.per_day))


def ask_for(uow: UnitOfWork, place: Place) -> None:
    """Have a form asked: a run begins, or goes on from where it is."""
    store.poll_locked(uow, place)
    store.note_asked(uow, place)
    publish(uow, PageDue(cohort=place.cohort, connection=ConnectionName(place.connection), form=place.form))


def places_of(definition: CohortDefinition, name: str) -> list[Place]:
    """The forms of a connection that are mapped: of others nobody asks for responses."""
    forms = sorted({field.form_id for field in definition.form_fields if field.connection == name})
    return [Place(CohortId(definition.cohort), name, form) for form in forms]


def registered(
    client: HttpClient, vendor: Vendor, registrar: Registrar, wanted: Wanted, token: str | None
) -> Registered:
    """Make the webhook at the tool; it looks first, and leaves alone what is right. `registrar` is the same vendor.

    Raises:
        Unreadable, NoToken, ApiUnavailable, ApiRefused: it could not be done; nothing is half done but what it says.
    """
    answers: tuple[ApiAnswer, ...] = ()
    for _ in range(MOST_LOOKS):
        step = registrar.register(wanted, answers)
        if isinstance(step, Registered):
            return step
        if isinstance(step, Change):
            return step.done(asked(client, vendor, step.needed, token))
        answers = (*answers, asked(client, vendor, step, token))
    raise PermanentError("the tool lists too many webhooks; delete there those that nobody needs")


def have_renewed(uow: UnitOfWork, cohort: CohortId, wanted: Wanted, made: Registered) -> datetime | None:
    """Set the timer by which a webhook that the tool ends by itself is renewed: when half of its time is over, so that
    what fails can be tried again or mended. Gives when; None: it does not end.
    """
    ends = moment(made.until)
    if ends is None or ends.tzinfo is None:
        return None
    now = clock.now()
    at = now + max(ends - now, SHORTEST) / 2
    name = ConnectionName(wanted.connection)
    event = RenewalDue(cohort=cohort, connection=name, form=wanted.form_id, address=wanted.address)
    set_timer(uow, f"renewal {cohort} {name} {wanted.form_id}"[:200], at, event)
    return at
