"""The web process: the intake door behind uvicorn."""

import gc
import signal

import structlog
import uvicorn
from starlette.types import ASGIApp

from deploy.composition import Installation
from services.intake.http import app

log = structlog.get_logger()

DRAIN_S = 20
"""How long requests in hand may take after a stop."""
COLLECT_AT = (20_000, 20, 20)
"""Allocations (net) before young objects are collected; and after how many of those the older ones are."""


def serve(installation: Installation) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests in hand."""
    settings = installation.settings
    server = server_for(app(installation.db, installation.intake), settings.http_host, settings.http_port)
    log.info("web.started", address=settings.address)
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, _noted)  # uvicorn raises the signal once more when it has finished
    _collect_rarely()
    server.run()
    installation.db.close()
    log.info("web.stopped")


def server_for(door: ASGIApp, host: str, port: int) -> uvicorn.Server:
    """The server of a door, on uvloop and httptools where they are to be had."""
    return uvicorn.Server(
        uvicorn.Config(
            door,
            host=host,
            port=port,
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,  # nothing here asks who the client is
            timeout_graceful_shutdown=DRAIN_S,
        )
    )


def _collect_rarely() -> None:
    """A full collection of all that a process has imported stops every sender for a tenth of a second, many times a
    minute under load: what is here now stays, so it is left out of collections, and those of the rest are rarer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AT)


def _noted(_signal: int, _frame: object) -> None:
    """The signal has done its work: the server has ended."""
