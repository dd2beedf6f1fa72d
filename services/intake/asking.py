"""Asking a vendor's API: one request with its placeholders filled in, on the vendor's lane; and having a form asked.

For handlers, which do it for submissions and runs, and for commands, which do it while a person waits.
"""

from collections.abc import Mapping
from datetime import datetime

from services.intake import store
from services.intake.core.polling import OVERLAP, stamped
from services.intake.core.vendor import SINCE, TOKEN, ApiAnswer, RequestNeeded, Vendor
from services.intake.store import Place
from shared.cohort.definition import CohortDefinition
from shared.db import UnitOfWork
from shared.errors import PermanentError
from shared.events import PageDue
from shared.http_client import HttpClient
from shared.ids import CohortId, ConnectionName
from shared.lanes import Lane
from shared.outbox import publish


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
        ApiUnavailable, ApiRefused: as HttpClient does.
    """
    if token is None and _wants_token(needed):
        raise NoToken
    url = needed.url if since is None else needed.url.replace(SINCE, stamped(since - OVERLAP))
    answer = client.request(
        needed.method,
        url.replace(TOKEN, token or ""),
        [(name, value.replace(TOKEN, token or "")) for name, value in needed.headers],
        needed.body.replace(TOKEN.encode(), (token or "").encode()),
        hosts=vendor.api_hosts,
    )
    return ApiAnswer(answer.body, answer.headers)


def _wants_token(needed: RequestNeeded) -> bool:
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
