"""A receiver of traces: what an OpenTelemetry collector is to the program, keeping every span that comes."""

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Span:
    """A span as it came. Ids are hex; `parent` is empty for a root; `process` is the sender's process id."""

    trace: str
    id: str
    parent: str
    name: str
    service: str
    process: int
    attributes: dict[str, str | int]
    error: str | None


class OtlpReceiver:
    """Listens on a port of its own while the block runs. `url` is its address, `spans` what came."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.bodies.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def spans(self) -> list[Span]:
        """Every span so far."""
        return [span for body in list(self.bodies) for span in _spans(body)]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def _spans(body: bytes) -> list[Span]:
    request = ExportTraceServiceRequest.FromString(body)
    found = []
    for resource in request.resource_spans:
        whose = {each.key: each.value for each in resource.resource.attributes}
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            values = {each.key: each.value.string_value or each.value.int_value for each in span.attributes}
            found.append(
                Span(
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    name=span.name,
                    service=whose["service.name"].string_value,
                    process=whose["process.pid"].int_value,
                    attributes=values,
                    error=span.status.message if span.status.code == span.status.STATUS_CODE_ERROR else None,
                )
            )
    return found
