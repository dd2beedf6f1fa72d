"""Answers: plain values that know how to be sent; and every error as JSON with `detail`, in our own words."""

import json
from dataclasses import dataclass

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as AnyHttpError
from starlette.requests import ClientDisconnect
from starlette.types import Send

from services.intake.commands import Refused
from services.intake.core.grid import Mistake
from services.intake.http.bodies import TooLarge
from shared.db import DatabaseUnavailable
from shared.errors import UnknownCohort

log = structlog.get_logger()

AWAY = "the database is away; send it again later"
DISK_LOW = "the disk is nearly full, and nothing more is taken until there is room; send it again later"
JSON = ("Content-Type", "application/json")
ONLY_JSON = (JSON,)
JSON_SENT = (b"content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. Without a content type of its own its body is JSON."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ONLY_JSON

    async def sent(self, send: Send) -> None:
        """Send it, as ASGI has it."""
        length = (b"content-length", b"%d" % len(self.body))
        headers = [length, JSON_SENT] if self.headers is ONLY_JSON else [length, *map(_encoded, self.headers)]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})

    def response(self) -> Response:
        """The same for FastAPI."""
        return Response(self.body, self.status, dict(self.headers))


def _encoded(header: tuple[str, str]) -> tuple[bytes, bytes]:
    name, value = header
    return name.lower().encode("latin-1"), value.encode("latin-1")


def problem(status: int, detail: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """A refusal, or a fault of ours, in words."""
    return Answer(status, json.dumps({"detail": detail}, ensure_ascii=False).encode(), (JSON, *headers))


def later(detail: str, *, after_s: int = 60, status: int = 503) -> Answer:
    """It can't be taken at present: the sender comes again after `after_s` seconds."""
    return problem(status, detail, (("Retry-After", str(after_s)),))


def answer_errors(door: FastAPI) -> None:
    """Have a FastAPI application answer errors like this."""

    @door.exception_handler(AnyHttpError)
    async def known(_: Request, error: AnyHttpError) -> Response:
        return problem(error.status_code, str(error.detail), tuple((error.headers or {}).items())).response()

    @door.exception_handler(DatabaseUnavailable)
    async def away(_: Request, __: DatabaseUnavailable) -> Response:
        log.error("database.unavailable")
        return later(AWAY).response()

    @door.exception_handler(UnknownCohort)
    async def unknown_cohort(_: Request, error: UnknownCohort) -> Response:
        return problem(404, str(error)).response()

    @door.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> Response:
        mistakes = [_mistake(mistake) for mistake in error.mistakes]
        return JSONResponse({"detail": str(error), "mistakes": mistakes}, 422)

    @door.exception_handler(TooLarge)
    async def too_large(_: Request, error: TooLarge) -> Response:
        return problem(413, str(error), (("Connection", "close"),)).response()

    @door.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> Response:
        return problem(400, "the body did not arrive whole").response()

    @door.exception_handler(Exception)
    async def unforeseen(_: Request, error: Exception) -> Response:
        log.error("request.failed", error=type(error).__name__)
        return problem(500, "this went wrong on our side; send it again later").response()


def _mistake(mistake: Mistake) -> dict[str, str | int | None]:
    return {
        "sheet": mistake.sheet,
        "row": mistake.row,
        "column": mistake.column,
        "value": mistake.value,
        "reason": mistake.reason,
    }
