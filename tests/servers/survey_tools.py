"""Stand-ins for survey tools' APIs: they keep webhooks and responses, give pages, and can be told to fail.

A stand-in answers in this process (`transport`), or for any program on this machine as a proxy that holds certificates
for the tools' hosts (`SurveyTools`): with `environment` set, https requests to them end here.
"""

import json
import socketserver
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
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
            if TOKEN not in str(request.headers):
                return 401, {}, {"code": "AUTHENTICATION_FAILED"}
            return self.answer(request)

    def answer(self, request: Asked) -> Answer:
        raise NotImplementedError

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


class TypeformApi(Tool):
    """api.typeform.com: webhooks by tag, responses newest first."""

    host = "api.typeform.com"

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form
        self.hooks: dict[str, dict[str, Any]] = {}
        self.responses: list[dict[str, Any]] = []
        """In any order; each as the API lists it."""
        self.page_size = 1000

    def answer(self, request: Asked) -> Answer:
        base = f"/forms/{self.form}"
        if request.path == f"{base}/webhooks":
            return 200, {}, {"items": [hook | {"secret": None} for hook in self.hooks.values()]}
        if request.path.startswith(f"{base}/webhooks/") and request.method == "PUT":
            tag = request.path.rsplit("/", 1)[1]
            self.hooks[tag] = request.json() | {"tag": tag}
            return 200, {}, self.hooks[tag]
        if request.path == f"{base}/responses":
            return 200, {}, self._page(request.query)
        return 404, {}, {"code": "FORM_NOT_FOUND"}

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        there = sorted(self.responses, key=lambda each: (each["submitted_at"], each["token"]), reverse=True)
        there = [each for each in there if each["submitted_at"] >= query.get("since", "")]
        tokens = [each["token"] for each in there]
        if "before" in query:
            there = there[tokens.index(query["before"]) + 1 :]
        size = min(int(query["page_size"]), self.page_size)
        return {"total_items": len(there), "page_count": -(-len(there) // size), "items": there[:size]}


class SurveyMonkeyApi(Tool):
    """api.surveymonkey.com: webhooks by name, responses oldest first, and the survey that names their choices."""

    host = "api.surveymonkey.com"

    def __init__(self, survey: dict[str, Any]) -> None:
        super().__init__()
        self.survey = survey
        self.hooks: dict[str, dict[str, Any]] = {}
        self.responses: list[dict[str, Any]] = []
        self.page_size = 100

    def answer(self, request: Asked) -> Answer:
        path, survey = request.path.removeprefix("/v3"), f"/surveys/{self.survey['id']}"
        if path.startswith("/webhooks"):
            return self._hook(request, path)
        if path == f"{survey}/details":
            return 200, {}, self.survey
        if path == f"{survey}/responses/bulk":
            return 200, {}, self._page(request.query)
        for each in self.responses:
            if path == f"{survey}/responses/{each['id']}/details":
                return 200, {}, each
        return 404, {}, {"error": {"id": "1020"}}

    def _hook(self, request: Asked, path: str) -> Answer:
        name = path.removeprefix("/webhooks").strip("/")
        if request.method == "GET" and not name:
            return 200, {}, {"data": [{"id": key, "name": hook["name"]} for key, hook in self.hooks.items()]}
        if request.method == "GET":
            return 200, {}, self.hooks[name]
        key = name or str(1000 + len(self.hooks))
        self.hooks[key] = self.hooks.get(key, {}) | request.json() | {"id": key}
        return (200 if name else 201), {}, self.hooks[key]

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        there = [each for each in self.responses if each["date_modified"] >= query.get("start_modified_at", "")]
        there.sort(key=lambda each: str(each["date_modified"]))
        size, page = min(int(query["per_page"]), self.page_size), int(query["page"])
        links = {"next": "https://api.surveymonkey.com/v3/elsewhere?page=9"} if page * size < len(there) else {}
        return {"data": there[(page - 1) * size : page * size], "page": page, "per_page": size, "links": links}


@dataclass
class SurveyTools:
    """A proxy behind which the tools' hosts are. `environment` leads httpx (and so every process of ours) here."""

    tools: Sequence[Tool]
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def running(self) -> Iterator["SurveyTools"]:
        chain = certificate(self.folder, [tool.host for tool in self.tools])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        server = _Proxy({tool.host: tool for tool in self.tools}, context)
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
        super().__init__(("127.0.0.1", 0), _Connection)
        self.tools = tools
        self.context = context

    def handle_error(self, *_: object) -> None:
        """A client that goes away in mid-talk is none of our business."""


class _Connection(BaseHTTPRequestHandler):
    """One connection: CONNECT to a host, then TLS, then requests."""

    protocol_version = "HTTP/1.1"
    server: _Proxy
    tool: Tool | None = None

    def do_CONNECT(self) -> None:
        self.tool = self.server.tools.get(self.path.partition(":")[0])
        if self.tool is None:
            self.send_error(502)
            return
        self.send_response(200)
        self.end_headers()
        self.rfile.close()
        self.wfile.close()
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)

    def _answered(self) -> None:
        assert self.tool is not None
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {key.lower(): value for key, value in self.headers.items()}
        status, more, said = self.tool(Asked(self.command, f"https://{self.tool.host}{self.path}", headers, body))
        content = sent(said)
        self.send_response(status)
        for key, value in more.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

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
