"""A stand-in for GOV.UK Notify, after its documentation: tokens, templates, mails, and looking them up."""

import base64
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import jwt

SERVICE = "26785a09-ab16-4eb0-8407-a37497a57506"
SECRET = "3d844edf-8d35-48ac-975b-e847b4f122b0"
TEMPLATE = "f33517ff-2a88-4f6e-b855-c550268ce08a"
CLOCK_TOLERANCE_S = 30


@dataclass
class Office:
    """What it does, and what it took."""

    placeholders: tuple[str, ...] = ("subject", "name", "link_to_file")
    answer: tuple[int, str] | None = None
    """Status and message with which it refuses every mail."""
    stall_s: float = 0.0
    """How long it says nothing after it took a mail."""
    status: str = "delivered"
    before: Callable[[], None] | None = None
    """What happens when a mail comes in."""
    taken: list[dict[str, Any]] = field(default_factory=list)

    def pdfs(self) -> list[bytes]:
        """The files behind the links."""
        return [base64.b64decode(each["personalisation"]["link_to_file"]["file"]) for each in self.taken]


class NotifyServer:
    """It listens on a free port of this machine."""

    def __init__(self, office: Office | None = None) -> None:
        self.office = office or Office()
        self._server = _Server(self.office)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def url(self, secret: str = SECRET, options: str = "&timeout=10") -> str:
        """The address that `TALENTLINE_MAIL_URL` names."""
        port = self._server.server_address[1]
        return f"govuk-notify://:a_test_key-{SERVICE}-{secret}@127.0.0.1:{port}?template={TEMPLATE}&tls=never{options}"


class _Server(ThreadingHTTPServer):
    def __init__(self, office: Office) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.office = office


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def office(self) -> Office:
        """What it does, and what it took."""
        assert isinstance(self.server, _Server)
        return self.server.office

    def do_GET(self) -> None:
        if self._is_known():
            path = urlsplit(self.path)
            if path.path == f"/v2/template/{TEMPLATE}":
                self._say(200, {"id": TEMPLATE, "type": "email", "personalisation": _fields(self.office)})
            elif path.path == "/v2/notifications":
                self._say(200, {"notifications": _found(self.office, parse_qs(path.query))})
            else:
                self._refuse(404, "NoResultFound", "No result found")

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._is_known():
            return
        if self.office.before:
            self.office.before()
        missing = [name for name in self.office.placeholders if name not in asked["personalisation"]]
        if missing:
            self._refuse(400, "BadRequestError", f"Missing personalisation: {', '.join(missing)}")
        elif self.office.answer:
            self._refuse(self.office.answer[0], *self.office.answer[1].split(": ", 1))
        else:
            self.office.taken.append({**asked, "created_at": datetime.now(UTC).isoformat()})
            time.sleep(self.office.stall_s)
            self._say(201, {"id": "740e5834-3a29-46b4-9a6f-16142fde533a", "reference": asked["reference"]})

    def _is_known(self) -> bool:
        token = self.headers["Authorization"].removeprefix("Bearer ")
        try:
            said = jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_iat": False})
        except jwt.InvalidTokenError:
            said = {}
        if said.get("iss") == SERVICE and abs(time.time() - said["iat"]) < CLOCK_TOLERANCE_S:
            return True
        self._refuse(403, "AuthError", "Invalid token: API key not found")
        return False

    def _refuse(self, status: int, kind: str, message: str) -> None:
        self._say(status, {"status_code": status, "errors": [{"error": kind, "message": message}]})

    def _say(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:  # who asked has gone away
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Tests read what is logged."""


def _fields(office: Office) -> dict[str, Any]:
    return {name: {"required": True} for name in office.placeholders}


def _found(office: Office, asked: dict[str, list[str]]) -> list[dict[str, Any]]:
    reference = asked.get("reference", [""])[0]
    return [
        {"reference": each["reference"], "status": office.status, "created_at": each["created_at"]}
        for each in office.taken
        if each["reference"] == reference
    ]
