"""Stand-ins for single survey tools, after their documentation: they keep webhooks and responses, and give pages."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from tests.servers.survey_tools import TOKEN, Answer, Asked, Tool


class TypeformApi(Tool):
    """api.typeform.com: webhooks by tag, responses newest first."""

    host = "api.typeform.com"

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form
        self.hooks: dict[str, dict[str, Any]] = {}
        self.responses: list[dict[str, Any]] = []
        """In any order; each as the API lists it."""
        self.fields: list[dict[str, Any]] = []
        """What the form asks."""
        self.page_size = 1000

    def answer(self, request: Asked) -> Answer:
        base = f"/forms/{self.form}"
        if request.path == base:
            return 200, {}, {"id": self.form, "fields": self.fields, "hidden": ["participant", "rater", "relationship"]}
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


class Documents(Tool):
    """Any tool of which only what it answers to a GET matters: document by path."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self.host = host
        self.documents: Mapping[str, Any] = {}

    def answer(self, request: Asked) -> Answer:
        document = self.documents.get(request.path) if request.method == "GET" else None
        return (200, {}, document) if document else (404, {}, {"error": {"id": "1020"}})


class GoogleFormsApi(Tool):
    """forms.googleapis.com: one watch of a form, which ends in a week unless it is renewed."""

    host = "forms.googleapis.com"

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form
        self.watch: dict[str, Any] | None = None
        self.ends = "2026-03-18T09:30:00Z"
        """When a watch ends that is made or renewed now."""

    def answer(self, request: Asked) -> Answer:
        base = f"/v1/forms/{self.form}/watches"
        if (request.method, request.path) == ("GET", base):
            return 200, {}, {"watches": [self.watch]} if self.watch else {}
        if (request.method, request.path) == ("POST", base):
            self.watch = request.json()["watch"] | {"id": "w1", "state": "ACTIVE", "expireTime": self.ends}
            return 200, {}, self.watch
        if (request.method, request.path) == ("POST", f"{base}/w1:renew") and self.watch:
            self.watch |= {"state": "ACTIVE", "expireTime": self.ends}
            return 200, {}, self.watch
        return 404, {}, {"error": {"status": "NOT_FOUND"}}


class LimeSurveyApi(Tool):
    """RemoteControl 2 of a LimeSurvey server: a session for the user's password, then methods by name."""

    host = "survey.example.org"
    session = "session-hush"

    def __init__(self, questions: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        self.questions = questions
        self.responses: list[dict[str, Any]] = []
        """By codes of questions; each has an `id`."""
        self.password = TOKEN

    def knows(self, request: Asked) -> bool:
        """It says who is known in its answers."""
        return request.path == "/index.php/admin/remotecontrol"

    def answer(self, request: Asked) -> Answer:
        method, params = request.json()["method"], request.json()["params"]
        return 200, {}, {"id": 1, "error": None, "result": self._result(method, params)}

    def _result(self, method: str, params: Sequence[Any]) -> Any:
        if method == "get_session_key":
            known = params == ["talentline", self.password]
            return self.session if known else {"status": "Invalid user name or password"}
        if params[0] != self.session:
            return {"status": "Invalid session key"}
        if method == "list_questions":
            return self.questions
        first, last = params[7:9]
        found = [each for each in self.responses if first <= int(each["id"]) <= last]
        return base64.b64encode(json.dumps({"responses": found}).encode()).decode()


class RedcapApi(Tool):
    """A REDCap server's API: records with one instrument, by their number or since they were changed."""

    host = "redcap.example.ac.uk"

    def __init__(self) -> None:
        super().__init__()
        self.records: list[dict[str, Any]] = []
        self.changed: dict[str, str] = {}
        """When each record was changed last."""

    def knows(self, request: Asked) -> bool:
        return f"token={TOKEN}" in request.body.decode()

    def answer(self, request: Asked) -> Answer:
        wanted = dict(parse_qsl(request.body.decode()))
        since, one = wanted.get("dateRangeBegin", ""), wanted.get("records[0]")
        found = [
            each
            for each in self.records
            if self.changed[each["record_id"]] >= since and one in {None, each["record_id"]}
        ]
        return 200, {}, found
