"""A stand-in for SurveyMonkey's API, after its documentation: the details of surveys and of responses, with a token."""

import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from shared.http_client import HttpClient
from tests.servers.rerouted import Rerouted

TOKEN = "surveymonkey-token-for-tests"


@dataclass
class Account:
    """What it knows: documents by address, `/surveys/1/details` and so on; and how often each was asked for."""

    documents: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)


class SurveyMonkeyServer:
    """It listens on a free port of this machine."""

    def __init__(self) -> None:
        self.account = Account()
        self._server = _Server(self.account)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def client(self) -> HttpClient:
        """A client for which this server is whatever host it asks, over a real connection."""
        transport = Rerouted(self._server.server_address[1])
        return HttpClient(timeout=timedelta(seconds=5), max_bytes=2**20, transport=transport)


class _Server(ThreadingHTTPServer):
    def __init__(self, account: Account) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.account = account


class _Answering(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        account, path = self.server.account, self.path.removeprefix("/v3")
        account.asked[path] += 1
        known = self.headers["Authorization"] == f"Bearer {TOKEN}" and self.headers["Host"] == "api.surveymonkey.com"
        document = account.documents.get(path) if known else None
        body = json.dumps(document or {"error": {"id": "1020"}}).encode()
        self.send_response(200 if document else 404 if known else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""
