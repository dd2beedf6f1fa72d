"""The page on which a process shows its metrics."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import CollectorRegistry, start_http_server

log = structlog.get_logger()


@contextmanager
def shown(registry: CollectorRegistry, host: str, port: int) -> Iterator[None]:
    """Serve `http://host:port/metrics` while the block runs. Port 0: nothing is served.

    Nor is it where the port is taken: metrics never keep a process from its work.
    """
    try:
        server, thread = start_http_server(port, host, registry) if port else (None, None)
    except OSError as error:
        log.warning("metrics.port_taken", host=host, port=port, reason=error.strerror)
        server, thread = None, None
    try:
        yield
    finally:
        if server is not None and thread is not None:
            server.shutdown()
            server.server_close()
            thread.join(timeout=5)
