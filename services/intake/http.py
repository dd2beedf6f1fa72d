"""The web door: webhooks from survey tools, files and runs from coordinators, and the two questions of a supervisor.

A 2xx to a webhook means: it is stored, whatever happens next. Under `/webhooks` nobody ever sees 404 or 410, because
some vendors switch a webhook off for good when they do; what can't be taken now is answered 503, and sent again.
"""

import hmac
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

import structlog
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException as AnyHttpError
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from services.intake import commands, store
from services.intake.commands import Accepted, Refused, Taken, TurnedAway
from services.intake.core.grid import Mistake
from services.intake.core.submission import RawRequest
from services.intake.core.text import is_id, shown
from services.intake.core.vendor import Refusal, Reply
from services.intake.settings import IntakeSettings
from services.intake.vendors import VENDORS, Vendors
from shared.cohort.store import definition_of
from shared.db import Cause, Database, DatabaseUnavailable
from shared.errors import UnknownCohort
from shared.ids import CohortId, CorrelationId, RunId, new_id

log = structlog.get_logger()

R = TypeVar("R")

ANY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
RETRY_AFTER_S = "60"
MULTIPART_ROOM = 64 * 1024
"""Bytes that a multipart body may have beyond the file itself."""


def app(db: Database, settings: IntakeSettings, vendors: Vendors = VENDORS) -> FastAPI:
    """The web door as an ASGI application on one database."""
    door = FastAPI(title="talentline", docs_url=None, redoc_url=None, openapi_url=None)
    _answer_errors(door)
    _webhooks(door, db, settings, vendors)
    _commands(door, db, settings)
    _supervision(door, db)
    return door


def _webhooks(door: FastAPI, db: Database, settings: IntakeSettings, vendors: Vendors) -> None:
    def taken(name: str, request: RawRequest) -> Taken | TurnedAway | Reply:
        with db.write() as uow:
            return commands.accept_webhook(uow, settings, name, request, vendors)

    @door.api_route("/webhooks", methods=ANY_METHOD)
    @door.api_route("/webhooks/{address:path}", methods=ANY_METHOD)
    async def webhook(request: Request, address: str = "") -> Response:
        """Take one webhook for the connection that the address names."""
        body = await _body(request, settings.webhook_max_bytes)
        name, _, rest = address.partition("/")
        raw = RawRequest(body, tuple(request.headers.items()), request.method, rest, request.url.query)
        return _answer(await run_in_threadpool(taken, name, raw))


def _answer(outcome: Taken | TurnedAway | Reply) -> Response:
    """The HTTP answer to a webhook."""
    if isinstance(outcome, Reply):
        return Response(outcome.body, outcome.status, dict(outcome.headers))
    if isinstance(outcome, Taken):
        status = "accepted" if outcome.new else "duplicate"
        return JSONResponse({"status": status, "submission": outcome.submission})
    if outcome.ours:
        return _later("this connection can't be verified at present; send it again later")
    if outcome.reason == Refusal.NOT_A_POST:
        return _problem(405, "webhooks are sent by POST", {"Allow": "POST"})
    return _problem(401, "the signature is not valid for this connection, or there is no such connection")


def _commands(door: FastAPI, db: Database, settings: IntakeSettings) -> None:
    authorised = [Depends(_bearer(settings))]

    def submitted(cohort: CohortId, name: str, content: bytes) -> Accepted:
        with db.write() as uow:
            definition = definition_of(uow.connection, cohort)
            return commands.submit_file(uow, definition, name, content, actor="api", settings=settings)

    @door.post("/cohorts/{cohort}/submissions", dependencies=authorised)
    async def submit(cohort: str, request: Request) -> Response:
        """Take one file of score sheets or marks, as multipart/form-data."""
        name, content = await _file(request, settings.upload_max_bytes)
        accepted = await run_in_threadpool(submitted, _cohort(cohort), name, content)
        said = {
            "submission": accepted.submission,
            "kind": accepted.kind,
            "new": accepted.new,
            "summary": accepted.summary,
        }
        return JSONResponse(said, 202 if accepted.new else 200)

    @door.post("/cohorts/{cohort}/runs", dependencies=authorised)
    def run(cohort: str) -> Response:
        """Ask for a run: every case is looked at again, and the cohort's gap table is written."""
        requested = RunId(new_id())
        with db.write(Cause(CorrelationId(requested))) as uow:
            commands.request_run(uow, _cohort(cohort), requested, actor="api")
        return JSONResponse({"run": requested}, 202)


def _cohort(sent: str) -> CohortId:
    """The id that an address names. Raises UnknownCohort for what can be none."""
    if not is_id(sent):
        raise UnknownCohort(shown(sent))
    return CohortId(sent)


def _supervision(door: FastAPI, db: Database) -> None:
    @door.get("/healthz")
    def healthz() -> dict[str, str]:
        """The process is there."""
        return {"status": "ok"}

    @door.get("/readyz")
    def readyz() -> dict[str, str]:
        """The process can take submissions: the database answers."""
        with db.read() as connection:
            store.is_reachable(connection)
        return {"status": "ready"}


def _bearer(settings: IntakeSettings) -> Callable[[Request], None]:
    def check(request: Request) -> None:
        if not settings.api_token:
            raise HTTPException(503, "this door is closed until TALENTLINE_API_TOKEN is set for the web process")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        good = hmac.compare_digest(token.strip().encode(), settings.api_token.encode())
        if not (good and scheme.lower() == "bearer"):
            raise HTTPException(401, "a valid bearer token is needed", {"WWW-Authenticate": "Bearer"})

    return check


async def _chunks(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """The body as it arrives; stops reading when it is larger than `limit` bytes. Raises HTTPException (413)."""
    declared = request.headers.get("content-length", "")
    size = 0
    too_large = HTTPException(413, f"the body is larger than {limit} bytes", {"Connection": "close"})
    if declared.isdecimal() and int(declared[:19]) > limit:
        raise too_large
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large
        yield chunk


async def _body(request: Request, limit: int) -> bytes:
    return b"".join([chunk async for chunk in _chunks(request, limit)])


async def _file(request: Request, limit: int) -> tuple[str, bytes]:
    """The one file of a multipart body: its name and its bytes. Raises HTTPException."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise HTTPException(415, "send the file as multipart/form-data, such as `curl --form file=@A-01.xlsx …`")
    parser = MultiPartParser(request.headers, _chunks(request, limit + MULTIPART_ROOM), max_files=2, max_fields=20)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError):
        raise HTTPException(400, "the multipart body can't be read; send one file") from None
    try:
        sent = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        if len(sent) != 1:
            raise HTTPException(400, f"send exactly one file a request, not {len(sent)}")
        content = await sent[0].read()
        if len(content) > limit:
            raise HTTPException(413, f"the file is larger than {limit} bytes")
        return sent[0].filename or "", content
    finally:
        await form.close()


def _answer_errors(door: FastAPI) -> None:
    """Every error as JSON with `detail`, in our own words."""

    @door.exception_handler(AnyHttpError)
    async def known(_: Request, error: AnyHttpError) -> Response:
        return _problem(error.status_code, str(error.detail), dict(error.headers or {}))

    @door.exception_handler(DatabaseUnavailable)
    async def away(_: Request, __: DatabaseUnavailable) -> Response:
        log.error("database.unavailable")
        return _later("the database is away; send it again later")

    @door.exception_handler(UnknownCohort)
    async def unknown_cohort(_: Request, error: UnknownCohort) -> Response:
        return _problem(404, str(error))

    @door.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> Response:
        mistakes = [_mistake(mistake) for mistake in error.mistakes]
        return JSONResponse({"detail": str(error), "mistakes": mistakes}, 422)

    @door.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> Response:
        return _problem(400, "the body did not arrive whole")

    @door.exception_handler(Exception)
    async def unforeseen(_: Request, error: Exception) -> Response:
        log.error("request.failed", error=type(error).__name__)
        return _problem(500, "this went wrong on our side; send it again later")


def _mistake(mistake: Mistake) -> dict[str, str | int | None]:
    return {
        "sheet": mistake.sheet,
        "row": mistake.row,
        "column": mistake.column,
        "value": mistake.value,
        "reason": mistake.reason,
    }


def _later(detail: str) -> Response:
    return _problem(503, detail, {"Retry-After": RETRY_AFTER_S})


def _problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"detail": detail}, status, headers)
