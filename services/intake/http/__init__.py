"""The web door: webhooks from survey tools, files and runs from coordinators, and the questions of a supervisor.

A 2xx to a webhook means: it is stored, whatever happens next. Under `/webhooks` nobody ever sees 404 or 410, because
some vendors switch a webhook off for good when they do; what can't be taken now is answered 503, and sent again.

Webhooks come by the thousand, so they have a door of their own (`webhooks`), without routing; FastAPI has the rest.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from services.intake.accepting import Directory, GroupCommit, Pressure, PublicKeys
from services.intake.http import coordinators, openapi, supervision
from services.intake.http.answers import answer_errors
from services.intake.http.webhooks import PREFIX, WebhookDoor
from services.intake.settings import IntakeSettings
from services.intake.vendors import VENDORS, Vendors
from shared.db import Database
from shared.http_client import HttpClient

MOST_WAITING_BYTES = 64 * 2**20
KEYS_WITHIN = timedelta(seconds=5)
"""A sender waits while the public keys of its platform are fetched."""
KEYS_MAX_BYTES = 256 * 1024


class Door:
    """The web door as an ASGI application. At its shutdown what is in hand is committed."""

    def __init__(self, webhooks: WebhookDoor, rest: FastAPI, commit: GroupCommit) -> None:
        self._webhooks = webhooks
        self._rest = rest
        self._commit = commit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request."""
        if (
            scope["type"] == "http"
            and scope["path"].startswith(PREFIX)
            and scope["path"][len(PREFIX) :][:1] in {"", "/"}
        ):
            await self._webhooks(scope, receive, send)
        else:
            await self._rest(scope, receive, send)

    def close(self) -> None:
        """Commit what is in hand, and take no webhooks any more."""
        self._commit.close()


def app(db: Database, settings: IntakeSettings, vendors: Vendors = VENDORS, client: HttpClient | None = None) -> Door:
    """The web door on one database. `client` fetches public keys."""
    client = client or HttpClient(timeout=KEYS_WITHIN, max_bytes=KEYS_MAX_BYTES)
    commit = GroupCommit(db, most_waiting=settings.webhooks_waiting_max, most_bytes=MOST_WAITING_BYTES)
    pressure = Pressure(db, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        yield
        await run_in_threadpool(commit.close)

    rest = FastAPI(title="talentline", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    answer_errors(rest)
    coordinators.routes(rest, db, settings, pressure)
    supervision.routes(rest, db, commit, pressure)
    openapi.routes(rest)
    webhooks = WebhookDoor(settings, vendors, Directory(db), commit, pressure, PublicKeys(client))
    return Door(webhooks, rest, commit)
