"""Who watches a process: metrics on a page of its own, and traces where an exporter is set.

The only package that knows prometheus-client and OpenTelemetry. The program tells facts (`shared.observing`).
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from deploy.composition import Installation
from deploy.telemetry.gauges import Gauges
from deploy.telemetry.metrics import Metrics
from deploy.telemetry.page import shown
from shared.observing import listen
from shared.words import Service

if TYPE_CHECKING:
    from deploy.telemetry.tracing import Tracing

log = structlog.get_logger()


@contextmanager
def watched(installation: Installation, role: str, services: Sequence[Service] = ()) -> Iterator[None]:
    """Watch this process while the block runs. `role`: `web` or `worker`; `services`: those that it works for."""
    metrics, tracing = Metrics(role, services), _tracing()
    if role == "web":
        metrics.registry.register(Gauges(installation.db, installation.settings.data_dir))
    listen(metrics.seen, *([tracing.seen] if tracing else []))
    try:
        with shown(metrics.registry, installation.settings.metrics_host, installation.settings.metrics_port):
            yield
    finally:
        listen()
        if tracing:
            tracing.close()


def _tracing() -> "Tracing | None":
    """Traces by OpenTelemetry's own environment variables; None where no exporter is set."""
    named = any(os.environ.get(f"OTEL_EXPORTER_OTLP_{each}ENDPOINT") for each in ("", "TRACES_"))
    if not named or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        from deploy.telemetry.tracing import Tracing  # noqa: PLC0415
    except ImportError:
        log.warning("tracing.not_installed", cure="pip install 'talentline[tracing]'")
        return None
    return Tracing(OTLPSpanExporter())
