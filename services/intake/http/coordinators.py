"""What coordinators ask for over HTTP, with a token: to take a file, to run a cohort."""

import hmac
import time
from collections.abc import Callable

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from services.intake import commands
from services.intake.accepting import Pressure
from services.intake.commands import Accepted
from services.intake.core.text import is_id, shown
from services.intake.http.answers import DISK_LOW
from services.intake.http.bodies import chunks_of
from services.intake.settings import IntakeSettings
from shared.cohort.store import definition_of
from shared.db import Cause, Database
from shared.errors import UnknownCohort
from shared.ids import CohortId, CorrelationId, RunId, new_id
from shared.observing import Requested, tell

MULTIPART_ROOM = 64 * 1024
"""Bytes that a multipart body may have beyond the file itself."""
RETRY = {"Retry-After": "60"}
BEHIND = "the workers are behind with what was taken before; send it again later"


def routes(door: FastAPI, db: Database, settings: IntakeSettings, pressure: Pressure) -> None:
    """Add the routes to a door."""
    authorised = [Depends(_bearer(settings)), Depends(_room(pressure))]

    def submitted(cohort: CohortId, name: str, content: bytes) -> Accepted:
        began = time.perf_counter()
        with db.write() as uow:
            definition = definition_of(uow.connection, cohort)
            accepted = commands.submit_file(uow, definition, name, content, actor="api", settings=settings)
        if accepted.new:
            tell(Requested("upload", time.perf_counter() - began, uow.cause.correlation))
        return accepted

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
        requested, began = RunId(new_id()), time.perf_counter()
        with db.write(Cause(CorrelationId(requested))) as uow:
            commands.request_run(uow, _cohort(cohort), requested, actor="api")
        tell(Requested("run", time.perf_counter() - began, CorrelationId(requested)))
        return JSONResponse({"run": requested}, 202)


def _cohort(sent: str) -> CohortId:
    """The id that an address names. Raises UnknownCohort for what can be none."""
    if not is_id(sent):
        raise UnknownCohort(shown(sent))
    return CohortId(sent)


def _bearer(settings: IntakeSettings) -> Callable[[Request], None]:
    def check(request: Request) -> None:
        if not settings.api_token:
            raise HTTPException(503, "this door is closed until TALENTLINE_API_TOKEN is set for the web process")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        good = hmac.compare_digest(token.strip().encode(), settings.api_token.encode())
        if not (good and scheme.lower() == "bearer"):
            raise HTTPException(401, "a valid bearer token is needed", {"WWW-Authenticate": "Bearer"})

    return check


def _room(pressure: Pressure) -> Callable[[], None]:
    def check() -> None:
        if pressure.disk_low:
            raise HTTPException(507, DISK_LOW, RETRY)
        if pressure.overdue():
            raise HTTPException(503, BEHIND, RETRY)

    return check


async def _file(request: Request, limit: int) -> tuple[str, bytes]:
    """The one file of a multipart body: its name and its bytes. Raises HTTPException and TooLarge."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise HTTPException(415, "send the file as multipart/form-data, such as `curl --form file=@A-01.xlsx …`")
    chunks = chunks_of(request.scope, request.receive, limit + MULTIPART_ROOM)
    parser = MultiPartParser(request.headers, chunks, max_files=2, max_fields=20)
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
