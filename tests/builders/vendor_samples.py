"""The recorded requests of `tests/samples/<vendor>/`, and what an attacker could make of them, by their scheme."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from services.intake.core.door import judge
from services.intake.core.explaining import Recorded, recorded
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import ApiAnswer, Refused, Reply, RequestNeeded, Responses, Secrets, Vendor, Verified
from services.intake.vendors import VENDORS

SAMPLES = Path(__file__).parents[1] / "samples"
NOT_VENDORS = {"api", "events", "pages", "registrations", "scoring", "tls"}
SIGNED = {"hmac_header", "hmac_form_field", "standard_webhooks"}
"""Schemes that sign the body."""


class Sample:
    """A recorded request with what is expected of it."""

    def __init__(self, path: Path) -> None:
        self.vendor = path.parent.name
        self.name = f"{self.vendor}-{path.stem}"
        self.content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        self.expected: dict[str, Any] = self.content["expected"]
        self.kind: str = self.content["kind"]
        self.auth: dict[str, Any] = self.content["auth"]
        self.scheme: str = self.auth["scheme"]
        self.recorded: Recorded = recorded(self.content)

    @property
    def request(self) -> RawRequest:
        return self.recorded.request

    @property
    def plugin(self) -> Vendor:
        return VENDORS[self.vendor].configured(self.recorded.settings)

    @property
    def secret(self) -> str:
        return self.recorded.secrets.text

    def verdict(
        self, request: RawRequest | None = None, secret: str | None = None, *, now: Any = None
    ) -> Verified | Refused | Reply:
        """What the door says to a request (by default the recorded one) under a secret (by default the right one)."""
        secrets = Secrets(self.secret if secret is None else secret, self.recorded.secrets.keys)
        return judge(self.plugin, request or self.request, secrets, now or self.recorded.now)

    @property
    def answers(self) -> list[ApiAnswer]:
        """What the API answers, as far as it answers with 2xx."""
        return [ApiAnswer(json.dumps(each["json"]).encode()) for each in self.recorded.api if each["status"] < 300]

    def asked(self) -> Iterator[RequestNeeded]:
        """The requests that reading it needs."""
        answers = self.answers
        for count in range(len(answers) + 1):
            reading = self.plugin.read(self.request.kept, answers[:count])
            if isinstance(reading, RequestNeeded):
                yield reading

    def responses(self) -> Responses:
        reading = self.plugin.read(self.request.kept, self.answers)
        assert isinstance(reading, Responses)
        return reading

    # What carries the proof of the sender

    @property
    def proof_header(self) -> str:
        """The header that carries it; empty if it is elsewhere."""
        places: dict[str, str] = {
            "hmac_header": self.auth.get("header", ""),
            "header_token": self.auth.get("header", ""),
            "standard_webhooks": f"{self.auth.get('header_prefix')}signature",
            "basic": "Authorization",
            "bearer": "Authorization",
            "oidc_jwt": "Authorization",
        }
        return places.get(self.scheme, "")

    @property
    def proof(self) -> str:
        """The proof as it was sent."""
        if self.proof_header:
            return self.request.header(self.proof_header)[0]
        if self.scheme == "path_token":
            return self.request.path
        if self.scheme == "hmac_form_field":
            return dict(parse_qsl(self.request.body.decode()))[self.auth["field"]]
        return str(json.loads(self.request.body)[self.auth["field"]])

    def proven_by(self, *values: str) -> RawRequest:
        """The request with other proofs; none: without any."""
        if self.proof_header:
            return with_header(self.request, self.proof_header, *values)
        value = values[-1] if values else ""
        if self.scheme == "path_token":
            return replace(self.request, path=value)
        if self.scheme == "hmac_form_field":
            form = dict(parse_qsl(self.request.body.decode())) | {self.auth["field"]: value}
            sent = {name: each for name, each in form.items() if values or name != self.auth["field"]}
            return replace(self.request, body=urlencode(sent, errors="replace").encode())
        body = json.loads(self.request.body) | {self.auth["field"]: value}
        return replace(self.request, body=json.dumps(body).encode())

    def signed_with(self, key: bytes, algorithm: str) -> RawRequest:
        """A body signed like this one, with any key and algorithm."""
        if self.scheme == "standard_webhooks":
            prefix = self.auth["header_prefix"]
            name, time = (self.request.header(f"{prefix}{part}")[0].encode() for part in ("id", "timestamp"))
            digest = hmac.digest(key, b".".join((name, time, self.request.body)), algorithm)
            return self.proven_by(f"v1,{base64.b64encode(digest).decode()}")
        if self.scheme == "hmac_form_field":
            signed = dict(parse_qsl(self.request.body.decode()))[self.auth["signed_field"]]
            return self.proven_by(hmac.digest(key, signed.encode(), algorithm).hex())
        digest = hmac.digest(key, self.request.body, algorithm)
        encoded = digest.hex() if self.auth["encoding"] == "hex" else base64.b64encode(digest).decode()
        return self.proven_by(self.auth["prefix"] + encoded)

    @property
    def key(self) -> bytes:
        """The key of the signature."""
        if self.scheme == "standard_webhooks":
            return base64.b64decode(self.secret.removeprefix("whsec_"))
        template = self.auth.get("key_template", "{secret}")
        return str(template.format(client_id=self.auth.get("client_id"), secret=self.secret)).encode()


def with_header(request: RawRequest, name: str, *values: str) -> RawRequest:
    """The request with these values of a header, and no others."""
    others = tuple(pair for pair in request.headers if pair[0].lower() != name.lower())
    return replace(request, headers=(*others, *((name, value) for value in values)))


@cache
def every() -> tuple[Sample, ...]:
    """All samples of all vendors."""
    return tuple(Sample(path) for path in sorted(SAMPLES.glob("*/*.json")) if path.parent.name not in NOT_VENDORS)


def genuine() -> list[Sample]:
    """Verified deliveries, one of each vendor and kind of proof: those that attacks start from."""
    posts = [each for each in every() if each.expected["verified"] is True and each.request.method == "POST"]
    first: dict[tuple[str, str], Sample] = {}
    for sample in posts:
        first.setdefault((sample.vendor, kind_of_proof(sample)), sample)
    return list(first.values())


def kind_of_proof(sample: Sample) -> str:
    """The scheme; of a signature with a public key its version as well."""
    return f"{sample.scheme} {'v1a' if sample.auth.get('public_keys') else ''}"


def digest_of(sample: Sample) -> Mapping[str, object]:
    """Length and hash of a sample's body, as its file claims them."""
    body = sample.request.body
    return {"body_length": len(body), "body_sha256": hashlib.sha256(body).hexdigest()}
