"""Stand-ins for survey tools' APIs, which can be told to fail. `tool_apis` are well behaved, `hostile_api` is not.

A stand-in answers in this process (`transport`), or for any program on this machine as a proxy that holds certificates
for the tools' hosts (`SurveyTools`): with `environment` set, https requests to them end here.
"""

import json
import socketserver
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TOKEN = "api-token-hush"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as a tool sees it."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.url).path)

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.url).query))

    def json(self) -> Any:
        return json.loads(self.body)


Answer = tuple[int, dict[str, str], Any]
"""Status, headers, and what is sent: bytes as they are, anything else as JSON."""


class Tool:
    """A tool's API. `asked` is what it was asked; `failures` are given first, one a request."""

    host = ""

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that it is."""
        return frozenset({self.host})

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.failures: deque[Answer] = deque()
        self.lock = threading.Lock()
        self.before: Callable[[Asked], None] = lambda _: None

    def __call__(self, request: Asked) -> Answer:
        self.before(request)
        with self.lock:
            self.asked.append(request)
            if self.failures:
                return self.failures.popleft()
            if not self.knows(request):
                return 401, {}, {"code": "AUTHENTICATION_FAILED"}
            return self.answer(request)

    def knows(self, request: Asked) -> bool:
        """Whether whoever asks has the token."""
        return TOKEN in str(request.headers)

    def answer(self, request: Asked) -> Answer:
        raise NotImplementedError

    def talk(self, connection: "Connection") -> None:
        """Answer one request of a real connection."""
        body = connection.rfile.read(int(connection.headers.get("Content-Length") or 0))
        headers = {key.lower(): value for key, value in connection.headers.items()}
        url = f"https://{connection.host}{connection.path}"
        status, more, said = self(Asked(connection.command, url, headers, body))
        connection.say(status, sent(said), more)

    @property
    def transport(self) -> httpx.MockTransport:
        """The tool in this process."""

        def answered(request: httpx.Request) -> httpx.Response:
            headers = {key.lower(): value for key, value in request.headers.items()}
            status, more, said = self(Asked(request.method, str(request.url), headers, request.content))
            return httpx.Response(status, headers=more, content=sent(said))

        return httpx.MockTransport(answered)


def sent(said: Any) -> bytes:
    return said if isinstance(said, bytes) else b"" if said is None else json.dumps(said).encode()


@dataclass
class SurveyTools:
    """A proxy behind which the tools' hosts are. `environment` leads httpx (and so every process of ours) here."""

    tools: Sequence[Tool]
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def running(self) -> Iterator["SurveyTools"]:
        chain = certificate(self.folder, [host for tool in self.tools for host in sorted(tool.hosts)])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        server = _Proxy({host: tool for tool in self.tools for host in tool.hosts}, context)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        self.environment = {
            "HTTPS_PROXY": f"http://127.0.0.1:{server.server_address[1]}",
            "NO_PROXY": "127.0.0.1,localhost",
            "SSL_CERT_FILE": str(chain),
        }
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Proxy(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, tools: dict[str, Tool], context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.tools = tools
        self.context = context

    def handle_error(self, *_: object) -> None:
        """A client that goes away in mid-talk is none of our business."""


class Connection(BaseHTTPRequestHandler):
    """One connection: CONNECT to a host, then TLS, then requests."""

    protocol_version = "HTTP/1.1"
    server: _Proxy
    tool: Tool | None = None
    host = ""

    def do_CONNECT(self) -> None:
        self.host = self.path.partition(":")[0]
        self.tool = self.server.tools.get(self.host)
        if self.tool is None:
            self.send_error(502)
            return
        self.send_response(200)
        self.end_headers()
        self.rfile.close()
        self.wfile.close()
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)

    def say(self, status: int, body: bytes = b"", headers: Mapping[str, str] = MappingProxyType({})) -> None:
        """A whole answer."""
        self.begin(status, {"Content-Length": str(len(body)), **headers})
        self.wfile.write(body)

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """The head of an answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _answered(self) -> None:
        assert self.tool is not None
        self.tool.talk(self)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answered  # noqa: N815  (the base class calls these)

    def finish(self) -> None:
        """The talk is over: the connection inside TLS is ours to close."""
        super().finish()
        if self.tool is not None:
            self.connection.close()

    def log_message(self, *_: object) -> None:
        """Tests read what is logged."""


def certificate(folder: Path, hosts: Sequence[str]) -> Path:
    """A certificate for these hosts that vouches for itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in survey tools")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "survey-tools.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + pem)
    return path
