"""The door of webhooks: plain ASGI, because every request passes here and most of a framework's work is not needed.

In the order of what is cheap to refuse: the body's size, the connection, the signature; then room, then the commit.
"""

import time

import structlog
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from services.intake import store
from services.intake.accepting import Directory, Full, GroupCommit, Pressure, PublicKeys, Unanswered
from services.intake.commands import TurnedAway, judged
from services.intake.core.submission import RawRequest
from services.intake.core.text import is_id
from services.intake.core.vendor import Refusal, Reply
from services.intake.http.answers import AWAY, DISK_LOW, Answer, later, problem
from services.intake.http.bodies import TooLarge, body_of
from services.intake.settings import IntakeSettings
from services.intake.vendors import Vendors
from shared.db import DatabaseUnavailable
from shared.ids import CorrelationId
from shared.observing import Answer as Told
from shared.observing import WebhookAnswered, tell

log = structlog.get_logger()

PREFIX = "/webhooks"
LARGE = 256 * 1024
"""Bytes of a body from which on hashing and parsing take long enough to be done beside the event loop."""
UNKNOWN = "unknown"


class WebhookDoor:
    """Takes webhooks, as an ASGI application."""

    def __init__(
        self,
        settings: IntakeSettings,
        vendors: Vendors,
        directory: Directory,
        commit: GroupCommit,
        pressure: Pressure,
        keys: PublicKeys,
    ) -> None:
        self._settings = settings
        self._vendors = vendors
        self._directory = directory
        self._commit = commit
        self._pressure = pressure
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and tell how."""
        started = time.perf_counter()
        visit = _Visit()
        answer = await self._answer(visit, scope, receive)
        await answer.sent(send)
        tell(WebhookAnswered(visit.vendor, _told(visit, answer), time.perf_counter() - started, visit.correlation))

    async def _answer(self, visit: "_Visit", scope: Scope, receive: Receive) -> Answer:
        try:
            return await self._considered(visit, scope, receive)
        except TooLarge as error:
            return problem(413, str(error), (("Connection", "close"),))
        except ClientDisconnect:
            return problem(400, "the body did not arrive whole")
        except (DatabaseUnavailable, Unanswered) as error:
            log.error("database.unavailable", error=type(error).__name__)  # noqa: TRY400  (it says all)
            return later(AWAY)
        except Full as error:
            return later(f"{error}; send it again later", after_s=5)
        except Exception as error:  # noqa: BLE001  (a sender gets an answer, whatever happens)
            log.error("request.failed", error=type(error).__name__)  # noqa: TRY400  (its text may quote a body)
            return problem(500, "this went wrong on our side; send it again later")

    async def _considered(self, visit: "_Visit", scope: Scope, receive: Receive) -> Answer:
        body = await body_of(scope, receive, self._settings.webhook_max_bytes)
        name, _, rest = scope["path"][len(PREFIX) + 1 :].partition("/")
        headers = tuple([(key.decode("latin-1"), value.decode("latin-1")) for key, value in scope["headers"]])
        request = RawRequest(body, headers, scope["method"], rest, scope["query_string"].decode("latin-1"))
        route = await self._directory.find(name) if is_id(name) else None
        if route is not None and route.vendor in self._vendors:
            visit.vendor = route.vendor
        outcome = await self._outcome(name, route, request)
        if isinstance(outcome, Reply):
            visit.replied = True
            return Answer(outcome.status, outcome.body, outcome.headers)
        if isinstance(outcome, TurnedAway):
            return self._turned_away(outcome)
        return await self._taken(visit, outcome)

    async def _outcome(
        self, name: str, route: store.Route | None, request: RawRequest
    ) -> store.Arrival | TurnedAway | Reply:
        vendor = self._vendors.get(route.vendor) if route else None
        url = vendor.keys_url if vendor else None
        keys = await self._keys.of(url) if url else ""
        outcome = await self._judged(name, route, request, keys)
        if url and isinstance(outcome, TurnedAway) and outcome.reason == Refusal.JWT_UNKNOWN_KEY:
            renewed = await self._keys.renewed(url)
            return outcome if renewed == keys else await self._judged(name, route, request, renewed)
        return outcome

    async def _judged(
        self, name: str, route: store.Route | None, request: RawRequest, keys: str
    ) -> store.Arrival | TurnedAway | Reply:
        ours = (self._settings, name, route, request, self._vendors, keys)
        return judged(*ours) if len(request.body) < LARGE else await run_in_threadpool(judged, *ours)

    def _turned_away(self, refusal: TurnedAway) -> Answer:
        self._commit.turned_away(refusal)
        if refusal.ours:
            return later("this connection can't be verified at present; send it again later")
        if refusal.reason == Refusal.NOT_A_POST:
            return problem(405, "webhooks are sent by POST", (("Allow", "POST"),))
        return problem(401, "the signature is not valid for this connection, or there is no such connection")

    async def _taken(self, visit: "_Visit", arrival: store.Arrival) -> Answer:
        if self._pressure.disk_low:
            return later(DISK_LOW)
        taken = await self._commit.commit(arrival)
        visit.new = taken.new
        visit.correlation = arrival.cause.correlation if taken.new else None
        status = "accepted" if taken.new else "duplicate"
        return Answer(200, f'{{"status":"{status}","submission":"{taken.submission}"}}'.encode())


class _Visit:
    """What is known of a request by the time it is answered."""

    __slots__ = ("correlation", "new", "replied", "vendor")

    def __init__(self) -> None:
        self.vendor = UNKNOWN
        self.replied = False
        self.new: bool | None = None
        self.correlation: CorrelationId | None = None


def _told(visit: _Visit, answer: Answer) -> Told:
    """The answer in a word."""
    if visit.replied:
        return Told.REPLIED
    if visit.new is not None:
        return Told.ACCEPTED if visit.new else Told.DUPLICATE
    if answer.status < 500:
        return Told.REFUSED
    return Told.UNAVAILABLE if answer.status == 503 else Told.FAILED
