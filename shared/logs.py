"""Structured logs: constant dotted event names, values as fields, one JSON object a line (or readable at a terminal).

No personal data: ids, counts and our own words only. An exception is logged by type and place, never by its text.
"""

import logging
import sys

import structlog
from structlog.typing import Processor


def configure(level: str, *, role: str, readable: bool | None = None) -> None:
    """Set the process's logging up. `readable` defaults to whether standard error is a terminal."""
    if readable is None:
        readable = sys.stderr.isatty()
    shared_steps: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Processor = structlog.dev.ConsoleRenderer() if readable else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared_steps, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared_steps,
            processors=[_without_exception_text, structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for noisy in ("uvicorn.access", "httpx", "httpcore", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(role=role)


def _without_exception_text(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """A foreign exception may quote what it choked on; keep its type."""
    raised = event.pop("exc_info", None)
    if raised:
        kind = raised[0] if isinstance(raised, tuple) else sys.exc_info()[0] if raised is True else type(raised)
        event["exception"] = getattr(kind, "__name__", str(kind))
    return event
